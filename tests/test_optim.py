"""Update rules and penalties against naive loops, and rows that are off left untouched."""

from __future__ import annotations

import numpy as np
import pytest

from bnexp.optim import SGD, Array, WeightPenalty, active_rows

K, P = 4, 5
LR = np.array([0.1, 0.2, 0.3, 0.05])
MIXED = np.array([0.9, 0.0, 0.5, 0.0])


def naive_run(
    theta: list[float], gradients: list[list[float]], lr: float, momentum: float, nesterov: bool
) -> list[float]:
    """Apply the rule to one run, number by number."""
    velocity = [0.0] * len(theta)
    for gradient in gradients:
        for p, g in enumerate(gradient):
            velocity[p] = momentum * velocity[p] + g
            theta[p] -= lr * (g + momentum * velocity[p] if nesterov else velocity[p])
    return theta


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("momentum", [np.zeros(K), np.full(K, 0.9), MIXED])
def test_sgd_against_a_naive_loop(momentum: Array, nesterov: bool) -> None:
    rng = np.random.default_rng(1)
    theta, gradients = rng.standard_normal((K, P)), rng.standard_normal((6, K, P))
    expected = [
        naive_run(theta[k].tolist(), gradients[:, k].tolist(), LR[k], momentum[k], nesterov)
        for k in range(K)
    ]
    optimizer = SGD(theta, lr=LR, momentum=momentum, nesterov=nesterov)
    kept = theta
    for gradient in gradients:
        optimizer.step(theta, gradient.copy())
    assert theta is kept
    np.testing.assert_allclose(theta, expected, rtol=1e-13)


def test_sgd_by_hand() -> None:
    # v = 1, then 1.5; Nesterov moves by g + m v: 1.5, then 1.75.
    for nesterov, expected in ((False, [9.0, 7.5]), (True, [8.5, 6.75])):
        theta = np.array([[10.0]])
        optimizer = SGD(theta, lr=np.ones(1), momentum=np.full(1, 0.5), nesterov=nesterov)
        for value in expected:
            optimizer.step(theta, np.ones((1, 1)))
            assert theta[0, 0] == value


def test_state_is_there_when_any_run_needs_it() -> None:
    theta = np.zeros((K, P), np.float32)
    assert SGD(theta, lr=LR, momentum=np.zeros(K)).state == {}
    state = SGD(theta, lr=LR, momentum=MIXED).state
    assert state.keys() == {"velocity"}
    assert state["velocity"].shape == (K, P)
    assert state["velocity"].dtype == np.float32
    assert (state["velocity"] == 0).all()


def test_loaded_state_goes_on_with_the_same_bits() -> None:
    rng = np.random.default_rng(2)
    theta = rng.standard_normal((K, P)).astype(np.float32)
    gradients = rng.standard_normal((6, K, P)).astype(np.float32)
    optimizer = SGD(theta, lr=LR, momentum=MIXED)
    for gradient in gradients[:3]:
        optimizer.step(theta, gradient.copy())
    copy = theta.copy()
    resumed = SGD(copy, lr=LR, momentum=MIXED)
    for name, values in optimizer.state.items():
        resumed.state[name][...] = values
    for gradient in gradients[3:]:
        optimizer.step(theta, gradient.copy())
        resumed.step(copy, gradient.copy())
    assert np.array_equal(theta, copy)


@pytest.mark.parametrize("nesterov", [True, False])
def test_rows_without_momentum_are_those_of_plain_sgd(nesterov: bool) -> None:
    rng = np.random.default_rng(3)
    start = rng.standard_normal((K, P)).astype(np.float32)
    plain, mixed = start.copy(), start.copy()
    optimizers = [
        (plain, SGD(plain, lr=LR, momentum=np.zeros(K))),
        (mixed, SGD(mixed, lr=LR, momentum=MIXED, nesterov=nesterov)),
    ]
    gradients = rng.standard_normal((3, K, P)).astype(np.float32)
    gradients[1, 1, 2], gradients[1, 3, 0] = np.inf, -np.inf
    for gradient in gradients:
        for theta, optimizer in optimizers:
            optimizer.step(theta, gradient.copy())
    off = MIXED == 0
    assert np.array_equal(plain[off], mixed[off])
    # 0 times an infinite velocity would be NaN one step later.
    assert plain[1, 2] == -np.inf
    assert plain[3, 0] == np.inf
    assert not np.isclose(plain[~off], mixed[~off]).any()


