"""Pooling and flattening: gradients, PyTorch's values, ties, what is left over."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import assert_gradients
from images import batch_last, reference

from bnexp.nn.layer import Array, Shape, Workspace
from bnexp.nn.pool import Pool
from bnexp.nn.reshape import Flatten

CASES = {
    "halves": ((4, 2, 6), (2, 2), (2, 2)),
    "leftover": ((5, 1, 7), (2, 3), (2, 3)),
    "overlapping": ((5, 2, 5), (3, 2), (2, 1)),
    "gaps": ((6, 1, 5), (1, 2), (3, 3)),
    "overlapping one way": ((4, 1, 6), (3, 2), (1, 2)),
    "global": ((3, 3, 4), (3, 4), (3, 4)),
    "pixels": ((2, 2, 2), (1, 1), (1, 1)),
}


def make_pool(
    kind: str, shape: Shape, window: tuple[int, int], stride: tuple[int, int], dtype: type = float
) -> Pool:
    return Pool(Workspace(np.dtype(dtype)), shape, kind, window=window, stride=stride)


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_gradients(kind: str, name: str, runs: int) -> None:
    layer = make_pool(kind, *CASES[name])
    rng = np.random.default_rng(1)
    size = (runs, *layer.shape, 3)
    # A shuffled ladder: no two numbers near each other, so no step changes a maximum.
    x = rng.permutation(np.prod(size)).reshape(size) / 10
    dy = rng.standard_normal((runs, *layer.out_shape, 3))

    def objective() -> Array:
        return (layer.forward(x, True) * dy).reshape(runs, -1).sum(axis=1)

    objective()
    assert_gradients(objective, {"x": (x, layer.backward(dy.copy()).copy())})


@pytest.mark.parametrize(("name", "values"), [*reference("max"), *reference("average")])
def test_against_pytorch(name: str, values: dict[str, Array]) -> None:
    H, C, W, high, wide, down, across = (int(n) for n in values["settings"])
    layer = make_pool(name.partition("_")[0], (H, C, W), (high, wide), (down, across))
    x = batch_last(values["x"])[None]
    for train in (False, True):
        y = layer.forward(x, train)
        np.testing.assert_allclose(y[0], batch_last(values["y"]), rtol=1e-14, atol=1e-15)
    dx = layer.backward(batch_last(values["dy"])[None].copy())
    np.testing.assert_allclose(dx[0], batch_last(values["dx"]), rtol=1e-13, atol=1e-15)


def test_a_tie_goes_to_the_first_in_row_major_order() -> None:
    layer = make_pool("max", (2, 1, 2), (2, 2), (2, 2))
    windows = np.array([[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 1, 1, 0], [-1, -2, -1, -3]])
    x = windows.reshape(1, 5, 2, 1, 2).transpose(0, 2, 3, 4, 1).astype(float)
    layer.forward(x, True)
    dx = layer.backward(np.ones((1, 1, 1, 1, 5)))
    first = dx.reshape(4, 5).argmax(axis=0)
    assert first.tolist() == [0, 1, 2, 1, 0]
    assert (dx.sum(axis=(0, 1, 2, 3)) == 1).all()


def test_what_is_not_a_number_is_the_maximum() -> None:
    layer = make_pool("max", (2, 1, 4), (2, 2), (2, 2))
    for place in range(4):
        x = np.zeros((1, 2, 1, 4, 1))
        x[0, place // 2, 0, place % 2] = np.nan
        x[0, :, :, 2:] = -np.inf
        y = layer.forward(x, False)
        assert np.isnan(y[0, 0, 0, 0, 0])
        assert y[0, 0, 0, 1, 0] == -np.inf


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("name", CASES)
def test_evaluation_training_and_other_batches_agree(kind: str, name: str) -> None:
    layer = make_pool(kind, *CASES[name], np.float32)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, *layer.shape, 9)).astype(np.float32)
    before = x.copy()
    y = layer.forward(x, True).copy()
    assert y.shape == (2, *layer.out_shape, 9)
    assert y.dtype == np.float32
    for batch in (9, 4, 1):
        evaluated = layer.forward(np.ascontiguousarray(x[..., :batch]), False)
        assert np.array_equal(evaluated, y[..., :batch])
    assert np.array_equal(x, before)


def test_large_images_in_blocks() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 9, 40, 33, 64)).astype(np.float32)  # 5 MB a run
    layer = make_pool("max", (9, 40, 33), (2, 2), (2, 2), np.float32)
    y = layer.forward(x, True)
    corners = [x[:, i:8:2, :, j:32:2] for i in (0, 1) for j in (0, 1)]
    assert np.array_equal(y, np.max(corners, axis=0))
    dx = layer.backward(np.ones_like(y))
    assert dx.sum() == y.size
    assert (dx[:, :8, :, :32][dx[:, :8, :, :32] != 0] == 1).all()
    assert (dx[:, 8] == 0).all()
    assert (dx[..., 32, :] == 0).all()
    routed = [
        dx[:, i:8:2, :, j:32:2] * c for (i, j), c in zip(np.ndindex(2, 2), corners, strict=True)
    ]
    assert np.array_equal(np.sum(routed, axis=0), y)


def test_flatten_orders_features_by_height_channel_and_width() -> None:
    layer = Flatten(Workspace(np.dtype(float)), (2, 3, 4))
    x = np.random.default_rng(4).standard_normal((2, 2, 3, 4, 5))
    y = layer.forward(x, True)
    assert y.shape == (2, 24, 5)
    assert np.shares_memory(y, x)
    for h, c, w in np.ndindex(2, 3, 4):
        assert np.array_equal(y[:, (h * 3 + c) * 4 + w], x[:, h, c, w])
    dx = layer.backward(y)
    assert np.array_equal(dx, x)
    assert np.shares_memory(dx, x)
