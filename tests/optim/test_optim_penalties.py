"""Penalties against plain loops and central differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnexp.optim import Array, WeightPenalty

K, P, WEIGHTS = 4, 5, 3
OFF = np.zeros(K)
L1, L2 = np.array([0.1, 0.0, 0.2, 0.0]), np.array([0.3, 0.4, 0.0, 0.0])
LP, EXPONENT = np.array([0.5, 0.7, 0.0, 0.2]), np.array([1.5, 3.0, 7.0, 4.0])


@pytest.mark.parametrize("lp", [LP, OFF, np.full(K, 0.5)])
@pytest.mark.parametrize("l2", [L2, OFF, np.full(K, 0.5)])
@pytest.mark.parametrize("l1", [L1, OFF, np.full(K, 0.5)])
def test_against_a_plain_loop(l1: Array, l2: Array, lp: Array) -> None:
    rng = np.random.default_rng(4)
    theta, grads = rng.standard_normal((2, K, P))
    theta[:, 1] = [0.0, -0.0, 0.0, 0.0]
    before = grads.copy()
    penalty = WeightPenalty(l1=l1, l2=l2, lp=lp, p=EXPONENT, weights=WEIGHTS, dtype=np.float64)
    penalty.add_gradient(theta, grads)
    losses = penalty.loss(theta)
    assert losses.shape == (K,)
    assert losses.dtype == np.float64
    assert penalty.is_off == (not l1.any() and not l2.any() and not lp.any())
    for k in range(K):
        expected, p = 0.0, EXPONENT[k]
        for j in range(P):
            w, slope = theta[k, j], 0.0
            if j < WEIGHTS:
                sign = int(w > 0) - int(w < 0)
                expected += l1[k] * abs(w) + l2[k] / 2 * w * w + lp[k] / p * abs(w) ** p
                slope = l1[k] * sign + l2[k] * w + lp[k] * abs(w) ** (p - 1) * sign
            assert grads[k, j] == pytest.approx(before[k, j] + slope, rel=1e-13)
        assert losses[k] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("p", [1.0, 1.01, 1.5, 2.0, 2.5, 3.0, 4.0, 10.0])
def test_gradients_are_central_differences(p: float) -> None:
    rng = np.random.default_rng(5)
    runs, columns, weights = 3, 40, 33
    # Away from the kink at 0.
    theta = rng.uniform(0.1, 2, (runs, columns)) * rng.choice([-1, 1], (runs, columns))
    penalty = WeightPenalty(
        l1=np.array([0.3, 0.0, 0.1]),
        l2=np.array([0.0, 0.2, 0.1]),
        lp=np.array([0.7, 0.4, 0.0]),
        p=np.array([p, p, 1.0]),
        weights=weights,
        dtype=np.float64,
    )
    grads, numeric = np.zeros_like(theta), np.zeros_like(theta)
    penalty.add_gradient(theta, grads)
    for j in range(columns):
        step = np.zeros(columns)
        step[j] = 1e-6
        numeric[:, j] = (penalty.loss(theta + step) - penalty.loss(theta - step)) / 2e-6
    error = np.linalg.norm(grads - numeric, axis=1) / np.linalg.norm(numeric, axis=1)
    assert (error < 1e-6).all()
    assert (grads[:, weights:] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_p_of_1_and_2_are_l1_and_l2(dtype: Any) -> None:
    theta = np.random.default_rng(6).standard_normal((2, 50_000)).astype(dtype)
    strength, off = np.array([0.3, 0.01]), np.zeros(2)
    tolerance = 100 * np.finfo(dtype).eps
    for p, l1, l2 in ((1.0, strength, off), (2.0, off, strength)):
        pair = [
            WeightPenalty(l1=l1, l2=l2, weights=49_000, dtype=dtype),
            WeightPenalty(
                l1=off, l2=off, lp=strength, p=np.full(2, p), weights=49_000, dtype=dtype
            ),
        ]
        losses = [each.loss(theta) for each in pair]
        np.testing.assert_allclose(losses[1], losses[0], rtol=tolerance)
        grads = np.zeros((2, *theta.shape), dtype)
        for each, out in zip(pair, grads, strict=True):
            each.add_gradient(theta, out)
        np.testing.assert_allclose(grads[1], grads[0], rtol=tolerance)


@pytest.mark.parametrize("weights", [16383, 16384, 16385, 40_001])
def test_sums_longer_than_a_block(weights: int) -> None:
    theta = np.random.default_rng(7).standard_normal((2, weights + 10))
    penalty = WeightPenalty(
        l1=np.zeros(2),
        l2=np.zeros(2),
        lp=np.ones(2),
        p=np.array([3.0, 2.5]),
        weights=weights,
        dtype=np.float64,
    )
    grads = np.zeros_like(theta)
    penalty.add_gradient(theta, grads)
    for k, p in enumerate((3.0, 2.5)):
        W = theta[k, :weights]
        assert penalty.loss(theta)[k] == pytest.approx((np.abs(W) ** p).sum() / p, rel=1e-12)
        np.testing.assert_allclose(grads[k, :weights], np.abs(W) ** (p - 1) * np.sign(W))
    assert (grads[:, weights:] == 0).all()


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, 4.0])
def test_sign_of_0_is_0(p: float) -> None:
    strengths = {"l1": np.ones(1), "l2": np.zeros(1), "lp": np.ones(1), "p": np.full(1, p)}
    penalty = WeightPenalty(**strengths, weights=4, dtype=np.float32)
    grads = np.zeros((1, 4), np.float32)
    penalty.add_gradient(np.array([[0.0, -0.0, -1.0, 1.0]], np.float32), grads)
    assert grads.tolist() == [[0, 0, -2, 2]]


def test_rows_without_a_penalty_are_untouched_when_their_weights_are_infinite() -> None:
    theta = np.full((K, P), 2, np.float32)
    theta[3] = [np.inf, -np.inf, np.nan, 1, 1]
    grads = np.random.default_rng(8).standard_normal((K, P)).astype(np.float32)
    before = grads.copy()
    lp = np.array([0.5, 0.0, 0.0, 0.0])
    penalty = WeightPenalty(l1=L1, l2=L2, lp=lp, p=EXPONENT, weights=WEIGHTS, dtype=np.float32)
    penalty.add_gradient(theta, grads)
    assert penalty.loss(theta)[3] == 0
    assert np.array_equal(grads[3], before[3])
    assert (grads[:3, :WEIGHTS] != before[:3, :WEIGHTS]).all()
    assert np.array_equal(grads[:, WEIGHTS:], before[:, WEIGHTS:])


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, 4.0])
def test_a_penalty_of_infinite_weights_is_infinite(p: float) -> None:
    theta = np.array([[np.inf, -np.inf]], np.float32)
    for on in ("l1", "l2", "lp"):
        strengths = {name: np.full(1, float(name == on)) for name in ("l1", "l2", "lp")}
        penalty = WeightPenalty(**strengths, p=np.full(1, p), weights=2, dtype=np.float32)
        assert penalty.loss(theta) == [np.inf]


def test_lp_without_exponents_is_refused() -> None:
    with pytest.raises(ValueError, match="needs its exponents p"):
        WeightPenalty(l1=OFF, l2=OFF, lp=LP, weights=WEIGHTS, dtype=np.float64)
