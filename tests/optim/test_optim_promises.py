"""A run has the same bits alone, in any stack, beside any neighbours, and after a resume.

In float32 and at real widths, with all that optim does to a run in one update: penalties, clipping,
schedule, decay, rule. Numbers that are 0 for some runs stand beside numbers that are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest

from bnexp.optim import (
    KINDS,
    SCHEDULES,
    Array,
    RuleNumbers,
    Schedule,
    WeightPenalty,
    clip_gradients,
    make_optimizer,
)

#: An odd number of parameters, so that the rows of a stack begin at odd places in memory.
P, WEIGHTS, STEPS = 79_511, 79_401, 4


@dataclass(frozen=True)
class Member:
    """One run: where its arrays come from, and its numbers."""

    seed: int
    lr: float = 0.01
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    rho: float = 0.9
    eps: float = 1e-8
    weight_decay: float = 0.0
    warmup: float = 0.0
    decay: float = 0.1
    clip: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    lp: float = 0.0
    p: float = 3.0


#: Neighbours that share a penalty, a momentum or a limit are worked on as one block of rows.
MIXED = (
    Member(0),
    Member(1, momentum=0.0, weight_decay=0.1, l2=0.01, eps=0.0),
    Member(2, lr=0.1, beta1=0.0, rho=0.0, warmup=0.7, clip=1.0, lp=0.1, p=2.5),
    Member(3, lr=0.3, momentum=0.5, beta2=0.0, clip=1e5, lp=0.1, l1=0.1),
    Member(4, momentum=0.0, beta2=0.9, decay=0.5, lp=0.2, p=1.0, l1=0.05),
    Member(5, weight_decay=0.3, clip=30.0, lp=0.2, p=2.0, l1=0.02, l2=0.3),
    Member(6, lr=0.0, momentum=0.0, warmup=0.4, clip=3.0, l2=0.1, eps=1e-3),
)


class Stack:
    """Runs that are updated together."""

    def __init__(self, members: Sequence[Member], kind: str, schedule: str) -> None:
        def each(name: str) -> Array:
            return np.array([getattr(member, name) for member in members], np.float64)

        starts = [np.random.default_rng((m.seed, 0)).standard_normal(P) for m in members]
        self.members = members
        self.theta = np.array(starts, np.float32)
        self.clip = each("clip")
        self.penalty = WeightPenalty(
            l1=each("l1"),
            l2=each("l2"),
            lp=each("lp"),
            p=each("p"),
            weights=WEIGHTS,
            dtype=np.float32,
        )
        self.schedule = Schedule(
            schedule,
            warmup=each("warmup"),
            decay=each("decay"),
            step_epochs=1,
            steps_per_epoch=3,
            total_steps=STEPS,
        )
        numbers = RuleNumbers(**{f.name: each(f.name) for f in fields(RuleNumbers)})
        self.optimizer = make_optimizer(kind, self.theta, numbers, weights=WEIGHTS)

    def train(self, first: int, last: int) -> Array:
        """Make the updates first..last; return the penalties (updates, K)."""
        losses = []
        for step in range(first, last + 1):
            draws = [np.random.default_rng((m.seed, step)) for m in self.members]
            grads = np.array([rng.standard_normal(P, np.float32) for rng in draws])
            losses.append(self.penalty.loss(self.theta))
            self.penalty.add_gradient(self.theta, grads)
            clip_gradients(grads, self.clip)
            self.optimizer.step(self.theta, grads, step, self.schedule.factor(step))
        return np.array(losses)


def outcome(stack: Stack, losses: Array, k: int) -> dict[str, Array]:
    """All that the updates left of run k."""
    member = stack.members[k]
    rows = {name: rows[k] for name, rows in stack.optimizer.state.items()}
    if member.momentum == 0:  # such a run alone has no velocity
        rows.pop("velocity", None)
    return {"theta": stack.theta[k], "losses": losses[:, k], **rows}


def assert_equal(one: dict[str, Array], other: dict[str, Array]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype
        assert np.array_equal(one[name], other[name], equal_nan=True), name


def trained(members: Sequence[Member], kind: str, schedule: str = "constant") -> list[Any]:
    stack = Stack(members, kind, schedule)
    losses = stack.train(1, STEPS)
    return [outcome(stack, losses, k) for k in range(len(members))]


@pytest.mark.parametrize("kind", KINDS)
def test_alone_and_in_a_stack(kind: str) -> None:
    schedule = SCHEDULES[KINDS.index(kind) % len(SCHEDULES)]
    together = trained(MIXED, kind, schedule)
    backwards = trained(MIXED[::-1], kind, schedule)[::-1]
    assert len({run["theta"].tobytes() for run in together}) == len(MIXED)
    for k, member in enumerate(MIXED):
        assert np.isfinite(together[k]["theta"]).all()
        assert_equal(together[k], trained([member], kind, schedule)[0])
        assert_equal(together[k], backwards[k])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("kind", KINDS)
def test_a_neighbour_that_diverges(kind: str, bad: float) -> None:
    """Run 3 has every kind of number; its neighbours do not, or have others."""
    healthy = trained(MIXED, kind)
    stack = Stack(MIXED, kind, "constant")
    stack.theta[3, ::2] = bad
    with np.errstate(all="ignore"):
        losses = stack.train(1, STEPS)
    for k in range(len(MIXED)):
        if k != 3:
            assert_equal(outcome(stack, losses, k), healthy[k])
    assert not np.isfinite(losses[:, 3]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_diverges_as_it_does_alone(kind: str) -> None:
    """What is off for it stays off: 0 times its infinite weights would be NaN."""

    def diverged(members: Sequence[Member]) -> list[dict[str, Array]]:
        stack = Stack(members, kind, "constant")
        stack.theta[:, 5:9] = [np.inf, -np.inf, np.nan, 1e30]
        with np.errstate(all="ignore"):
            losses = stack.train(1, STEPS)
        return [outcome(stack, losses, k) for k in range(len(members))]

    together = diverged(MIXED)
    for k, member in enumerate(MIXED):
        assert_equal(together[k], diverged([member])[0])
    assert together[0]["theta"][5] == np.inf


@pytest.mark.parametrize("kind", KINDS)
def test_infinite_gradients_as_alone(kind: str) -> None:
    """A run without momentum must not remember an infinite gradient as 0 * inf."""

    def moved(members: Sequence[Member]) -> list[dict[str, Array]]:
        stack = Stack(members, kind, "constant")
        with np.errstate(all="ignore"):
            for step in (1, 2, 3):
                grads = np.full_like(stack.theta, 0.1)
                if step == 1:
                    grads[:, :2] = [np.inf, -np.inf]
                clip_gradients(grads, stack.clip)
                stack.optimizer.step(stack.theta, grads, step)
        return [outcome(stack, np.zeros((1, len(members))), k) for k in range(len(members))]

    together = moved(MIXED)
    for k, member in enumerate(MIXED):
        assert_equal(together[k], moved([member])[0])
    if kind in ("sgd", "momentum", "nesterov"):
        assert together[1]["theta"][:2].tolist() == [-np.inf, np.inf]


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_from_state(kind: str) -> None:
    """A resume knows theta, the state's rows and the number of the update; its stack is smaller."""
    schedule = SCHEDULES[-1 - KINDS.index(kind) % len(SCHEDULES)]
    whole = trained(MIXED, kind, schedule)
    first = Stack(MIXED, kind, schedule)
    first.train(1, 2)
    for chosen in ([1, 2, 6], [5]):
        second = Stack([MIXED[k] for k in chosen], kind, schedule)
        second.theta[...] = first.theta[chosen]
        for name, rows in second.optimizer.state.items():
            rows[...] = first.optimizer.state[name][chosen]
        losses = second.train(3, STEPS)
        for j, k in enumerate(chosen):
            ended = outcome(second, losses, j)
            assert_equal(ended, whole[k] | {"losses": whole[k]["losses"][2:]})


@pytest.mark.parametrize("width", [1, 7, 31, 100, 1023, 16_385])
def test_other_widths(width: int) -> None:
    """Penalties and norms add up: their order must not depend on how many rows there are."""
    rng = np.random.default_rng(width)
    members = [replace(MIXED[k % 7], clip=0.1) for k in range(16)]
    theta, grads = rng.standard_normal((2, 16, width + 3)).astype(np.float32)

    def apply(rows: list[int]) -> tuple[Array, Array]:
        def each(name: str) -> Array:
            return np.array([getattr(members[k], name) for k in rows], np.float64)

        values = {name: each(name) for name in ("l1", "l2", "lp", "p")}
        penalty = WeightPenalty(**values, weights=width, dtype=np.float32)
        out = grads[rows]
        losses = penalty.loss(theta[rows])
        penalty.add_gradient(theta[rows], out)
        clip_gradients(out, each("clip"))
        return losses, out

    losses, out = apply(list(range(16)))
    for k in range(16):
        alone = apply([k])
        assert alone[0][0] == losses[k]
        assert np.array_equal(alone[1][0], out[k])
