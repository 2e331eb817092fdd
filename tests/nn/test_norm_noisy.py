"""Noisy batch norm: whose draws are the same, of what distribution, and when there are none."""

from __future__ import annotations

import numpy as np
import pytest
from norm_cases import make_norm, results

from bnexp.nn.layer import Array, Shape
from bnexp.nn.norms import NoisyBatchNorm


def make_noisy(shape: Shape, seeds: list[int], **options: object) -> NoisyBatchNorm:
    layer = make_norm("noisy_batch", shape, [1e-3] * len(seeds), seeds=seeds, **options)
    assert isinstance(layer, NoisyBatchNorm)
    return layer


def noise_of(layer: NoisyBatchNorm, x: Array) -> tuple[Array, Array]:
    """Return m and s of the next step, as they act on each number."""
    y = layer.forward(x.copy(), True).copy()
    dtype = layer.workspace.dtype
    plain = make_norm(
        "batch", layer.shape, [1e-3] * len(x), dtype=dtype.type, gamma="none", beta="none"
    )
    a = plain.forward(x.copy(), True)
    s = np.broadcast_to(layer.factor.reshape(len(x), -1, *_last(layer, x)), _rows(x).shape)
    return _rows(y) - s * _rows(a), s


def _rows(x: Array) -> Array:
    return x if x.ndim == 3 else x.transpose(0, 2, 1, 3, 4)


def _last(layer: NoisyBatchNorm, x: Array) -> tuple[int, ...]:
    return (x.shape[-1],) if x.ndim == 3 else (1, layer.width, x.shape[-1])


def plain_noisy(shape: Shape, seeds: list[int], **options: object) -> NoisyBatchNorm:
    return make_noisy(shape, seeds, gamma="none", beta="none", **options)


def test_distributions() -> None:
    layer = plain_noisy((500,), [1])
    x = np.random.default_rng(1).standard_normal((1, 500, 400))
    m, s = (values[0] for values in noise_of(layer, x))
    means, stds = m.mean(axis=1), s.mean(axis=1)
    # Uniform on (-0.5, 0.5) and on (1, 1.25), each known to about 0.006.
    assert -0.52 < means.min() < -0.45
    assert 0.45 < means.max() < 0.52
    assert means.std() == pytest.approx(1 / np.sqrt(12), rel=0.1)
    assert 0.98 < stds.min() < 1.03
    assert 1.22 < stds.max() < 1.27
    jitter = m - means[:, None]
    assert np.abs(jitter).max() < 0.12
    assert jitter.std() == pytest.approx(0.2 / np.sqrt(12), rel=0.05)
    assert (s - stds[:, None]).std() == pytest.approx(0.1, rel=0.05)
    assert np.abs(s - stds[:, None]).max() > 0.3  # a normal has tails


def test_all_pixels_of_a_channel_share_their_noise() -> None:
    layer = plain_noisy((3, 4, 5), [1, 2])
    x = np.random.default_rng(1).standard_normal((2, 3, 4, 5, 6))
    m, s = noise_of(layer, x)
    for values in (m, s):
        assert np.ptp(values, axis=(2, 3)).max() < 1e-12
        assert len(np.unique(values[:, :, 0, 0].round(9))) == 2 * 4 * 6


@pytest.mark.parametrize("shape", [(8,), (3, 4, 5)])
def test_runs_of_one_seed_draw_the_same(shape: Shape) -> None:
    layer = plain_noisy(shape, [1, 2, 1])
    x = np.random.default_rng(1).standard_normal((3, *shape, 6))
    layer.forward(x, True)
    assert np.array_equal(layer.factor[0], layer.factor[2])
    assert not np.array_equal(layer.factor[0], layer.factor[1])


def test_draws_depend_on_seed_layer_epoch_and_step_only() -> None:
    x = np.random.default_rng(1).standard_normal((1, 8, 6))
    layer = plain_noisy((8,), [1])

    def factor(epoch: int | None) -> Array:
        if epoch is not None:
            layer.start_epoch(epoch)
        layer.forward(3 * x, True)
        return layer.factor.copy()

    first, second, third = factor(1), factor(None), factor(2)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, third)
    layer.forward(x.copy(), False)  # draws nothing
    assert np.array_equal(factor(1), first)
    layer.forward(x.copy(), False)
    assert np.array_equal(factor(None), second)
    layer.ordinal = 3
    assert not np.array_equal(factor(1), first)


def test_both_dtypes_draw_the_same_numbers() -> None:
    x = np.random.default_rng(1).standard_normal((1, 8, 6))
    found = []
    for dtype in (np.float64, np.float32):
        layer = plain_noisy((8,), [1], dtype=dtype)
        layer.forward(x.astype(dtype), True)
        found.append(layer.factor)
    assert np.array_equal(found[0].astype(np.float32), found[1])


def test_evaluation_has_no_noise() -> None:
    x, dy = np.random.default_rng(1).standard_normal((2, 2, 8, 6))
    noisy = results(make_noisy((8,), [1, 2]), x, dy)
    plain = results(make_norm("batch", (8,), [1e-3] * 2), x, dy)
    assert np.array_equal(noisy["evaluated"], plain["evaluated"])
    assert not np.array_equal(noisy["y"], plain["y"])


def test_collecting_statistics_has_no_noise_and_draws_none() -> None:
    x = np.random.default_rng(1).standard_normal((2, 8, 6))
    noisy = make_noisy((8,), [1, 2], statistics="population")
    plain = make_norm("batch", (8,), [1e-3] * 2)
    noisy.start_epoch(1)
    noisy.begin_population()
    assert np.array_equal(noisy.forward(x.copy(), True), plain.forward(x.copy(), True))
    noisy.end_population()
    noisy.forward(x.copy(), True)
    drawn = noisy.factor.copy()
    noisy.start_epoch(1)
    noisy.forward(x.copy(), True)
    assert np.array_equal(noisy.factor, drawn)
