"""Convolutions and pools: a run has the same bits alone, in any stack and beside any neighbour.

In float32 and at the sizes that are used, so that products are cut and runs grouped as in earnest.
"""

from __future__ import annotations

import numpy as np
import pytest
from images import Convolution, same

from bnexp.nn.layer import Array, Workspace
from bnexp.nn.pool import Pool

RUNS = 5
SIZES = {
    "colour": (Convolution((32, 3, 32), 8, padding=same(3)), 256),
    "colour, first": (Convolution((32, 3, 32), 8, padding=same(3), ordinal=0), 256),
    "large": (Convolution((32, 8, 32), 8, padding=same(3)), 100),
    "cut in parts": (Convolution((16, 16, 16), 16, padding=same(3)), 500),
    "cut in strips": (Convolution((8, 32, 20), 64, kernel=5), 128),
    "digits": (Convolution((8, 8, 8), 8, padding=same(3)), 32),
    "odd": (Convolution((9, 7, 11), 5, padding=same(3)), 97),
    "strided": (Convolution((28, 3, 28), 8, kernel=5, stride=2, padding=((1, 2), (1, 2))), 100),
    "pointwise": (Convolution((8, 16, 8), 32, kernel=1), 60),
    "one filter": (Convolution((8, 3, 8), 1, padding=same(3)), 33),
    "one channel": (Convolution((12, 1, 12), 8, kernel=5), 64),
    "one example": (Convolution((16, 8, 16), 16, padding=same(3)), 1),
    "one pixel": (Convolution((3, 4, 3), 6), 50),
}
SLICES = (slice(0, 1), slice(3, 4), slice(4, 5), slice(1, 4), slice(0, 4))


def results(case: Convolution, x: Array, dy: Array, runs: slice) -> dict[str, Array]:
    """Go forward, backward and forward in evaluation with some of the runs."""
    layer = case.build(RUNS, np.float32)
    for arrays in (layer.params, layer.grads):
        for name in arrays:
            arrays[name] = arrays[name][runs].copy()
    x = x if len(x) == 1 else x[runs].copy()
    with np.errstate(all="ignore"):
        found = {"y": layer.forward(x, True).copy()}
        dx = layer.backward(dy[runs].copy())
        if dx is not None:
            found["dx"] = dx.copy()
        found["evaluated"] = layer.forward(x[..., :70], False).copy()
    return {**found, **layer.grads}


def assert_same(one: dict[str, Array], other: dict[str, Array]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == np.float32
        assert np.array_equal(one[name], other[name], equal_nan=True), name


@pytest.mark.parametrize("name", SIZES)
def test_alone_and_in_a_stack(name: str) -> None:
    case, batch = SIZES[name]
    x, dy = case.example(RUNS, batch, np.float32)
    x[2], dy[2] = np.nan, np.inf
    if case.ordinal == 0:
        x = x[:1].copy()
    whole = results(case, x, dy, slice(0, RUNS))
    assert all(np.isfinite(array[[0, 1, 3, 4]]).all() for array in whole.values())
    for runs in SLICES:
        assert_same(results(case, x, dy, runs), {n: array[runs] for n, array in whole.items()})


@pytest.mark.parametrize("name", ["colour, first", "odd", "strided", "digits", "one example"])
def test_a_shared_input_gives_the_bits_of_a_copy_for_each_run(name: str) -> None:
    case, batch = SIZES[name]
    x, dy = case.example(RUNS, batch, np.float32)
    shared = results(case, x[:1].copy(), dy, slice(0, RUNS))
    own = results(case, np.repeat(x[:1], RUNS, axis=0), dy, slice(0, RUNS))
    assert_same(shared, own)


@pytest.mark.parametrize(
    ("shape", "window", "stride"),
    [
        ((32, 8, 32), (2, 2), (2, 2)),
        ((16, 5, 15), (3, 3), (2, 2)),
        ((8, 16, 8), (8, 8), (8, 8)),
        ((7, 1, 7), (2, 3), (2, 3)),
    ],
)
@pytest.mark.parametrize("batch", [100, 1])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pool(
    kind: str,
    batch: int,
    shape: tuple[int, int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((RUNS, *shape, batch)).astype(np.float32)
    out = Pool(Workspace(np.dtype(np.float32)), shape, kind, window=window, stride=stride).out_shape
    dy = rng.standard_normal((RUNS, *out, batch)).astype(np.float32)
    x[2], dy[2] = np.nan, np.inf

    def pooled(runs: slice) -> dict[str, Array]:
        layer = Pool(Workspace(np.dtype(np.float32)), shape, kind, window=window, stride=stride)
        with np.errstate(all="ignore"):
            y = layer.forward(x[runs].copy(), True)
            return {
                "y": y,
                "dx": layer.backward(dy[runs].copy()),
                "evaluated": layer.forward(x[runs].copy(), False),
            }

    whole = pooled(slice(0, RUNS))
    for runs in SLICES:
        assert_same(pooled(runs), {name: array[runs] for name, array in whole.items()})
