from __future__ import annotations

import copy
import os
import pickle
import resource
import shutil
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweeps import made_up, make_plan

from bnexp.errors import ResultsError
from bnexp.plan import Plan
from bnexp.records import Record, RunResult
from bnexp.store import journal
from bnexp.store.folder import ResultsFolder
from bnexp.store.journal import NAME, Lines
from bnexp.store.results import Results, load_results


def keep(path: Path, plan: Plan, *ends: RunResult) -> Results:
    """Put results into a folder and read it back."""
    with ResultsFolder(path, plan, "sweep") as folder:
        for end in ends:
            folder.add(end)
    return load_results(path)


def test_rows_arrays_and_curves_of_a_sweep(tmp_path: Path) -> None:
    plan = make_plan({"norm.kind": ["none", "batch"], "init.scale": [1.0, 0.1]}, seeds=2)
    run = {(c.values["init.scale"], c.values["norm.kind"], c.seed): c.run for c in plan.cells}
    last = (Record(2, 12, {"test_accuracy": 0.25}), Record(3, 18, {"train_loss": 2.0}))
    short = RunResult(run[1.0, "none", 1], "done", last, epoch=3, step=18)
    results = keep(tmp_path, plan, short, made_up(run[0.1, "batch", 0]))
    assert results.metrics == ("train_loss", "train_accuracy", "test_accuracy")
    assert results.finished == (2, 8)
    assert results.rows() == [
        {
            "run": run[0.1, "batch", 0],
            "norm.kind": "batch",
            "init.scale": 0.1,
            "seed": 0,
            "epoch": epoch,
            "step": 6 * epoch,
            "train_loss": 0.5 / epoch,
            "train_accuracy": 0.5,
            "test_accuracy": None,
        }
        for epoch in (1, 2)
    ] + [
        {
            "run": run[1.0, "none", 1],
            "norm.kind": "none",
            "init.scale": 1.0,
            "seed": 1,
            "epoch": record.epoch,
            "step": record.step,
            "train_loss": record.metrics.get("train_loss"),
            "train_accuracy": None,
            "test_accuracy": record.metrics.get("test_accuracy"),
        }
        for record in last
    ]
    arrays = results.arrays()
    assert arrays["step"].tolist() == [6, 12, 12, 18]
    assert arrays["norm.kind"].tolist() == ["batch", "batch", "none", "none"]
    assert arrays["train_loss"].dtype == arrays["test_accuracy"].dtype == np.float64
    np.testing.assert_array_equal(arrays["train_loss"], [0.5, 0.25, np.nan, 2.0])
    np.testing.assert_array_equal(arrays["test_accuracy"], [np.nan, np.nan, 0.25, np.nan])
    np.testing.assert_array_equal(
        results.curve("train_loss", init__scale=0.1, norm__kind="batch"), [0.5, 0.25]
    )
    np.testing.assert_array_equal(
        results.curve("test_accuracy", seed=1, norm__kind="none", init__scale=1.0), [0.25]
    )


def test_cells_are_sorted_by_values_then_seeds_numbers_before_words_before_lists(
    tmp_path: Path,
) -> None:
    axes: dict[str, Any] = {"evaluate.train": ["last", 20, "all", 3], "init.scale": [1e-4, 10, 1]}
    results = keep(tmp_path, make_plan(axes, seeds=2))
    assert [(*c.values.values(), c.seed) for c in results.cells] == [
        (train, scale, seed)
        for train in (3, 20, "all", "last")
        for scale in (1e-4, 1.0, 10.0)
        for seed in (0, 1)
    ]
    layers = keep(tmp_path / "b", make_plan({"network.layers": [[9, 9], [10], [9]]}))
    assert [c.values["network.layers"] for c in layers.cells] == [(9,), (9, 9), (10,)]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ([[1.0, 0.1, 0.01]], [1.0, 0.1, 0.01]),
        ([[0.1, 1.0], [2.0, 0.5]], [2.0, 1.0, 0.5, 0.1]),
        ([[2.0, 0.5], [0.1, 1.0]], [0.1, 0.5, 1.0, 2.0]),
        ([[2.0, 0.5], [0.1]], [0.1, 0.5, 2.0]),
        ([[1.0, 0.1], [0.1, 1.0, 0.5]], [0.1, 1.0, 0.5]),
    ],
)
def test_axes_show_values_as_last_asked_with_earlier_ones_in_that_direction(
    tmp_path: Path, asked: list[list[float]], shown: list[float]
) -> None:
    for values in asked:
        results = keep(tmp_path, make_plan({"init.scale": values}))
    assert list(results.axes["init.scale"]) == shown


