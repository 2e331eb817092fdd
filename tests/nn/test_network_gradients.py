"""The gradient of the whole loss, penalties included, for every parameter of every kind of network.

And the values: a few steps of SGD as PyTorch makes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from gradcheck import assert_gradients
from stacks import Member, OneBatch, Topology, build_network, build_penalty, column

from bnexp.nn import Network
from bnexp.nn.activations import FUNCTIONS, Activation
from bnexp.nn.layer import Array
from bnexp.optim import SGD

VALUES = json.loads((Path(__file__).parent / "fixtures/torch_values.json").read_text("utf-8"))
BATCH = 6
MEMBERS = [
    Member(seed=1, eps=1e-3, dropout=0.5, l1=0.02, l2=0.3),
    Member(seed=1, eps=0.1, dropout=0.0, l1=0.0, l2=0.1, scale=0.5),
    Member(seed=2, eps=1e-2, dropout=0.2, l1=0.05, l2=0.0),
]


def least_distance_to_a_kink(network: Network, x: Array) -> float:
    """Return the least absolute input of any activation, dropout masks frozen."""
    network.start_epoch(1)
    least = np.inf
    for layer in network.layers:
        if isinstance(layer, Activation):
            least = min(least, float(np.abs(x).min()))
        x = layer.forward(x.copy(), True)
    return least


def settle(
    topology: Topology, members: list[Member], rng: np.random.Generator
) -> tuple[Network, Array]:
    """Draw parameters and inputs until no activation is near a kink, and no weight near 0."""
    for _ in range(500):
        network = build_network(topology, members, np.float64)
        theta = rng.standard_normal(network.theta.shape)
        network.theta[...] = theta + 0.1 * np.sign(theta)
        x = rng.standard_normal((len(members), topology.inputs, BATCH))
        if least_distance_to_a_kink(network, x) > 1e-3:
            return network, x
    raise AssertionError("no such parameters found")


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("norm", ["none", "before", "after"])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_gradients(
    activation: str, norm: Literal["none", "before", "after"], dropout: bool, runs: int
) -> None:
    rng = np.random.default_rng(1)
    members = MEMBERS[:runs]
    if not dropout:
        members = [Member(m.seed, m.scale, eps=m.eps, l1=m.l1, l2=m.l2) for m in members]
    topology = Topology(4, (5, 6), classes=3, activation=activation, norm=norm)
    network, x = settle(topology, members, rng)
    labels = rng.integers(0, 3, (runs, BATCH))
    penalty, loss = build_penalty(network, members), OneBatch()

    def objective() -> Array:
        network.start_epoch(1)
        losses, _ = loss.measure(network.forward(x, True), labels)
        return losses / BATCH + penalty.loss(network.theta)

    objective()
    network.grads[...] = np.nan
    network.backward(loss.gradient())
    penalty.add_gradient(network.theta, network.grads)
    flat = (network.theta, network.grads.copy())
    views = {}
    for index, layer in enumerate(network.layers):
        for name, tensor in layer.params.items():
            views[f"{index}.{name}"] = (tensor, layer.grads[name].copy())
    assert sum(tensor[0].size for tensor, _ in views.values()) == network.theta.shape[1]
    assert_gradients(objective, {"theta": flat, **views})


@pytest.mark.parametrize("beta", ["vector", "scalar", "none"])
@pytest.mark.parametrize("gamma", ["scalar", "none"])
def test_gradients_of_the_other_affine_forms(
    gamma: Literal["scalar", "none"], beta: Literal["vector", "scalar", "none"]
) -> None:
    rng = np.random.default_rng(2)
    topology = Topology(
        4, (3, 4), classes=3, activation="tanh", norm="before", gamma=gamma, beta=beta
    )
    members = [Member(eps=0.1), Member(eps=1.0)]
    network, x = settle(topology, members, rng)
    labels = rng.integers(0, 3, (2, BATCH))
    loss = OneBatch()

    def objective() -> Array:
        return loss.measure(network.forward(x, True), labels)[0] / BATCH

    objective()
    network.backward(loss.gradient())
    assert_gradients(objective, {"theta": (network.theta, network.grads.copy())})


def test_a_network_without_hidden_layers() -> None:
    rng = np.random.default_rng(3)
    network, x = settle(Topology(4, (), classes=3), [Member()], rng)
    labels = rng.integers(0, 3, (1, BATCH))
    loss = OneBatch()

    def objective() -> Array:
        return loss.measure(network.forward(x, True), labels)[0] / BATCH

    objective()
    network.backward(loss.gradient())
    assert_gradients(objective, {"theta": (network.theta, network.grads.copy())})


def flatten(parameters: list[Array]) -> Array:
    """Put PyTorch's [W1, gamma, beta, W2, b2] in the order of theta: weights first."""
    W1, gamma, beta, W2, b2 = parameters
    return np.concatenate([np.ravel(p) for p in (W1, W2, gamma, beta, b2)])


def test_steps_against_pytorch() -> None:
    values = VALUES["network"]
    topology = Topology(5, (4,), classes=3, activation="tanh", norm="before", nesterov=True)
    # A neighbour with other numbers beside it.
    members = [Member(eps=0.5, lr=0.1), Member(eps=1e-5, lr=0.3, momentum=0.8, l2=0.05)]
    network = build_network(topology, members, np.float64)
    network.theta[1] = flatten(values["start"])
    penalty, loss = build_penalty(network, members), OneBatch()
    optimizer = SGD(
        network.theta,
        lr=column(members, "lr"),
        momentum=column(members, "momentum"),
        nesterov=True,
    )
    for x, labels, expected in zip(values["x"], values["labels"], values["losses"], strict=True):
        losses, _ = loss.measure(network.forward(np.array([x]), True), np.array([labels]))
        network.backward(loss.gradient())
        penalty.add_gradient(network.theta, network.grads)
        optimizer.step(network.theta, network.grads)
        assert losses[1] / 8 == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(network.theta[1], flatten(values["end"]), rtol=1e-10)
