"""Every norm: a run has the same bits alone and in any stack, whatever its neighbours do.

In float32 and at real widths. One neighbour's input is NaN and another's gradient infinite.
"""

from __future__ import annotations

import numpy as np
import pytest
from norm_cases import BATCH_KINDS, KINDS, make_norm, results

from bnexp.nn import blocks
from bnexp.nn.layer import Array, Shape
from bnexp.nn.norms import BatchNorm, Norm

RUNS = 6
EPS = np.array([0, 1e-6, 1e-3, 0.1, 0, 1])
MOMENTUM = np.linspace(0, 1, RUNS)
SEEDS = [1, 2, 1, 1, 3, 2]
PARTS = [slice(0, 1), slice(3, 4), slice(5, 6), slice(2, 5), slice(0, 4)]

CASES: list[tuple[Shape, int]] = [
    ((100,), 100),
    ((48,), 97),
    ((64,), 2),
    ((16, 8, 16), 64),
    ((8, 16, 8), 33),
    ((7, 4, 5), 1),
    ((7, 6, 5), 31),
    ((1, 8, 1), 40),
    ((32, 2, 32), 3),
]


def part_of(
    kind: str, shape: Shape, runs: slice, *, affine: str = "vector", statistics: str = "running"
) -> Norm:
    """Build the norm of some of the runs, with their parameters and their state."""
    options = {"gamma": affine, "beta": affine}
    if kind in BATCH_KINDS:
        options["statistics"] = statistics
    layer = make_norm(
        kind,
        shape,
        EPS[runs].tolist(),
        dtype=np.float32,
        momentum=MOMENTUM[runs],
        seeds=SEEDS[runs],
        **options,
    )
    rng = np.random.default_rng(7)
    for arrays in (layer.params, layer.grads, layer.stats):
        for name, array in arrays.items():
            drawn = rng.random((RUNS, *array.shape[1:])) + 0.5
            arrays[name] = drawn[runs].astype(np.float32)
    return layer


def inputs(shape: Shape, batch: int) -> tuple[Array, Array]:
    rng = np.random.default_rng((*shape, batch))
    x, dy = (2 + 3 * rng.standard_normal((2, RUNS, *shape, batch))).astype(np.float32)
    x[1], dy[4] = np.nan, np.inf
    return x, dy


def skip_degenerate(kind: str, shape: Shape) -> bool:
    return kind == "instance" and (len(shape) == 1 or shape[0] * shape[2] == 1)


CROSSED = [(k, s, b) for k in KINDS for s, b in CASES if not skip_degenerate(k, s)]


@pytest.mark.parametrize(("kind", "shape", "batch"), CROSSED)
@pytest.mark.parametrize("affine", ["vector", "scalar", "none"])
def test_alone_and_in_a_stack(kind: str, shape: Shape, batch: int, affine: str) -> None:
    x, dy = inputs(shape, batch)
    whole = results(part_of(kind, shape, slice(0, RUNS), affine=affine), x, dy)
    for runs in PARTS:
        part = results(part_of(kind, shape, runs, affine=affine), x[runs], dy[runs])
        assert part.keys() == whole.keys()
        for name in whole:
            assert np.array_equal(part[name], whole[name][runs], equal_nan=True), (name, runs)
    healthy = [0, 2, 3, 5]
    for name in ("y", "dx"):
        assert np.isfinite(whole[name][healthy]).all(), name
    assert not np.isfinite(whole["y"][1]).any()


@pytest.mark.parametrize(("shape", "batch"), [((100,), 100), ((16, 8, 16), 64)])
@pytest.mark.parametrize("kind", BATCH_KINDS)
def test_population_statistics_alone_and_in_a_stack(kind: str, shape: Shape, batch: int) -> None:
    x, _ = inputs(shape, 3 * batch)

    def evaluated(runs: slice) -> Array:
        layer = part_of(kind, shape, runs, statistics="population")
        assert isinstance(layer, BatchNorm)
        layer.begin_population()
        with np.errstate(all="ignore"):
            for start in range(0, 3 * batch, batch):
                layer.forward(x[runs, ..., start : start + batch].copy(), True)
            layer.end_population()
            return layer.forward(x[runs].copy(), False)

    whole = evaluated(slice(0, RUNS))
    assert np.isfinite(whole[[0, 2, 3, 4, 5]]).all()
    for runs in PARTS:
        assert np.array_equal(evaluated(runs), whole[runs], equal_nan=True)


@pytest.mark.parametrize("size", [1, 1000, 30_000, 2**30])
@pytest.mark.parametrize("kind", KINDS)
def test_how_many_rows_are_taken_at_a_time_changes_no_bit(
    kind: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, dy = inputs((16, 8, 16), 20)
    expected = results(part_of(kind, (16, 8, 16), slice(0, RUNS)), x, dy)
    monkeypatch.setattr(blocks, "_BLOCK", size)
    blocks._blocks.cache_clear()
    found = results(part_of(kind, (16, 8, 16), slice(0, RUNS)), x, dy)
    blocks._blocks.cache_clear()
    for name in expected:
        assert np.array_equal(found[name], expected[name], equal_nan=True), name


@pytest.mark.parametrize("kind", KINDS)
def test_images_that_are_a_part_of_larger_arrays(kind: str) -> None:
    # As a padded image gives them.
    x, dy = inputs((8, 4, 8), 10)
    inner = np.s_[:, 1:-1, :, 1:-1]
    wide_x, wide_dy = np.full((2, RUNS, 10, 4, 10, 10), np.nan, np.float32)
    wide_x[inner], wide_dy[inner] = x, dy
    expected = results(part_of(kind, (8, 4, 8), slice(0, RUNS)), x, dy)
    layer = part_of(kind, (8, 4, 8), slice(0, RUNS))
    with np.errstate(all="ignore"):
        y = layer.forward(wide_x[inner], True)
        assert np.array_equal(y, expected["y"], equal_nan=True)
        dx = layer.backward(wide_dy[inner])
    assert dx is not None
    assert np.array_equal(dx, expected["dx"], equal_nan=True)
