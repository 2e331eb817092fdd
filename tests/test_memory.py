"""What the driver holds for each run: little, and none of it grows with what a run has recorded."""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sweeps import made_up, make_plan

from bnexp.plan import Plan, cut_stacks
from bnexp.records import Record
from bnexp.store.folder import ResultsFolder
from bnexp.store.results import load_results

FEW, MANY = 200, 1200


def plan_of(runs: int) -> Plan:
    """A plan of so many tiny runs in two stacks or more."""
    rates = [0.1 / (1 + i) for i in range(runs // 2)]
    return make_plan({"optimizer.lr": rates, "norm.kind": ["batch", "none"]}, network__layers=[8])


def per_run(work: Callable[[int], Any]) -> tuple[float, float]:
    """Bytes that each more run takes: what ``work`` gives back, and at its peak."""
    measured = []
    work(2)  # imports and caches
    for runs in (FEW, MANY):
        gc.collect()
        tracemalloc.start()
        try:
            given = work(runs)
            gc.collect()
            measured.append(tracemalloc.get_traced_memory())
        finally:
            tracemalloc.stop()
        del given
    (few, few_at_most), (many, many_at_most) = measured
    return (many - few) / (MANY - FEW), (many_at_most - few_at_most) / (MANY - FEW)


def test_a_run_takes_half_a_kilobyte_planned_and_cut_into_stacks() -> None:
    def work(runs: int) -> Any:
        plan = plan_of(runs)
        return plan, cut_stacks(plan.runs.values(), jobs=2)

    held, at_most = per_run(work)
    assert held < 700
    assert at_most < 1000


@pytest.fixture
def fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], ResultsFolder]:
    """Have so many runs in a folder end, each with ten records."""
    monkeypatch.setattr(os, "fsync", lambda _: None)

    def work(runs: int) -> ResultsFolder:
        with ResultsFolder(tmp_path / f"{runs}", plan_of(runs), "sweep") as folder:
            for number, run in enumerate(folder.plan.runs):
                metrics = {"train_loss": 1 / (1 + number), "train_accuracy": 0.5}
                records = tuple(Record(epoch, 5 * epoch, metrics) for epoch in range(10))
                folder.add(made_up(run, records=records))
            folder.write_views()
        return folder

    return work


def test_a_run_that_has_ended_takes_as_much_again_whatever_it_recorded(
    fill: Callable[[int], ResultsFolder],
) -> None:
    held, at_most = per_run(fill)
    assert held < 1100
    assert at_most < 1600


def test_finished_runs_take_no_more_when_they_are_opened_again(
    tmp_path: Path, fill: Callable[[int], ResultsFolder]
) -> None:
    for runs in (2, FEW, MANY):
        fill(runs)
    held, at_most = per_run(lambda runs: load_results(tmp_path / f"{runs}"))
    assert held < 1000
    assert at_most < 1600

    def again(runs: int) -> ResultsFolder:
        with ResultsFolder(tmp_path / f"{runs}", plan_of(runs), "sweep") as folder:
            assert len(folder.finished()) == runs
        return folder

    held, at_most = per_run(again)
    assert held < 1100
    assert at_most < 2200
