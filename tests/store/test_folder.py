from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweeps import (
    SCALES,
    fill,
    finished_runs,
    made_up,
    make_plan,
    public_folder,
    read_only,
    snapshot,
)

from bnexp.errors import OutputError, ResultsError
from bnexp.plan import plan_run
from bnexp.records import RunState
from bnexp.store.checkpoints import read_epochs, write_states
from bnexp.store.find import folder_for, newest_folder
from bnexp.store.folder import ResultsFolder
from bnexp.store.journal import NAME, Journal, encode_entry
from bnexp.store.results import load_results


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 3},
        {"seed": 7},
        {"axes": {"init.scale": [3.0]}},
        {"plot__y": "test_accuracy"},
        {"init__scale": 0.5},
        {"evaluate__train": "all"},
    ],
    ids=str,
)
def test_the_same_question_has_the_same_folder(changes: dict[str, Any]) -> None:
    changes = dict(changes)
    axes = changes.pop("axes", SCALES)
    asked = folder_for(make_plan(axes, **changes).config, "sweep")
    assert asked == folder_for(make_plan(SCALES).config, "sweep")
    assert asked.parent == Path("results")
    assert asked.name.startswith("digits-") and len(asked.name) == len("digits-") + 6


def test_another_question_has_another_folder() -> None:
    configs = [
        make_plan(SCALES).config,
        make_plan(SCALES, optimizer__lr=0.06).config,
        make_plan(SCALES, training__epochs=5).config,
        make_plan({**SCALES, "norm.kind": ["none"]}).config,
        make_plan({"optimizer.lr": [0.05]}).config,
        make_plan().config,
    ]
    folders = [folder_for(config, "sweep").name for config in configs]
    folders.append(folder_for(configs[-1], "run").name)
    assert len({name[-6:] for name in folders}) == 7
    assert folder_for(make_plan(SCALES, name="other").config, "sweep").name[-6:] == folders[0][-6:]


def test_a_folder_with_another_question_is_refused_with_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "out"
    fill(path, make_plan(SCALES))
    before = snapshot(path)
    other = make_plan({**SCALES, "norm.kind": ["batch"]}, optimizer__lr=0.1, network__layers=[20])
    with pytest.raises(ResultsError) as caught:
        fill(path, other)
    assert str(caught.value) == (
        f"{path} holds the answer to another question:\n"
        '  axes: ["init.scale"] there, ["init.scale", "norm.kind"] asked\n'
        "  network.layers: [100, 100] there, [20] asked\n"
        '  norm.kind: "none" there, nothing asked\n'
        "  optimizer.lr: 0.05 there, 0.1 asked\n"
        "choose another folder with --output, or set this one aside with --fresh"
    )
    assert snapshot(path) == before
    with pytest.raises(ResultsError, match='command: "sweep" there, "run" asked'):
        ResultsFolder(path, plan_run(make_plan(SCALES).config), "run")
    assert fill(path, make_plan(SCALES)) == []  # and the refused ones hold no lock


