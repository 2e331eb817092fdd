"""Runs trained again on request: the journal keeps both ends, and the last one counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sweeps import config_text, finished_runs, made_up, make_plan, python, read_journal

import bnexp
from bnexp.config import load_text
from bnexp.driver import Options, Watcher, train_plan
from bnexp.errors import ConfigError, InterruptedRunError
from bnexp.records import RunResult
from bnexp.store.folder import Rerun, ResultsFolder
from bnexp.store.journal import NAME
from bnexp.store.results import load_results

AXES = {"regularization.l2": [0.0, 0.01, 1e6]}


class Listen(Watcher):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.ends: list[RunResult] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def ended(self, result: RunResult) -> None:
        self.ends.append(result)


def sweep(path: Path, rerun: Rerun | None = None, watcher: Watcher | None = None) -> Listen:
    listen = Listen()
    with ResultsFolder(path, make_plan(AXES), "sweep", rerun=rerun) as folder:
        train_plan(folder, Options(), watcher or listen)
    return listen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sweep(tmp_path / "out")
    statuses = [end.status for end in load_results(tmp_path / "out").runs.values()]
    assert sorted(statuses) == ["diverged", "done", "done"]
    return tmp_path / "out"


def test_nothing_is_trained_twice_without_it(folder: Path) -> None:
    before = (folder / NAME).read_bytes()
    assert sweep(folder).ends == []
    assert sweep(folder, "failed").ends == []
    assert (folder / NAME).read_bytes() == before


@pytest.mark.parametrize(("rerun", "count"), [("diverged", 1), ("all", 3)])
def test_runs_are_trained_again_and_come_out_the_same(
    folder: Path, rerun: Rerun, count: int
) -> None:
    before, metrics = (folder / NAME).read_bytes(), (folder / "metrics.csv").read_bytes()
    listen = sweep(folder, rerun)
    assert len(listen.ends) == count
    assert f"{count} runs were trained again; 0 gave other records than before" in listen.notes
    after = (folder / NAME).read_bytes()
    assert after.startswith(before) and len(after) > len(before)
    assert len([entry for entry in read_journal(folder / NAME) if "result" in entry]) == 3 + count
    assert (folder / "metrics.csv").read_bytes() == metrics
    assert sweep(folder).ends == []


def test_a_run_that_failed_is_trained_again_with_and_without_it(tmp_path: Path) -> None:
    plan = make_plan(AXES)
    first = next(iter(plan.runs))
    asked: dict[str, Rerun | None] = {"a": None, "b": "failed"}
    for name, rerun in asked.items():
        with ResultsFolder(tmp_path / name, plan, "sweep") as folder:
            for run in plan.runs:
                folder.add(made_up(run, "failed" if run == first else "done"))
        assert [end.run for end in sweep(tmp_path / name, rerun).ends] == [first]


def test_the_last_end_counts_and_a_difference_is_said(tmp_path: Path) -> None:
    plan = make_plan(AXES)
    path = tmp_path / "out"
    with ResultsFolder(path, plan, "sweep") as folder:
        for run in plan.runs:
            folder.add(made_up(run, value=0.123))
    listen = sweep(path, "all")
    assert "3 runs were trained again; 3 gave other records than before" in listen.notes
    again = load_results(path)
    values = {record.metrics["train_accuracy"] for e in again.runs.values() for record in e.records}
    assert values and 0.123 not in values
    sweep(tmp_path / "other")
    assert (path / "metrics.csv").read_bytes() == (tmp_path / "other/metrics.csv").read_bytes()


class StopAfterOne(Listen):
    def ended(self, result: RunResult) -> None:
        super().ended(result)
        if len(self.ends) == 1:
            import signal

            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("rerun", ["all", None])
def test_an_interrupted_rerun_goes_on_and_trains_no_run_a_third_time(
    tmp_path: Path, rerun: Rerun | None
) -> None:
    # Three stacks, for their epochs differ.
    plan = make_plan({"training.epochs": [1, 2, 3]})

    def again(rerun: Rerun | None, watcher: Listen) -> Listen:
        with ResultsFolder(tmp_path / "out", plan, "sweep", rerun=rerun) as folder:
            train_plan(folder, Options(), watcher)
        return watcher

    again(None, Listen())
    metrics = (tmp_path / "out" / "metrics.csv").read_bytes()
    stopped = StopAfterOne()
    with pytest.raises(InterruptedRunError, match="1 of 3 runs are finished"):
        again("all", stopped)
    # What there was before is shown until there is something new.
    assert (tmp_path / "out" / "metrics.csv").read_bytes() == metrics
    rest = again(rerun, Listen())
    assert len(rest.ends) == 2
    assert {end.run for end in rest.ends} | {stopped.ends[0].run} == set(plan.runs)
    assert again(None, Listen()).ends == []
    assert (tmp_path / "out" / "metrics.csv").read_bytes() == metrics


def test_only_runs_of_the_plan_are_trained_again(folder: Path) -> None:
    plan = make_plan({"regularization.l2": [0.0]})
    listen = Listen()
    with ResultsFolder(folder, plan, "sweep", rerun="all") as opened:
        train_plan(opened, Options(), listen)
    assert [end.run for end in listen.ends] == list(plan.runs)


def test_results_that_were_handed_out_keep_pace_without_copies(tmp_path: Path) -> None:
    plan = make_plan(AXES)
    with ResultsFolder(tmp_path / "out", plan, "sweep") as folder:
        runs = folder.results.runs
        for run in plan.runs:
            folder.add(made_up(run))
        assert runs is folder.results.runs and runs.keys() == plan.runs.keys()
        folder.add(replace(made_up(run), status="diverged"))
        assert folder.results.runs[run].status == "diverged"


def test_from_python_and_the_command_line(tmp_path: Path) -> None:
    config = load_text(config_text(AXES))
    results = bnexp.sweep(config, jobs=0, output=tmp_path / "out")
    again = bnexp.sweep(config, jobs=0, output=tmp_path / "out", rerun="all")
    assert again.rows() == results.rows()
    with pytest.raises(
        ConfigError, match="rerun: 'most' is not known; allowed: failed, diverged, all"
    ):
        bnexp.sweep(config, jobs=0, output=tmp_path / "out", rerun="most")  # type: ignore[arg-type]
    (tmp_path / "config.yaml").write_text(config_text(AXES))
    words = ("-m", "bnexp", "sweep", "config.yaml", "--output", "out", "--engine", "inline")
    code, _, err = python(*words, "--rerun", "diverged", cwd=tmp_path)
    assert code == 0
    assert "2 of 3 runs are finished already" in err
    assert "1 runs were trained again; 0 gave other records than before" in err
    assert len(finished_runs(tmp_path / "out")) == 7
    code, out, err = python(*words, "--rerun", "failed", "--json", cwd=tmp_path)
    assert code == 0 and {cell["status"] for cell in json.loads(out)["cells"]} == {
        "done",
        "diverged",
    }
