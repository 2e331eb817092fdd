"""Stacks that pause at an epoch: told of, kept in a checkpoint, and gone on with the same bits."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sweeps import bits, make_plan

from bnexp.config import steps_per_epoch
from bnexp.engines import InlineEngine, LocalEngine, RunEnded
from bnexp.engines.base import Engine, Workplace
from bnexp.engines.messages import decode_task, encode_task
from bnexp.plan import Plan, Run, Stack, cut_stacks
from bnexp.records import RunResult
from bnexp.store.checkpoints import read_states

#: Eight runs, two of which diverge at once; the last batch of an epoch is a small one.
AXES: dict[str, Any] = {
    "optimizer.lr": [0.05, 0.2, 1e300, 0.1],
    "regularization.l2": [0.0, 1e-3],
}


def small_plan(**changes: Any) -> Plan:
    return make_plan(AXES, data__train=130, training__batch_size=40, **changes)


def work(
    engine: Engine, runs: Sequence[Run], pause: int | None, started: dict[str, int] | None = None
) -> dict[str, RunResult]:
    results: dict[str, RunResult] = {}
    stacks = cut_stacks(runs, jobs=1, started=started, pause=pause)
    for event in engine.train(stacks, threading.Event()):
        if isinstance(event, RunEnded):
            assert event.result.run not in results
            results[event.result.run] = event.result
    return results


def paused(results: dict[str, RunResult]) -> set[str]:
    return {run for run, result in results.items() if result.status == "paused"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer__kind": "adam", "norm__kind": "batch", "regularization__dropout": 0.3},
        {"optimizer__schedule": "cosine", "optimizer__momentum": 0.9},
        {"evaluate__at": "first_step", "training__sampling": "replacement"},
        {"evaluate__train": "running", "evaluate__test": "last"},
    ],
    ids=str,
)
def test_survivors_go_on_with_the_bits_of_a_run_that_never_paused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    plan = small_plan(training__epochs=6, **changes)
    runs = list(plan.runs.values())
    whole = work(InlineEngine(Workplace()), runs, None)
    engine = InlineEngine(Workplace(checkpoints=tmp_path, checkpoint_seconds=1000))
    first = work(engine, runs, 2)
    assert first.keys() == plan.runs.keys()
    assert len(paused(first)) == 6
    steps = steps_per_epoch(runs[0].config)
    for run in paused(first):
        assert (first[run].epoch, first[run].step) == (2, 2 * steps)
        cut = [record for record in whole[run].records if record.step <= 2 * steps]
        assert list(first[run].records) == cut
    # Only some go on, among other neighbours, and with a pause where they are already.
    some = [run for run in runs if run.id in paused(first)][1:5]
    started = {run.id: 2 for run in some}
    assert bits(work(engine, some, 2, started)) == bits({run.id: first[run.id] for run in some})
    second = work(engine, some[::-1], 4, started)
    assert paused(second) == {run.id for run in some}
    last = work(engine, some[:3], None, {run.id: 4 for run in some})
    assert bits(last) == bits({run.id: whole[run.id] for run in some[:3]})


def test_a_checkpoint_is_on_the_disk_before_a_pause_is_told(tmp_path: Path) -> None:
    plan = small_plan()
    engine = InlineEngine(Workplace(checkpoints=tmp_path, checkpoint_seconds=1000))
    stacks = cut_stacks(plan.runs.values(), jobs=1, pause=1)
    for event in engine.train(stacks, threading.Event()):
        if isinstance(event, RunEnded) and event.result.status == "paused":
            (state,) = read_states(tmp_path, [event.result.run]).values()
            assert (state.epoch, state.records) == (1, event.result.records)


def test_workers_pause_as_this_process_does(tmp_path: Path) -> None:
    plan = small_plan()
    runs = list(plan.runs.values())
    here = work(InlineEngine(Workplace(checkpoints=tmp_path / "a")), runs, 2)
    there = work(LocalEngine(Workplace(checkpoints=tmp_path / "b"), jobs=2), runs, 2)
    assert bits(there) == bits(here)
    assert paused(there)


def test_a_pause_behind_the_checkpoint_tells_what_there_is(tmp_path: Path) -> None:
    plan = small_plan()
    runs = list(plan.runs.values())[:2]
    engine = InlineEngine(Workplace(checkpoints=tmp_path))
    later = work(engine, runs, 3)
    again = work(engine, runs, 2, {run.id: 3 for run in runs})
    assert bits(again) == bits(later)


def test_a_task_and_an_estimate_know_the_pause() -> None:
    (stack,) = cut_stacks(list(small_plan().runs.values())[:1], jobs=1, pause=2)
    assert decode_task(encode_task(stack, Workplace())) == (stack, Workplace())
    assert stack.pause == 2
    whole = Stack(stack.runs)
    assert stack.seconds == pytest.approx(whole.seconds / 2)