def test_fresh_sets_the_old_folder_aside_under_the_next_number(tmp_path: Path) -> None:
    path, plan = tmp_path / "out", make_plan(SCALES)
    fill(path, plan, fresh=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    first = snapshot(path)
    (tmp_path / "out.2").mkdir()
    (tmp_path / "out.2" / "mine").write_text("keep")
    assert len(fill(path, plan, runs=1, fresh=True)) == 2
    assert snapshot(tmp_path / "out.1") == first
    second = snapshot(path)
    fill(path, make_plan({"optimizer.lr": [0.1]}), fresh=True)  # another question
    assert snapshot(tmp_path / "out.1") == first
    assert snapshot(tmp_path / "out.2") == {"mine": b"keep"}
    assert snapshot(tmp_path / "out.3") == second
    assert len(load_results(path).runs) == 1


def test_fresh_sets_a_damaged_folder_aside(tmp_path: Path) -> None:
    path, plan = tmp_path / "out", make_plan(SCALES)
    fill(path, plan)
    lines = (path / NAME).read_bytes().splitlines(keepends=True)
    (path / NAME).write_bytes(lines[0] + b"damage\n" + lines[2])
    with pytest.raises(ResultsError, match=f"{NAME}:2: this line is damaged"):
        fill(path, plan)
    assert len(fill(path, plan, fresh=True)) == 2
    assert b"damage" in (tmp_path / "out.1" / NAME).read_bytes()


def test_a_folder_in_use_is_neither_shared_nor_set_aside(tmp_path: Path) -> None:
    path, plan = tmp_path / "out", make_plan(SCALES)
    with ResultsFolder(path, plan, "sweep"):
        for fresh in (False, True):
            with pytest.raises(ResultsError, match="is in use by process"):
                ResultsFolder(path, plan, "sweep", fresh=fresh)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", ["thesis.tex", NAME, "plan.yaml"])
def test_the_folder_of_somebody_else_is_left_alone(tmp_path: Path, name: str, fresh: bool) -> None:
    path = tmp_path / "home"
    path.mkdir()
    (path / name).write_text("mine")
    with pytest.raises(ResultsError, match="is not empty and not a results folder") as caught:
        fill(path, make_plan(), fresh=fresh)
    assert caught.value.exit_code == 4
    assert snapshot(tmp_path) == {f"home/{name}": b"mine"}


@pytest.mark.parametrize(
    "left",
    [
        {},
        {".lock": b""},
        {".lock": b"", "..owner.json.0123.tmp": b"{"},
        {".lock": b"", ".owner.json": b'{"pid": 1}', NAME: b""},
        {".lock": b"", ".owner.json": b'{"pid": 1}', NAME: b'{"sum": "0123'},
    ],
    ids=len,
)
def test_a_folder_that_a_kill_left_at_its_very_beginning_is_taken(
    tmp_path: Path, left: dict[str, bytes]
) -> None:
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    assert len(fill(tmp_path, make_plan(SCALES))) == 2
    assert len(load_results(tmp_path).runs) == 2


def test_a_place_where_no_folder_can_be_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    for path in (tmp_path / "results", tmp_path / "results" / "digits-012345"):
        for fresh in (False, True):
            with pytest.raises(OutputError, match="cannot be written") as caught:
                fill(path, make_plan(), fresh=fresh)
            assert caught.value.exit_code == 5
    assert snapshot(tmp_path) == {"results": b"a file"}


def test_a_results_folder_that_is_read_only_is_an_output_error_but_can_be_read() -> None:
    plan = make_plan(SCALES)
    with public_folder() as path:
        fill(path, plan)
        with read_only(path):
            assert len(load_results(path).runs) == 2
            with pytest.raises(OutputError, match="cannot be written: Permission denied"):
                fill(path, plan)
        assert fill(path, plan) == []


def test_failed_runs_are_tried_again_and_their_later_end_counts(tmp_path: Path) -> None:
    plan = make_plan(SCALES)
    one, two = plan.runs
    state = RunState(1, {}, ())
    write_states(tmp_path / "checkpoints", {one: state})
    (tmp_path / NAME).write_bytes(b"")
    with ResultsFolder(tmp_path, plan, "sweep") as folder:
        folder.add(made_up(one, "failed", message="killed"))
        folder.add(made_up(two, "diverged"))
        folder.write_views()
        assert folder.finished().keys() == {two}
    assert list((tmp_path / "checkpoints").iterdir())  # it goes on from there
    assert "failed" in (tmp_path / "runs.csv").read_text()
    assert fill(tmp_path, plan) == [one]
    assert finished_runs(tmp_path) == [one, two, one]
    assert {run: end.status for run, end in load_results(tmp_path).runs.items()} == {
        one: "done",
        two: "diverged",
    }
    assert not (tmp_path / "checkpoints").exists()


def test_entries_that_another_version_wrote_are_refused_in_words(tmp_path: Path) -> None:
    plan = make_plan(SCALES)
    fill(tmp_path, plan)
    for entry in ({"result": {"run": "x"}}, {"question": {}, "ask": {"new": 1}, "cells": []}):
        data = (tmp_path / NAME).read_bytes()
        with (tmp_path / NAME).open("ab") as file:
            file.write(encode_entry(entry))
        with pytest.raises(ResultsError, match="written by another version of bnexp"):
            load_results(tmp_path)
        (tmp_path / NAME).write_bytes(data)
    assert len(load_results(tmp_path).runs) == 2


def test_the_newest_folder_is_the_one_written_to_last(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="bnexp sweep --weights logspace"):
        newest_folder(tmp_path)
    for name in "ba":
        fill(tmp_path / name, make_plan(SCALES))
        time.sleep(0.01)  # for clocks of file systems
    assert newest_folder(tmp_path) == tmp_path / "a"
    journal = Journal(tmp_path / "b" / NAME)
    journal.append({"note": 1})
    journal.close()
    assert newest_folder(tmp_path) == tmp_path / "b"


def test_a_folder_without_a_finished_run_is_not_the_newest_while_another_has_one(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "finished", make_plan(SCALES))
    with ResultsFolder(tmp_path / "begun", make_plan(SCALES), "sweep"):
        pass
    told: list[str] = []
    assert newest_folder(tmp_path, told.append) == tmp_path / "finished"
    begun, finished = tmp_path / "begun", tmp_path / "finished"
    assert told == [f"{begun} is newer but has no finished run yet; {finished} is taken"]
    (tmp_path / "begun" / NAME).write_text("no journal\nat all\n")
    assert newest_folder(tmp_path, told.append) == finished
    assert told[1:] == [f"{begun} is newer but damaged; {finished} is taken"]
    (finished / NAME).unlink()
    assert newest_folder(tmp_path, told.append) == begun
    assert len(told) == 2


def test_a_run_that_stopped_early_is_finished(tmp_path: Path) -> None:
    plan = make_plan(SCALES)
    first, second = plan.runs
    with ResultsFolder(tmp_path, plan, "sweep") as folder:
        folder.add(made_up(first, "stopped"))
        folder.add(made_up(second, "failed", message="out of luck"))
        folder.write_views()
        assert list(folder.finished()) == [first]
    assert fill(tmp_path, plan) == [second]
    results = load_results(tmp_path)
    assert results.finished == (2, 2)
    assert [row["status"] for row in results.cell_rows()] == ["done", "stopped"]
    assert len(results.rows()) == 4
    states = (tmp_path / "runs.csv").read_text()
    assert states.count(",stopped,2,12,") == 1


def test_the_checkpoint_of_a_pruned_run_stays_while_it_goes_on(tmp_path: Path) -> None:
    plan = make_plan(SCALES)
    run = next(iter(plan.runs))
    with ResultsFolder(tmp_path / "out", plan, "sweep") as folder:
        folder.add(made_up(run, "pruned"))
        write_states(folder.checkpoints, {run: RunState(1, {"theta": np.zeros(3)}, ())})
        folder.wanted = frozenset([run])
        folder.write_views()
        assert run in read_epochs(folder.checkpoints)
        folder.wanted = frozenset()
        folder.write_views()
        assert read_epochs(folder.checkpoints) == {}


def test_the_longest_of_all_that_is_known_of_a_run_counts(tmp_path: Path) -> None:
    plan = make_plan(SCALES)
    run, other = plan.runs
    with ResultsFolder(tmp_path / "out", plan, "search") as folder:
        folder.pause(made_up(run, "paused", epoch=1, step=6))
        folder.add(made_up(other, "failed", epoch=0, step=0))
        assert folder.known()[run].status == "paused"
        assert run not in folder.results.runs
        folder.add(made_up(run, "done", epoch=2, step=12))
        folder.add(made_up(run, "pruned", epoch=1, step=6))
        folder.add(made_up(run, "failed", epoch=0, step=0))
        folder.pause(made_up(other, "paused", epoch=1, step=6))
        assert folder.known()[run].status == "done"
        assert folder.known()[other].status == "paused"
    with ResultsFolder(tmp_path / "out", plan, "search") as folder:
        assert [one.status for one in folder.known().values()] == ["done", "paused"]
