"""The flat arrays of a network, and that declared shapes are the actual ones."""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np
import pytest
from stacks import Member, OneBatch, Topology, build_network, examples, train

from bnexp.nn import Network
from bnexp.nn.activations import FUNCTIONS
from bnexp.nn.dense import Dense
from bnexp.nn.layer import Array
from bnexp.nn.norms import BatchNorm

FULL = Topology(6, (5, 4), classes=3, norm="before")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("units", [(), (1,), (5, 2, 7)])
@pytest.mark.parametrize("norm", ["none", "before", "after"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("affine", ["vector", "scalar", "none"])
def test_declared_shapes_are_the_actual_ones(
    dtype: type,
    runs: int,
    units: tuple[int, ...],
    norm: Literal["none", "before", "after"],
    dropout: float,
    affine: Literal["vector", "scalar", "none"],
) -> None:
    topology = Topology(6, units, classes=3, norm=norm, gamma=affine, beta=affine)
    spec = topology.describe(dropout=dropout > 0)
    network = build_network(topology, [Member(dropout=dropout)] * runs, dtype)
    assert network.theta.shape == network.grads.shape == (runs, spec.parameters)
    assert len(network.layers) == len(spec.layers)
    for batch in (7, 2):  # the last batch of an epoch is smaller
        for train_mode in (True, False):
            x: Array = np.ones((1, 6, batch), dtype)
            for layer in network.layers:
                x = layer.forward(x, train_mode)
                assert x.dtype == dtype
                for name, shape in {**layer.weights, **layer.others}.items():
                    assert layer.params[name].shape == layer.grads[name].shape == (runs, *shape)
                for name, shape in layer.state.items():
                    assert layer.stats[name].shape == (runs, *shape)
            assert x.shape == (runs, 3, batch)
    size = sum(int(np.prod(s)) for layer in network.layers for s in layer.state.values())
    assert network.stats.shape == (runs, size)
    for array in (network.theta, network.grads, network.stats):
        assert array.dtype == dtype


def views(network_array: Array, owned: list[Array]) -> list[tuple[int, int]]:
    """Return where each view begins and ends in its row, checking that it is one."""
    spans = []
    for view in owned:
        assert np.shares_memory(view, network_array)
        network_array[...] = -1
        view[...] = 2
        columns = np.flatnonzero(network_array[0] == 2)
        assert np.array_equal(columns, np.arange(columns[0], columns[-1] + 1))
        assert (network_array == network_array[:1]).all()
        assert len(columns) == view[0].size
        spans.append((int(columns[0]), int(columns[-1]) + 1))
    return spans


def test_layers_work_on_views_that_tile_the_flat_arrays_with_the_weights_first() -> None:
    network = build_network(FULL, [Member()] * 3, np.float32)
    weights = [layer.params["W"] for layer in network.layers if "W" in layer.params]
    assert [end for _, end in views(network.theta, weights)] == [30, 50, 62]
    assert network.weight_count == 62
    others = [layer.params[name] for layer in network.layers for name in layer.others]
    assert {start for start, _ in views(network.theta, others)} > {62}
    for flat, attribute in ((network.theta, "params"), (network.grads, "grads")):
        owned = [v for layer in network.layers for v in getattr(layer, attribute).values()]
        spans = sorted(views(flat, owned))
        assert spans[0][0] == 0
        assert spans[-1][1] == flat.shape[1] == 62 + 2 * (5 + 4) + 3
        assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))
    stats = [v for layer in network.layers for v in layer.stats.values()]
    assert sorted(views(network.stats, stats)) == [(0, 10), (10, 18)]


@pytest.mark.parametrize("start_var", [0.0, 1.0])
def test_initial_values(start_var: float) -> None:
    topology = Topology(6, (5, 4), classes=3, norm="after", start_var=start_var)
    network = build_network(topology, [Member(), Member(scale=2.0)], np.float32)
    network.theta[...] = network.stats[...] = np.nan
    network.initialize("he")
    for layer in network.layers:
        for name, value in layer.params.items():
            if name == "W":
                assert (value != 0).all()
            else:
                assert (value == (1 if name == "gamma" else 0)).all()
        if isinstance(layer, BatchNorm):
            assert (layer.running_mean == 0).all()
            assert (layer.running_var == start_var).all()


@pytest.mark.parametrize("norm", ["none", "before", "after"])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_every_parameter_trains(activation: str, norm: Literal["none", "before", "after"]) -> None:
    topology = Topology(64, (32, 32), activation=activation, norm=norm)
    start = build_network(topology, [Member()], np.float32)
    outcome = train(topology, [Member(lr=0.1)], steps=2)
    moved = moved_parameters(start, outcome["theta"])
    assert len(moved) == 6 if norm == "none" else 8
    assert all(moved.values()), moved


def moved_parameters(network: Network, theta: Array) -> dict[str, bool]:
    """Say of each parameter whether most of its entries are others in ``theta``."""
    before = network.theta.copy()
    moved = {}
    for index, layer in enumerate(network.layers):
        for name, value in layer.params.items():
            old = value.copy()
            network.theta[...] = theta
            moved[f"{index}.{name}"] = bool(np.mean(value != old) > 0.6)
            network.theta[...] = before
    return moved


@pytest.mark.parametrize("norm", ["none", "before", "after"])
def test_training_lowers_the_loss_of_every_run(norm: Literal["none", "before", "after"]) -> None:
    topology = Topology(64, (32,), norm=norm)
    network = build_network(topology, [Member(seed=s) for s in (1, 2, 3)], np.float32)
    x, y = examples(0, 50, 64)
    loss = OneBatch()
    losses = []
    for _ in range(30):
        losses.append(loss.measure(network.forward(x.T[None], True), y[None])[0])
        network.backward(loss.gradient())
        network.theta -= np.float32(0.1) * network.grads
    assert (losses[-1] < 0.9 * losses[0]).all()


def test_evaluation_between_steps_changes_nothing() -> None:
    x, y = examples(0, 100, 64)
    results = []
    for evaluates in (False, True):
        network = build_network(
            Topology(64, (32, 32), norm="before"), [Member(dropout=0.3)] * 2, np.float32
        )
        loss = OneBatch()
        network.start_epoch(1)
        for _ in range(2):
            loss.measure(network.forward(x.T[None], True), y[None])
            network.backward(loss.gradient())
            network.theta -= np.float32(0.1) * network.grads
            if evaluates:
                loss.measure(network.forward(x.T[None], False), y[None])
        results.append((network.theta, network.stats))
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])


def test_inputs_are_left_as_they_are() -> None:
    network = build_network(Topology(64, (32,), norm="after"), [Member()] * 2, np.float32)
    x = examples(0, 10, 64)[0].T[None]
    before = x.copy()
    network.backward(network.forward(x, True).copy())
    network.forward(x, False)
    assert np.array_equal(x, before)


def test_the_first_layer_alone_computes_no_input_gradient() -> None:
    network = build_network(FULL, [Member()], np.float32)
    first = [layer.first for layer in network.layers if isinstance(layer, Dense)]
    assert first == [True, False, False]
