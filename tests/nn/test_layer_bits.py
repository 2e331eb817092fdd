"""Each layer by itself: a slice of a stack's result is the result of the slice, bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from stacks import OneBatch, attach

from bnexp.nn.activations import FUNCTIONS, Activation
from bnexp.nn.dense import Dense
from bnexp.nn.dropout import Dropout
from bnexp.nn.layer import Array, Layer, Workspace
from bnexp.nn.norms import BatchNorm

RUNS = 8
#: Makes the layer of the given runs.
Maker = Callable[[Workspace, slice], Layer]


def results(make: Maker, x: Array, dy: Array, runs: slice) -> dict[str, Array]:
    """Go forward, backward and forward in evaluation with some of the runs."""
    layer = make(Workspace(np.dtype(np.float32)), runs)
    attach(layer, RUNS, np.random.default_rng(1))
    for arrays in (layer.params, layer.grads, layer.stats):
        for name in arrays:
            arrays[name] = arrays[name][runs].copy()
    x = x if len(x) == 1 else x[runs]
    with np.errstate(all="ignore"):
        found = {"y": layer.forward(x.copy(), True).copy()}
        dx = layer.backward(dy[runs].copy())
        assert dx is not None
        found["dx"] = dx.copy()
        found["evaluated"] = layer.forward(x.copy(), False).copy()
    return {**found, **layer.grads, **layer.stats}


def assert_slices(make: Maker, features: int, units: int, batch: int) -> None:
    rng = np.random.default_rng((features, units, batch))
    x = (3 * rng.standard_normal((RUNS, features, batch))).astype(np.float32)
    dy = rng.standard_normal((RUNS, units, batch)).astype(np.float32)
    x[2], dy[6] = np.nan, np.inf
    whole = results(make, x, dy, slice(0, RUNS))
    for runs in (slice(0, 1), slice(5, 6), slice(7, 8), slice(3, 6), slice(0, 5)):
        part = results(make, x, dy, runs)
        for name in whole:
            assert np.array_equal(part[name], whole[name][runs], equal_nan=True), (name, runs)


@pytest.mark.parametrize("batch", [100, 97, 500, 1])
@pytest.mark.parametrize(("inputs", "units"), [(784, 100), (100, 100), (100, 10), (64, 33)])
def test_dense(inputs: int, units: int, batch: int) -> None:
    assert_slices(
        lambda workspace, runs: Dense(workspace, inputs, units, bias=True, ordinal=1),
        inputs,
        units,
        batch,
    )


@pytest.mark.parametrize(("features", "batch"), [(100, 100), (33, 97), (100, 1), (3, 5)])
@pytest.mark.parametrize("kind", FUNCTIONS)
def test_activation(kind: str, features: int, batch: int) -> None:
    assert_slices(lambda workspace, runs: Activation(workspace, kind), features, features, batch)


@pytest.mark.parametrize(("features", "batch"), [(100, 100), (33, 97), (784, 17), (1, 2)])
@pytest.mark.parametrize("affine", ["vector", "scalar", "none"])
def test_batch_norm(affine: str, features: int, batch: int) -> None:
    eps = np.array([0, 1e-6, 1e-5, 1e-4, 1e-3, 0, 0.1, 1])
    momentum = np.linspace(0, 1, RUNS)
    assert_slices(
        lambda workspace, runs: BatchNorm(
            workspace,
            features,
            eps=eps[runs],
            momentum=momentum[runs],
            gamma=affine,
            beta=affine,
        ),
        features,
        features,
        batch,
    )


@pytest.mark.parametrize(("features", "batch"), [(100, 100), (33, 97)])
def test_dropout(features: int, batch: int) -> None:
    rate = np.array([0, 0.5, 0.1, 0, 0.9, 0.5, 0.5, 0.3])
    seeds = [1, 1, 2, 1, 3, 3, 2, 1]
    assert_slices(
        lambda workspace, runs: Dropout(workspace, rate=rate[runs], seeds=seeds[runs], ordinal=3),
        features,
        features,
        batch,
    )


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("classes", [10, 3, 100])
@pytest.mark.parametrize("batch", [100, 97, 500, 1])
def test_loss(classes: int, batch: int, shared: bool) -> None:
    rng = np.random.default_rng((classes, batch))
    logits = (3 * rng.standard_normal((RUNS, classes, batch))).astype(np.float32)
    logits[2] = np.nan
    labels = rng.integers(0, classes, (1 if shared else RUNS, batch))

    def measured(runs: slice) -> tuple[Array, Array, Array]:
        loss = OneBatch()
        losses, right = loss.measure(logits[runs].copy(), labels if shared else labels[runs])
        return losses, right, loss.gradient()

    whole = measured(slice(0, RUNS))
    for runs in (slice(0, 1), slice(5, 6), slice(3, 6), slice(0, 5)):
        for part, all_runs in zip(measured(runs), whole, strict=True):
            assert np.array_equal(part, all_runs[runs], equal_nan=True)