L1, L2 = np.array([0.1, 0.0, 0.2, 0.0]), np.array([0.3, 0.4, 0.0, 0.0])
WEIGHTS = 3


@pytest.mark.parametrize("l2", [L2, np.zeros(K), np.full(K, 0.5)])
@pytest.mark.parametrize("l1", [L1, np.zeros(K), np.full(K, 0.5)])
def test_penalties_against_a_naive_loop(l1: Array, l2: Array) -> None:
    rng = np.random.default_rng(4)
    theta, grads = rng.standard_normal((2, K, P))
    theta[:, 1] = [0.0, -0.0, 0.0, 0.0]
    before = grads.copy()
    penalty = WeightPenalty(l1=l1, l2=l2, weights=WEIGHTS, dtype=np.float64)
    penalty.add_gradient(theta, grads)
    losses = penalty.loss(theta)
    assert losses.shape == (K,)
    assert penalty.is_off == (not l1.any() and not l2.any())
    for k in range(K):
        expected = 0.0
        for p in range(P):
            w, slope = theta[k, p], 0.0
            if p < WEIGHTS:
                expected += l1[k] * abs(w) + l2[k] / 2 * w * w
                slope = l1[k] * (int(w > 0) - int(w < 0)) + l2[k] * w
            assert grads[k, p] == pytest.approx(before[k, p] + slope, rel=1e-13)
        assert losses[k] == pytest.approx(expected, rel=1e-13)


def test_sign_of_0_is_0() -> None:
    penalty = WeightPenalty(l1=np.ones(1), l2=np.zeros(1), weights=3, dtype=np.float32)
    grads = np.zeros((1, 3), np.float32)
    penalty.add_gradient(np.array([[0.0, -2.0, 3.0]], np.float32), grads)
    assert grads.tolist() == [[0, -1, 1]]


def test_rows_without_a_penalty_are_untouched_when_their_weights_are_infinite() -> None:
    theta = np.ones((K, P), np.float32)
    theta[3] = [np.inf, -np.inf, np.nan, 1, 1]
    grads = np.random.default_rng(5).standard_normal((K, P)).astype(np.float32)
    before = grads.copy()
    penalty = WeightPenalty(l1=L1, l2=L2, weights=WEIGHTS, dtype=np.float32)
    penalty.add_gradient(theta, grads)
    assert penalty.loss(theta)[3] == 0
    assert np.array_equal(grads[3], before[3])
    assert (grads[:3, :WEIGHTS] != before[:3, :WEIGHTS]).all()
    assert np.array_equal(grads[:, WEIGHTS:], before[:, WEIGHTS:])


def test_a_penalty_of_infinite_weights_is_infinite() -> None:
    theta = np.full((1, 2), np.inf, np.float32)
    for l1, l2 in ((1.0, 0.0), (0.0, 1.0)):
        penalty = WeightPenalty(l1=np.full(1, l1), l2=np.full(1, l2), weights=2, dtype=np.float32)
        assert penalty.loss(theta) == [np.inf]


def test_active_rows() -> None:
    assert active_rows(np.zeros(3)) is None
    assert active_rows(np.array([1.0, 2.0])) == slice(None)
    rows = active_rows(np.array([0.0, 2.0, 0.0, -1.0]))
    assert isinstance(rows, np.ndarray)
    assert rows.tolist() == [1, 3]
