"""The first layer seen from its examples gives the numbers of its weights, but for rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stacks import Member, OneBatch, Topology, build_network, examples

from bnexp.nn import Network
from bnexp.nn.examples import ExampleDense, Examples
from bnexp.optim import SGD

TOPOLOGY = Topology(60, (30, 20), norm="before", activation="tanh")
MEMBERS = [Member(), Member(scale=0.1, lr=0.5), Member(seed=4, momentum=0.9, lr=0.05)]


def make_twins(topology: Topology = TOPOLOGY, others: bool = True) -> tuple[Network, Network, Any]:
    """Return the same stack by its weights and by its examples, with these (40, 60)."""
    x, labels = examples(1, 40, 60)
    by_weights = build_network(topology, MEMBERS, np.float64)
    x = x.astype(np.float64)
    known = Examples(x, x @ x.T, others=others)
    spec = topology.describe()
    by_examples = Network(spec, by_weights.numbers, np.float64, known)
    by_examples.initialize(topology.scheme)
    return by_weights, by_examples, (x, labels)


def weights(network: Network) -> Any:
    """Return the weights of the first layer at this moment."""
    first = network.layers[0]
    assert isinstance(first, ExampleDense)
    return first.weights_now()


def steps(network: Network, x: Any, labels: Any, *, nesterov: bool, known: bool) -> list[Any]:
    """Train on batches drawn with replacement, of each run's own; return logits of every step."""
    lr, momentum = (np.array([getattr(m, name) for m in MEMBERS]) for name in ("lr", "momentum"))
    optimizer = SGD(network.theta, lr=lr, momentum=momentum, nesterov=nesterov)
    loss, rng, logits = OneBatch(), np.random.default_rng(3), []
    for _ in range(12):
        indices = rng.integers(0, len(x), (3, 10))
        batch = indices if known else x[indices].transpose(0, 2, 1)
        logits.append(network.forward(batch, train=True).copy())
        loss.measure(logits[-1].copy(), labels[indices])
        network.backward(loss.gradient())
        optimizer.step(network.theta, network.grads)
    return logits


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("norm", ["before", "none"])
def test_training_is_that_of_the_weights(nesterov, norm):
    topology = Topology(60, (30, 20), norm=norm, activation="tanh")
    by_weights, by_examples, (x, labels) = make_twins(topology)
    one = steps(by_weights, x, labels, nesterov=nesterov, known=False)
    two = steps(by_examples, x, labels, nesterov=nesterov, known=True)
    np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-9)
    # Then the weights themselves are the same, and so is what they give for any example.
    first = by_weights.layers[0].params["W"]
    np.testing.assert_allclose(weights(by_examples), first, rtol=1e-9, atol=1e-12)
    new = np.random.default_rng(9).random((1, 60, 7))
    expected = by_weights.forward(new, train=False)
    np.testing.assert_allclose(by_examples.forward(new, train=False), expected, rtol=1e-9)


def test_known_examples_are_evaluated_as_if_they_were_shown():
    _, network, (x, labels) = make_twins()
    steps(network, x, labels, nesterov=False, known=True)
    shown = network.forward(x[10:30].T[None], train=False).copy()
    np.testing.assert_allclose(network.forward(slice(10, 30), train=False), shown, rtol=1e-9)


def test_without_others_there_is_nothing_to_evaluate_them_with():
    _, network, _ = make_twins(others=False)
    assert "C" not in network.layers[0].params


def test_an_example_that_came_twice_counts_twice():
    by_weights, by_examples, (x, _) = make_twins()
    indices = np.array([[5, 5, 7, 5]])
    for network, batch in ((by_weights, x[indices].transpose(0, 2, 1)), (by_examples, indices)):
        dlogits = network.forward(batch, train=True) * 0 + np.arange(4)
        network.backward(dlogits)
        network.theta -= 0.1 * network.grads
    first = by_weights.layers[0].params["W"]
    np.testing.assert_allclose(weights(by_examples), first, rtol=1e-9, atol=1e-12)