def test_words_asked_earlier_follow_those_asked_last(tmp_path: Path) -> None:
    keep(tmp_path, make_plan({"network.activation": ["tanh", "relu"]}))
    results = keep(tmp_path, make_plan({"network.activation": ["gelu", "relu"]}))
    assert results.axes == {"network.activation": ("gelu", "relu", "tanh")}
    assert len(results.cells) == 3


def test_one_value_written_in_two_ways_is_one_cell(tmp_path: Path) -> None:
    keep(tmp_path, make_plan({"init.scale": [1, 0.1]}))
    results = keep(tmp_path, make_plan({"init.scale": [1.0, 1e-1]}))
    assert len(results.cells) == 2
    keep(tmp_path / "b", make_plan({"training.epochs": [10]}))
    assert len(keep(tmp_path / "b", make_plan({"training.epochs": [1e1]})).cells) == 1


def test_of_two_ends_of_a_run_the_later_counts(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1.0]})
    (run,) = plan.runs
    ends = [made_up(run, "failed"), made_up(run, value=0.25), made_up(run, value=0.75)]
    assert keep(tmp_path, plan, *ends).runs == {run: ends[-1]}


def test_a_curve_that_is_not_there_says_what_is(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1.0, 0.1]})
    results = keep(tmp_path, plan, made_up(next(iter(plan.runs))))
    for metric, seed, scale, message in (
        ("train_loss", 0, 0.3, "no cell {'init.scale': 0.3} with seed 0; the axes are"),
        ("train_loss", 4, 1.0, "no cell {'init.scale': 1.0} with seed 4"),
        ("train_loss", 0, 0.1, "the run of {'init.scale': 0.1}, seed 0, is missing"),
        ("accuracy", 0, 1.0, "no metric 'accuracy'; there are train_loss, train_accuracy"),
    ):
        with pytest.raises(ResultsError) as caught:
            results.curve(metric, seed=seed, init__scale=scale)
        assert f"{tmp_path}: {message}" in str(caught.value)


def test_nothing_finished_has_no_rows_and_no_arrays(tmp_path: Path) -> None:
    results = keep(tmp_path, make_plan())
    assert (results.rows(), results.arrays(), results.metrics) == ([], {}, ())
    assert [row["status"] for row in results.cell_rows()] == ["missing"]


def test_a_data_frame_is_made_of_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=tuple))
    plan = make_plan()
    results = keep(tmp_path, plan, made_up(*plan.runs))
    assert results.to_pandas() == tuple(results.rows())
    assert len(results.rows()) == 2


def test_what_is_no_results_folder_is_refused(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    for folder, what in ((tmp_path, "not a results folder"), (missing, "no such folder")):
        with pytest.raises(ResultsError, match=f"{folder}: {what}.*; name a folder that") as caught:
            load_results(folder)
        assert caught.value.exit_code == 4


def test_three_digits_of_a_value_are_enough_to_name_a_cell(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [0.292864456463, 0.0857695898591, 0.1, 0.1001]})
    results = keep(tmp_path, plan, *map(made_up, plan.runs))
    near = results.curve("train_loss", init__scale=0.293)
    assert near.tolist() == results.curve("train_loss", init__scale=0.292864456463).tolist()
    assert len(results.curve("train_loss", init__scale=0.1)) == len(near)  # exact beats near
    with pytest.raises(ResultsError, match="no cell"):
        results.curve("train_loss", init__scale=0.10005)  # two are as near


def test_a_whole_number_names_the_value_that_shows_as_it(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1.00023, 2.0], "training.epochs": [1000, 2000]})
    results = keep(tmp_path, plan, *map(made_up, plan.runs))
    assert len(results.curve("train_loss", init__scale=1, training__epochs=1000))
    with pytest.raises(ResultsError, match="no cell"):  # of whole numbers all digits count
        results.curve("train_loss", init__scale=1, training__epochs=1001)


