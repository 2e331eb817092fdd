"""Schedules against closed forms, update by update."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bnexp.optim import SCHEDULES, Schedule

STEPS = 7  # a prime number of updates per epoch
TOTAL = 5 * STEPS


def build(
    kind: str,
    warmup: Any = (0.0,),
    decay: Any = (0.1,),
    *,
    step_epochs: int = 2,
    total: int = TOTAL,
) -> Schedule:
    return Schedule(
        kind,
        warmup=np.array(warmup, np.float64),
        decay=np.array(decay, np.float64),
        step_epochs=step_epochs,
        steps_per_epoch=STEPS,
        total_steps=total,
    )


def table(schedule: Schedule, total: int = TOTAL) -> np.ndarray[Any, Any]:
    """Return the factors (updates, K)."""
    rows = []
    for step in range(1, total + 1):
        factor = schedule.factor(step)
        assert factor is not None
        assert factor.dtype == np.float64
        rows.append(factor)
    return np.array(rows)


def test_constant_is_none() -> None:
    assert build("constant").factor(1) is None
    # Less than half an update is no warm-up.
    assert build("constant", [0.0, 0.01], [0.1, 0.1]).factor(1) is None


def test_step() -> None:
    factors = table(build("step", [0.0] * 3, [0.1, 0.5, 1.0]))
    n = np.arange(TOTAL) // (2 * STEPS)
    np.testing.assert_allclose(factors, np.array([0.1, 0.5, 1.0]) ** n[:, None], rtol=1e-15)
    assert (factors[: 2 * STEPS] == 1).all()
    assert (factors[2 * STEPS, :2] < 1).all()


def test_cosine() -> None:
    factors = table(build("cosine"))[:, 0]
    t = np.arange(TOTAL)
    np.testing.assert_allclose(factors, np.cos(np.pi * t / TOTAL / 2) ** 2, atol=1e-15)
    assert factors[0] == 1
    assert 0 < factors[-1] < 0.01
    assert (np.diff(factors) < 0).all()


def test_inverse() -> None:
    factors = table(build("inverse", [0.0, 0.0], [0.5, 0.0]))
    epochs = np.arange(TOTAL) / STEPS
    np.testing.assert_allclose(factors[:, 0], 1 / (1 + 0.5 * epochs), rtol=1e-15)
    assert factors[2 * STEPS, 0] == 0.5
    assert (factors[:, 1] == 1).all()


def test_constant_with_a_warm_up() -> None:
    factors = table(build("constant", [0.0, 1.0, 1.5, 0.3], [0.1] * 4))
    steps = np.arange(1, TOTAL + 1)
    for k, updates in enumerate((1, 7, 10, 2)):  # 10.5 and 2.1 are rounded
        np.testing.assert_array_equal(factors[:, k], np.minimum(1, steps / updates))


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_schedule_begins_where_the_warm_up_ends(kind: str) -> None:
    factors = table(build(kind, [1.0], [0.3]))[:, 0]
    np.testing.assert_array_equal(factors[:STEPS], np.arange(1, STEPS + 1) / STEPS)
    later = build(kind, [0.0], [0.3], total=TOTAL - STEPS)
    expected = [1.0 if f is None else f[0] for f in map(later.factor, range(1, TOTAL - STEPS + 1))]
    np.testing.assert_array_equal(factors[STEPS:], expected)


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_warm_up_longer_than_the_training(kind: str) -> None:
    factors = table(build(kind, [100.0, 5.0], [0.1, 0.1]))
    steps = np.arange(1, TOTAL + 1)
    np.testing.assert_array_equal(factors, steps[:, None] / np.array([100 * STEPS, TOTAL]))


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_run_has_the_same_factors_alone_and_in_any_stack(kind: str) -> None:
    warmup = [0.0, 1.3, 0.7, 1.3, 3.0] * 7
    decay = [0.1, 0.37, 0.9, 0.37, math.pi] * 7
    together = table(build(kind, warmup, decay))
    for k in range(len(warmup)):
        alone = build(kind, warmup[k : k + 1], decay[k : k + 1])
        if alone.factor(1) is None:
            assert (together[:, k] == 1).all()
        else:
            np.testing.assert_array_equal(table(alone)[:, 0], together[:, k])


def test_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match="unknown schedule 'sine'; known are constant, step, "):
        build("sine")
