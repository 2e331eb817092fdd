"""Work that goes on from checkpoints gives the bits of work that was never interrupted."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sweeps import bits, make_plan

from bnexp.engines import Progress, RunEnded
from bnexp.engines.base import Flags, Workplace
from bnexp.engines.shelf import DataShelf
from bnexp.engines.work import work_on
from bnexp.plan import Plan, Run, Stack
from bnexp.records import RunResult
from bnexp.store.checkpoints import read_epochs, read_states, write_states

SHELF = DataShelf()
#: Steps per epoch with a rest, so that the last batch of an epoch is a small one.
UNEVEN: dict[str, Any] = {"data__train": 130, "training__batch_size": 40}


def work(
    runs: Iterable[Run], folder: Path | None, *, until: int | None = None
) -> dict[str, RunResult]:
    """Train runs as one stack, keeping a checkpoint of every epoch, and stop after some epoch."""
    stop = threading.Event()
    results: dict[str, RunResult] = {}
    workplace = Workplace(checkpoints=folder, checkpoint_seconds=0)
    for event in work_on(Stack(tuple(runs)), workplace, SHELF, Flags(stop)):
        if isinstance(event, RunEnded):
            results[event.result.run] = event.result
        elif isinstance(event, Progress) and event.epoch == until:
            # The checkpoint follows the news; the next batch is refused.
            stop.set()
    return results


def whole(plan: Plan) -> dict[str, RunResult]:
    return work(plan.runs.values(), None)


def parts(runs: Sequence[Run], *sizes: int) -> list[Sequence[Run]]:
    edges = [0, *sizes, len(runs)]
    return [runs[a:b] for a, b in itertools.pairwise(edges)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"training__sampling": "replacement"},
        {"training__sampling": "shuffle", "training__drop_last": True},
        {"norm__kind": "batch", "norm__place": "after", "optimizer__lr": 0.5},
        {"evaluate__train": "running"},
        {"evaluate__train": "running", "evaluate__at": "first_step", "evaluate__test": 50},
        {"evaluate__train": "last", "evaluate__test": "last", "evaluate__at": "first_step"},
        {"evaluate__train": "none", "evaluate__test": "last"},
        {"training__dtype": "float64"},
    ],
    ids=str,
)
def test_runs_go_on_in_other_stacks_with_the_same_bits(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    axes = {
        "optimizer.momentum": [0.0, 0.9],
        "regularization.dropout": [0.0, 0.3],
        "regularization.l2": [0.0, 50.0],
    }
    plan = make_plan(axes, seeds=2, **{**UNEVEN, "training__epochs": 6, **changes})
    runs = list(plan.runs.values())
    uninterrupted = whole(plan)
    results: dict[str, RunResult] = {}
    # Together, then in other parts and orders: neighbours with and without momentum and dropout.
    for until, cut in ((2, [runs]), (4, parts(runs, 3, 8)), (None, parts(runs[::-1], 1, 12))):
        for part in cut:
            going = [run for run in part if run.id not in results]
            assert all(epoch < 6 for epoch, _ in read_epochs(tmp_path).values())
            if going:
                results |= work(going, tmp_path, until=until)
    assert {end.status for end in results.values()} == {"done", "diverged"}
    assert bits(results) == bits(uninterrupted)


def test_a_damaged_checkpoint_is_ignored_at_every_place(tmp_path: Path) -> None:
    plan = make_plan({"optimizer.momentum": [0.0, 0.9]}, **UNEVEN)
    runs = list(plan.runs.values())
    uninterrupted = whole(plan)
    work(runs, tmp_path, until=2)
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    for damaged in (
        b"",
        data[:100],
        data[:-1],
        data[:20] + b"#" + data[21:],
        data[:-50] + b"####" + data[-46:],
    ):
        path.write_bytes(damaged)
        assert read_states(tmp_path, plan.runs) == {}
        assert bits(work(runs, None if not damaged else tmp_path)) == bits(uninterrupted)
        path.write_bytes(data)


@pytest.mark.parametrize("case", ["damaged", "later"])
def test_runs_of_a_stack_whose_checkpoints_differ_are_not_mixed_up(
    tmp_path: Path, case: str
) -> None:
    plan = make_plan({"init.scale": [1.0, 0.5, 0.25, 0.125]}, **UNEVEN)
    runs = list(plan.runs.values())
    uninterrupted = whole(plan)
    work(runs[:2], tmp_path, until=2)
    (first,) = tmp_path.iterdir()
    work(runs[2:], tmp_path, until=2)
    if case == "damaged":
        first.write_bytes(first.read_bytes()[:-1] + b"#")
    else:
        # The last words of a worker whose driver was killed.
        work(runs[:2], tmp_path, until=3)
    assert bits(work(runs, tmp_path)) == bits(uninterrupted)


def test_each_part_of_a_run_is_recorded_with_its_versions(tmp_path: Path) -> None:
    plan = make_plan()
    work(plan.runs.values(), tmp_path, until=2)
    states = read_states(tmp_path, plan.runs)
    (run,) = states
    (here,) = states[run].fingerprint
    object.__setattr__(states[run], "fingerprint", ("numpy 1",))
    write_states(tmp_path, states)
    (end,) = work(plan.runs.values(), tmp_path).values()
    assert end.fingerprint == ("numpy 1", here)
    assert end.seconds > 0


def test_checkpoints_wait_for_their_time(tmp_path: Path) -> None:
    plan = make_plan()
    workplace = Workplace(checkpoints=tmp_path / "c", checkpoint_seconds=60)
    list(work_on(Stack(tuple(plan.runs.values())), workplace, SHELF, Flags()))
    assert not (tmp_path / "c").exists()
    work(plan.runs.values(), tmp_path / "c", until=1)
    assert read_epochs(tmp_path / "c").keys() == plan.runs.keys()