def test_the_axes_that_are_left_out_are_offered(tmp_path: Path) -> None:
    scales = [float(scale) for scale in range(14, 0, -1)]
    plan = make_plan({"init.scale": scales, "norm.kind": ["batch"], "optimizer.lr": [0.1, 0.01]})
    results = keep(tmp_path, plan)
    with pytest.raises(ResultsError) as caught:
        results.curve("train_loss", optimizer__lr=0.1)
    offered = "(or 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, ..., 1)"
    assert str(caught.value) == (
        f"{tmp_path}: one value of each axis names a cell; add init__scale=14 {offered} and "
        "norm__kind='batch'"
    )


def test_results_are_shown_in_a_line(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1.0, 0.1]}, seeds=2)
    results = keep(tmp_path, plan, made_up(next(iter(plan.runs))))
    assert repr(results) == f"<Results {tmp_path}: 1 of 4 runs, axes: init.scale (2)>"


def test_records_are_read_from_the_journal_as_it_was_whatever_became_of_its_folder(
    tmp_path: Path,
) -> None:
    plan = make_plan({"init.scale": [1.0]})
    (run,) = plan.runs
    end, other = made_up(run), made_up(run, value=0.25)
    with ResultsFolder(tmp_path / "out", plan, "sweep") as folder:
        folder.add(end)
        kept = folder.results
    loaded = load_results(tmp_path / "out")
    keep(tmp_path / "out", plan, other)
    (tmp_path / "out").rename(tmp_path / "old")
    replaced = keep(tmp_path / "out", plan, other)
    shutil.rmtree(tmp_path / "old")
    for results in (kept, loaded):
        assert results.runs == {run: end} and end == results.runs[run]
        assert results.runs != {run: other} == replaced.runs
        assert [row["train_loss"] for row in results.rows()] == [0.5, 0.25]
    records = loaded.runs[run].records
    assert (len(records), records[-1], tuple(records[:1])) == (2, end.records[1], end.records[:1])
    assert repr(loaded.runs[run]) == repr(end)


def test_a_copy_of_results_has_its_records_itself(tmp_path: Path) -> None:
    plan = make_plan()
    (run,) = plan.runs
    results = keep(tmp_path, plan, made_up(run))
    for copied in (copy.deepcopy(results), pickle.loads(pickle.dumps(results))):
        assert copied == results and copied.metrics == results.metrics
        assert copied.runs[run].records == made_up(run).records
        assert isinstance(copied.runs[run].records, tuple)


def test_a_journal_that_was_changed_since_it_was_read_is_noticed(tmp_path: Path) -> None:
    plan = make_plan()
    (run,) = plan.runs
    results = keep(tmp_path, plan, made_up(run))
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data.replace(b"0.25", b"0.75"))
    with pytest.raises(ResultsError, match="changed since it was read; load the results again"):
        results.rows()
    (tmp_path / NAME).write_bytes(data)
    assert len(results.rows()) == 2


@pytest.fixture
def few_files() -> Iterator[None]:
    """Let this process open a hundred files more, not hundreds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with tempfile.TemporaryFile() as next_one:
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_one.fileno() + 100, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_many_results_need_few_open_files_and_keep_what_they_read(
    tmp_path: Path, few_files: None
) -> None:
    plan = make_plan({"init.scale": [1.0, 0.1]})
    ends = [made_up(run, value=0.1 + number) for number, run in enumerate(plan.runs)]
    many = [keep(tmp_path / "first", plan, *ends)]
    with ResultsFolder(tmp_path / "written", plan, "sweep") as folder:
        for end in ends:
            folder.add(end)
        many.append(folder.results)
    many += [load_results(tmp_path / "written") for _ in range(150)]
    shutil.rmtree(tmp_path / "first")
    shutil.rmtree(tmp_path / "written")
    for results in many:
        assert [results.runs[end.run].records for end in ends] == [end.records for end in ends]


def test_who_reads_while_a_journal_goes_into_memory_gets_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_MOST_OPEN", 0)
    read = os.pread
    (tmp_path / NAME).write_bytes(journal.encode_entry({"result": "mine"}))
    lines = Lines(tmp_path / NAME)
    ((entry, place),) = lines.entries()

    def meanwhile(*where: int) -> bytes:
        monkeypatch.setattr(os, "pread", read)
        lines.settle()
        return read(*where)

    monkeypatch.setattr(os, "pread", meanwhile)
    assert lines.entry(place.start, place.size) == entry
