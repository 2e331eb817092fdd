"""Clipping by norm: rows above their limit, rows below, and rows that have no finite norm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnexp.optim import clip_gradients

LIMIT = np.array([1.0, 0.0, 100.0, 0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_above_their_limit_are_scaled_to_it(dtype: Any) -> None:
    grads = np.random.default_rng(0).standard_normal((4, 1001)).astype(dtype)
    before = grads.copy()
    norms = np.sqrt((before.astype(np.float64) ** 2).sum(axis=1))
    clip_gradients(grads, LIMIT)
    assert np.array_equal(grads[1:3], before[1:3])
    for k in (0, 3):
        np.testing.assert_allclose(grads[k], before[k] * (LIMIT[k] / norms[k]), rtol=1e-5)
    after = np.sqrt((grads.astype(np.float64) ** 2).sum(axis=1))
    np.testing.assert_allclose(after[[0, 3]], LIMIT[[0, 3]], rtol=1e-5)


def test_by_hand() -> None:
    grads = np.array([[3.0, 4.0], [3.0, 4.0], [0.0, 0.0]])
    clip_gradients(grads, np.array([2.5, 5.0, 1.0]))
    assert grads.tolist() == [[1.5, 2.0], [3.0, 4.0], [0.0, 0.0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_norm_whose_square_overflows(dtype: Any) -> None:
    most = float(np.finfo(dtype).max)
    grads = np.array([[most, -most, most, most], [-most, 0, 0, 0], [most / 8] * 4], dtype)
    with np.errstate(over="ignore"):
        clip_gradients(grads, np.array([2.0, 3.0, most]))
    np.testing.assert_allclose(grads[0], [1, -1, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(grads[1], [-3, 0, 0, 0], rtol=1e-6)
    assert (grads[2] == grads.dtype.type(most / 8)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_without_a_finite_norm_stays_as_it_is(bad: float) -> None:
    grads = np.ones((4, 9), np.float32)
    grads[0, 3] = bad
    before = grads.copy()
    clip_gradients(grads, np.full(4, 1.5))
    assert np.array_equal(grads[0], before[0], equal_nan=True)
    np.testing.assert_allclose(grads[1:], 0.5, rtol=1e-6)
