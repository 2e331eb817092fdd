"""A batch norm right after a dense layer is part of that layer's weights in evaluation."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from norm_cases import BATCH_KINDS

from bnexp import describe
from bnexp.nn import Network
from bnexp.nn.build import Numbers
from bnexp.nn.dense import Dense
from bnexp.nn.examples import ExampleDense, Examples
from bnexp.nn.layer import Array
from bnexp.nn.norms import BatchNorm

RUNS, INPUTS, N = 3, 20, 30
NUMBERS = Numbers(
    seeds=[0, 1, 1],
    scale=np.array([1.0, 0.1, 2.0]),
    dropout=np.zeros(RUNS),
    eps=np.array([1e-3, 0.0, 0.5]),
    momentum=np.full(RUNS, 0.5),
)
X = np.random.default_rng(0).normal(2, 1, (N, INPUTS))


def make_network(
    kind: str,
    *,
    place: Literal["before", "after"] = "before",
    statistics: Literal["running", "population"] = "running",
    affine: describe.Affine = "vector",
    known: bool = False,
) -> Network:
    """Build a network whose parameters and statistics are random."""
    norm = describe.Norm(kind, (), affine, affine, 1.0, statistics)
    spec = describe.describe_network(
        INPUTS, 4, (8, 6), activation="tanh", norm=norm, norm_place=place, dropout=False
    )
    examples = Examples(X, X @ X.T, others=True) if known else None
    network = Network(spec, NUMBERS, np.float64, examples)
    network.initialize("he")
    rng = np.random.default_rng(5)
    for layer in network.layers:
        for name in layer.params.keys() - {"Z"}:
            layer.params[name][...] += rng.normal(0, 0.3, layer.params[name].shape)
        if isinstance(layer, ExampleDense):
            np.matmul(layer.weights_now(), X.T, out=layer.params["Z"])
    network.stats[...] = rng.uniform(0.5, 2, network.stats.shape)
    return network


def in_two_steps(network: Network, x: Array) -> Array:
    """Evaluate every layer alone, each norm after the layer before it."""
    y = x
    for layer in network.layers:
        if isinstance(layer, Dense | ExampleDense):
            W = layer.weights_now() if isinstance(layer, ExampleDense) else layer.params["W"]
            y = np.matmul(W, y) + layer.params.get("b", 0)
        elif isinstance(layer, BatchNorm):
            layer.is_folded, folded = False, layer.is_folded
            y = layer.forward(y, train=False)
            layer.is_folded = folded
        else:
            y = layer.forward(y, train=False)
    return y


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("affine", ["vector", "scalar", "none"])
@pytest.mark.parametrize("kind", BATCH_KINDS)
def test_evaluation_is_that_of_the_norm(kind: str, affine: describe.Affine, known: bool) -> None:
    network = make_network(kind, affine=affine, known=known)
    norms = [layer for layer in network.layers if isinstance(layer, BatchNorm)]
    assert [norm.is_folded for norm in norms] == [True, True]
    theta, stats = network.theta.copy(), network.stats.copy()
    new = np.random.default_rng(1).normal(2, 1, (1, INPUTS, 7))
    shown = [(new, new)] * 2 + [(slice(3, 9), X[3:9].T[None])] * 2 * known
    for given, x in shown:
        np.testing.assert_allclose(network.forward(given, False), in_two_steps(network, x), 1e-9)
    assert np.array_equal(network.theta, theta)
    assert np.array_equal(network.stats, stats)


def test_the_population_s_statistics_are_folded_as_they_are_now() -> None:
    network = make_network("batch", statistics="population")
    x, seen = X.T[None], []
    for part in (x[..., :12], x[..., 12:]):
        network.collect([part])
        seen.append(network.forward(x, train=False).copy())
        np.testing.assert_allclose(seen[-1], in_two_steps(network, x), 1e-9)
    assert not np.allclose(*seen)


def test_a_norm_after_the_activation_is_left_where_it_is() -> None:
    network = make_network("batch", place="after")
    norms = [layer for layer in network.layers if isinstance(layer, BatchNorm)]
    assert [norm.is_folded for norm in norms] == [False, False]
    x = X.T[None]
    np.testing.assert_allclose(network.forward(x, False), in_two_steps(network, x), 1e-9)
