"""Update rules against a plain loop, against PyTorch, and against steps worked out by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnexp.optim import KINDS, SGD, Array, RuleNumbers, make_optimizer, row_slices

K, P, WEIGHTS, STEPS = 4, 5, 3, 7
TORCH = json.loads((Path(__file__).parent / "reference" / "torch_rules.json").read_text())


def arrays(values: dict[str, Any]) -> RuleNumbers:
    return RuleNumbers(**{name: np.array(value, np.float64) for name, value in values.items()})


MIXED = arrays(
    {
        "lr": [0.1, 0.2, 0.3, 0.05],
        "momentum": [0.9, 0.0, 0.5, 0.0],
        "beta1": [0.9, 0.5, 0.0, 0.99],
        "beta2": [0.999, 0.0, 0.9, 0.5],
        "rho": [0.9, 0.0, 0.99, 0.5],
        "eps": [1e-8, 1e-3, 0.5, 1e-7],
        "weight_decay": [0.0, 0.1, 0.0, 0.5],
    }
)


class PlainRule:
    """The rules as their papers have them, on one number."""

    def __init__(self, kind: str, n: dict[str, float]) -> None:
        self.kind, self.n, self.t = kind, n, 0
        self.velocity = self.h = self.m = self.v = 0.0

    def step(self, w: float, g: float, lr: float, decay: float) -> float:
        n, kind = self.n, self.kind
        self.t += 1
        w = w - lr * decay * w
        if kind == "adagrad":
            self.h += g * g
            return w - lr * g / (math.sqrt(self.h) + n["eps"])
        if kind == "rmsprop":
            self.v = n["rho"] * self.v + (1 - n["rho"]) * g * g
            return w - lr * g / (math.sqrt(self.v) + n["eps"])
        if kind in ("adam", "adamw"):
            self.m = n["beta1"] * self.m + (1 - n["beta1"]) * g
            self.v = n["beta2"] * self.v + (1 - n["beta2"]) * g * g
            m_hat = self.m / (1 - n["beta1"] ** self.t)
            v_hat = self.v / (1 - n["beta2"] ** self.t)
            return w - lr * m_hat / (math.sqrt(v_hat) + n["eps"])
        self.velocity = n["momentum"] * self.velocity + g
        ahead = g + n["momentum"] * self.velocity
        return w - lr * (ahead if kind == "nesterov" else self.velocity)


def plain_run(
    kind: str, n: dict[str, float], theta: Array, grads: Array, factors: Array
) -> list[float]:
    """Apply a rule to one run: theta (P,), grads (steps, P), factors (steps,)."""
    after = []
    for p, w in enumerate(theta.tolist()):
        rule = PlainRule(kind, n)
        for g, factor in zip(grads[:, p].tolist(), factors.tolist(), strict=True):
            w = rule.step(w, g, n["lr"] * factor, n["weight_decay"] if p < WEIGHTS else 0.0)
        after.append(w)
    return after


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_against_a_plain_loop(kind: str, scheduled: bool) -> None:
    rng = np.random.default_rng(1)
    theta, grads = rng.standard_normal((K, P)), rng.standard_normal((STEPS, K, P))
    grads *= 10.0 ** rng.uniform(-3, 2, (K, P))
    factors = rng.random((STEPS, K)) if scheduled else np.ones((STEPS, K))
    expected = []
    for k in range(K):
        n = {name: float(values[k]) for name, values in vars(MIXED).items()}
        expected.append(plain_run(kind, n, theta[k], grads[:, k], factors[:, k]))
    optimizer = make_optimizer(kind, theta, MIXED, weights=WEIGHTS)
    kept = theta
    for t in range(STEPS):
        optimizer.step(theta, grads[t].copy(), t + 1, factors[t] if scheduled else None)
    assert theta is kept
    np.testing.assert_allclose(theta, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_against_pytorch(kind: str) -> None:
    theta, case = np.array(TORCH["theta"]), TORCH["cases"][kind]
    optimizer = make_optimizer(kind, theta, arrays(case["numbers"]), weights=TORCH["weights"])
    path = np.array(case["path"])
    for t, factor in enumerate(TORCH["factors"]):
        grads = np.array(TORCH["grads"][t])
        optimizer.step(theta, grads, t + 1, np.full(len(theta), factor))
        np.testing.assert_allclose(theta, path[:, t], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_near_float64(kind: str) -> None:
    rng = np.random.default_rng(2)
    wide, grads = rng.standard_normal((K, P)), rng.standard_normal((STEPS, K, P))
    narrow = wide.astype(np.float32)
    both = [make_optimizer(kind, theta, MIXED, weights=WEIGHTS) for theta in (wide, narrow)]
    for t in range(STEPS):
        both[0].step(wide, grads[t].copy(), t + 1)
        both[1].step(narrow, grads[t].astype(np.float32), t + 1)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, wide, rtol=1e-4, atol=1e-5)


def test_sgd_by_hand() -> None:
    # v = 1, then 1.5; Nesterov moves by g + m v: 1.5, then 1.75.
    for nesterov, expected in ((False, [9.0, 7.5]), (True, [8.5, 6.75])):
        theta = np.array([[10.0]])
        optimizer = SGD(theta, lr=np.ones(1), momentum=np.full(1, 0.5), nesterov=nesterov)
        for value in expected:
            optimizer.step(theta, np.ones((1, 1)))
            assert theta[0, 0] == value


@pytest.mark.parametrize("kind", ["adagrad", "rmsprop", "adam"])
def test_first_steps_by_hand(kind: str) -> None:
    # With eps = 0 the first step is lr (divided by sqrt(1 - rho) in RMSProp), whatever g is.
    theta = np.zeros((1, 3))
    values = {name: [0.5] for name in vars(MIXED)} | {"rho": [0.75]}
    numbers = arrays(values | {"eps": [0.0], "weight_decay": [0.0]})
    optimizer = make_optimizer(kind, theta, numbers, weights=0)
    optimizer.step(theta, np.array([[1e-6, -300.0, 7.0]]), 1)
    moved = 1.0 if kind == "rmsprop" else 0.5
    np.testing.assert_allclose(theta, [[-moved, moved, -moved]], rtol=1e-15)


def test_decay_comes_before_the_step_and_spares_the_others() -> None:
    theta = np.array([[1.0, 1.0], [1.0, 1.0]])
    numbers = replace(arrays({n: [0.0] * 2 for n in vars(MIXED)}), lr=np.array([0.5, 0.5]))
    numbers = replace(numbers, weight_decay=np.array([0.5, 0.0]))
    optimizer = make_optimizer("sgd", theta, numbers, weights=1)
    optimizer.step(theta, np.ones((2, 2)), 1, np.array([0.5, 1.0]))
    # 1 - 0.5 * 0.5 * 0.5 * 1 - 0.25 * 1
    assert theta.tolist() == [[0.625, 0.75], [0.5, 0.5]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["adagrad", "rmsprop", "adam"])
def test_without_eps_a_gradient_of_0_moves_nothing(kind: str, dtype: Any) -> None:
    theta = np.ones((K, 4), dtype)
    numbers = replace(MIXED, eps=np.array([0.0, 0.0, 1e-300, 1e-8]))
    optimizer = make_optimizer(kind, theta, numbers, weights=0)
    smallest = np.finfo(dtype).smallest_subnormal
    for t in range(1, 4):
        # The square of the third is 0 after rounding; without a floor its step would have no bound.
        grads = np.array([[0.0, -0.0, smallest, 1.0]] * K, dtype)
        optimizer.step(theta, grads, t)
    assert (theta[:, :2] == 1).all()
    np.testing.assert_allclose(theta[:, 2], 1)
    assert (theta[:, 3] < 1).all()


STATE = {
    "sgd": set(),
    "momentum": {"velocity"},
    "nesterov": {"velocity"},
    "adagrad": {"h"},
    "rmsprop": {"v"},
    "adam": {"m", "v"},
    "adamw": {"m", "v"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_state_begins_at_0_in_thetas_dtype(kind: str) -> None:
    numbers = replace(MIXED, momentum=np.zeros(K)) if kind == "sgd" else MIXED
    state = make_optimizer(kind, np.ones((K, P), np.float32), numbers, weights=0).state
    assert state.keys() == STATE[kind]
    for values in state.values():
        assert values.shape == (K, P)
        assert values.dtype == np.float32
        assert not values.any()


def test_names_of_one_rule() -> None:
    rng = np.random.default_rng(3)
    start, gradient = rng.standard_normal((2, K, P))
    for one, other, nesterov in (
        ("sgd", "momentum", False),
        ("sgd", "nesterov", True),
        ("adam", "adamw", False),
    ):
        ends = []
        for kind, flag in ((one, nesterov), (other, False)):
            theta = start.copy()
            optimizer = make_optimizer(kind, theta, MIXED, weights=2, nesterov=flag)
            for t in (1, 2):
                optimizer.step(theta, gradient.copy(), t)
            ends.append(theta)
        assert np.array_equal(*ends)


def test_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match=r"unknown optimizer 'lion'; known are sgd, momentum, "):
        make_optimizer("lion", np.zeros((K, P)), MIXED, weights=0)


def test_row_slices() -> None:
    assert row_slices(np.zeros(3)) == ()
    assert row_slices(np.array([1.0, 2.0])) == (slice(0, 2),)
    assert row_slices(np.array([0.0, 2.0, 0.0, -1.0, np.nan])) == (slice(1, 2), slice(3, 5))
    assert row_slices(np.array([True, False])) == (slice(0, 1),)
