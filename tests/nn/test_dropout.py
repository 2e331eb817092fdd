"""Dropout: frozen masks, nested masks, the scale that keeps the mean."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import assert_gradients

from bnexp.nn.dropout import Dropout
from bnexp.nn.layer import Array, Workspace
from bnexp.streams import stream


def make_dropout(rates: list[float], seeds: list[int], dtype: type = np.float64) -> Dropout:
    return Dropout(Workspace(np.dtype(dtype)), rate=np.array(rates), seeds=seeds, ordinal=2)


def masks(layer: Dropout, epoch: int, shape: tuple[int, ...]) -> Array:
    layer.start_epoch(epoch)
    return layer.forward(np.ones(shape, layer.workspace.dtype), True).copy()


@pytest.mark.parametrize("rates", [[0.4], [0.0, 0.3, 0.8]])
def test_gradients_with_a_frozen_mask(rates: list[float]) -> None:
    rng = np.random.default_rng(1)
    layer = make_dropout(rates, [7] * len(rates))
    x = rng.standard_normal((len(rates), 4, 6))
    cotangent = rng.standard_normal(x.shape)

    def objective() -> Array:
        layer.start_epoch(3)
        return (layer.forward(x.copy(), True) * cotangent).sum(axis=(1, 2))

    objective()
    dx = layer.backward(cotangent.copy())
    assert_gradients(objective, {"x": (x, dx)})


def test_against_a_naive_loop() -> None:
    rates, seeds = [0.25, 0.6], [4, 5]
    x = np.random.default_rng(2).standard_normal((2, 3, 5))
    layer = make_dropout(rates, seeds)
    layer.start_epoch(6)
    found = layer.forward(x.copy(), True)
    for k in range(2):
        generator = stream(seeds[k], "dropout", layer=2, epoch=6)
        for d in range(3):
            for b in range(5):
                keep = generator.random(dtype=np.float32) >= rates[k]
                expected = x[k, d, b] / (1 - rates[k]) if keep else 0
                assert found[k, d, b] == pytest.approx(expected, rel=1e-14, abs=0)


def test_rate_and_mean() -> None:
    found = masks(make_dropout([0.3], [1], np.float32), 1, (1, 100, 1000))
    # Five standard deviations of a share of 100,000 draws.
    assert np.mean(found == 0) == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / 1e5))
    assert found.mean() == pytest.approx(1, abs=0.02)
    assert set(np.unique(found)) == {np.float32(0), np.float32(1 / 0.7)}


def test_runs_of_one_seed_drop_nested_sets_and_rate_0_drops_nothing() -> None:
    found = masks(make_dropout([0.0, 0.3, 0.6, 0.3], [1, 1, 1, 2]), 1, (4, 20, 50))
    assert (found[0] == 1).all()
    assert (found[2][found[1] == 0] == 0).all()
    assert (found[1] == 0).sum() < (found[2] == 0).sum()
    assert ((found[1] == 0) != (found[3] == 0)).any()


def test_both_dtypes_drop_the_same_units() -> None:
    one, other = (masks(make_dropout([0.3], [1], t), 1, (1, 20, 50)) for t in (np.float32, float))
    assert np.array_equal(one == 0, other == 0)


def test_masks_follow_the_epoch_and_the_step() -> None:
    layer = make_dropout([0.5], [1])
    first = masks(layer, 1, (1, 20, 50))
    second_step = layer.forward(np.ones((1, 20, 50)), True).copy()
    assert not np.array_equal(first, second_step)
    assert not np.array_equal(first, masks(layer, 2, (1, 20, 50)))
    assert np.array_equal(first, masks(layer, 1, (1, 20, 50)))


def test_evaluation_drops_nothing_and_draws_nothing() -> None:
    layer = make_dropout([0.5], [1])
    x = np.random.default_rng(3).standard_normal((1, 20, 50))
    layer.start_epoch(1)
    assert np.array_equal(layer.forward(x.copy(), False), x)
    after = layer.forward(np.ones((1, 20, 50)), True).copy()
    assert np.array_equal(after, masks(layer, 1, (1, 20, 50)))


IMAGES = (3, 4, 5, 6)


def make_spatial(rates: list[float], seeds: list[int], dtype: type = np.float64) -> Dropout:
    rate = np.array(rates)
    workspace = Workspace(np.dtype(dtype))
    return Dropout(workspace, rate=rate, seeds=seeds, ordinal=2, spatial=True)


def test_gradients_of_spatial_dropout() -> None:
    rng = np.random.default_rng(1)
    layer = make_spatial([0.0, 0.3, 0.8], [7, 7, 8])
    x = rng.standard_normal((3, *IMAGES))
    cotangent = rng.standard_normal(x.shape)

    def objective() -> Array:
        layer.start_epoch(3)
        return (layer.forward(x.copy(), True) * cotangent).reshape(3, -1).sum(axis=1)

    objective()
    assert_gradients(objective, {"x": (x, layer.backward(cotangent.copy()))})


def test_spatial_dropout_draws_once_per_channel_and_example() -> None:
    rates, seeds = [0.25, 0.6, 0.0], [4, 5, 4]
    layer = make_spatial(rates, seeds)
    found = masks(layer, 6, (3, *IMAGES))
    for k in range(3):
        generator = stream(seeds[k], "dropout", layer=2, epoch=6)
        for c in range(IMAGES[1]):
            for b in range(IMAGES[3]):
                keep = generator.random(dtype=np.float32) >= rates[k]
                expected = 1 / (1 - rates[k]) if keep else 0
                assert (found[k, :, c, :, b] == expected).all()
    assert {0.0} < set(np.unique(found[0]))


def test_pixels_are_dropped_one_by_one_unless_spatial() -> None:
    found = masks(make_dropout([0.5], [1]), 1, (1, *IMAGES))
    flat = masks(make_dropout([0.5], [1]), 1, (1, 3 * 4 * 5, 6))
    assert np.array_equal(found.reshape(flat.shape), flat)
    assert len(np.unique(found[0, :, 0, :, 0])) == 2


def test_spatial_changes_nothing_for_dense_activations() -> None:
    one, other = (masks(m([0.5], [1]), 1, (1, 20, 50)) for m in (make_spatial, make_dropout))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("spatial", [True, False])
def test_images_alone_and_in_a_stack(spatial: bool) -> None:
    rates, seeds = np.array([0, 0.5, 0.1, 0.9]), [1, 1, 2, 1]
    x = np.random.default_rng(1).standard_normal((4, 8, 16, 8, 50)).astype(np.float32)
    x[2] = np.nan

    def dropped(runs: slice) -> Array:
        workspace = Workspace(np.dtype(np.float32))
        rate, some = rates[runs], seeds[runs]
        layer = Dropout(workspace, rate=rate, seeds=some, ordinal=3, spatial=spatial)
        y = layer.forward(x[runs].copy(), True).copy()
        return np.stack([y, layer.backward(x[runs].copy())])

    whole = dropped(slice(0, 4))
    for runs in (slice(0, 1), slice(1, 3), slice(3, 4)):
        assert np.array_equal(dropped(runs), whole[:, runs], equal_nan=True)
    assert np.array_equal(whole[0, 0], x[0])
