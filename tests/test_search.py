"""Searches from the API: the same tables whatever happened on the way, and an honest choice."""

from __future__ import annotations

import csv
import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from searches import SPACE, search_document, search_text, views
from sweeps import read_journal

import bnexp
from bnexp import driver, searching
from bnexp.cli.tables import refuse_failed
from bnexp.config import load_text
from bnexp.driver import Watcher
from bnexp.engines import InlineEngine, Progress, inline, supply, work
from bnexp.engines.base import RunEnded, needed_examples
from bnexp.errors import ConfigError, DatasetError, ResultsError, RunsFailedError
from bnexp.records import RunResult
from bnexp.store.journal import NAME, encode_entry
from bnexp.store.results import load_results
from bnexp.store.search import SearchResults
from bnexp.train import train_stack
from bnexp.trials.draw import draw_values
from bnexp.trials.tpe import ask_trials

#: Twelve trials in two shapes, one of which is lost at once; ten epochs with rungs at 1, 2 and 5.
HALVING: dict[str, Any] = {"search__pruner": "halving", "training__epochs": 10}


def search(place: Path, trials: int | None = None, jobs: int = 0, **changes: Any) -> SearchResults:
    return bnexp.search(search_document(**changes), trials=trials, jobs=jobs, output=place)


def ends(results: SearchResults) -> dict[int, Any]:
    """Status, epoch and records of each trial, by number."""
    found = {}
    for cell in results.cells:
        result = results.runs[cell.run]
        assert cell.trial
        found[cell.trial] = (result.status, result.epoch, result.records)
    return found


def read(place: Path) -> list[dict[str, str]]:
    with (place / "trials.csv").open() as file:
        return list(csv.DictReader(file))


SMALL = tuple(n * 1e-5 for n in range(1, 8))
CASES: dict[str, dict[str, Any]] = {
    "random": {},
    "halving": HALVING,
    "tpe": {"search__sampler": "tpe", "search__ask": 5},
    "random-grid": {
        "search__sampler": "random-grid",
        "space": {"optimizer.lr": "logspace(0, -2, 5)", "norm.kind": ["batch", "none", "layer"]},
    },
}


@pytest.mark.parametrize("case", CASES)
def test_tables_are_the_same_for_any_jobs_and_any_extensions(tmp_path: Path, case: str) -> None:
    changes = CASES[case]
    whole = search(tmp_path / "whole", **changes)
    assert len(whole.cells) == 12
    search(tmp_path / "jobs", jobs=2, **changes)
    for trials in (3, 7, 12, 5, None):
        grown = search(tmp_path / "grown", trials, **changes)
    assert views(tmp_path / "jobs") == views(tmp_path / "whole") == views(tmp_path / "grown")
    assert ends(grown) == ends(whole)
    again = (tmp_path / "whole" / NAME).read_bytes()
    search(tmp_path / "whole", **changes)
    assert (tmp_path / "whole" / NAME).read_bytes() == again


def test_survivors_of_halving_have_the_records_that_they_have_without(tmp_path: Path) -> None:
    pruned = search(tmp_path / "pruned", **HALVING)
    whole = search(tmp_path / "whole", **{**HALVING, "search__pruner": "none"})
    statuses = [status for status, _, _ in ends(pruned).values()]
    assert sorted(set(statuses)) == ["diverged", "done", "pruned"]
    assert statuses.count("done") == 1
    for trial, (status, epoch, records) in ends(pruned).items():
        _, _, full = ends(whole)[trial]
        assert records == full[: len(records)]
        assert len(records) == epoch
        assert status != "done" or records == full
    work = sum(epoch for _, epoch, _ in ends(pruned).values())
    assert work < 0.4 * sum(epoch for _, epoch, _ in ends(whole).values())


def test_no_epoch_is_trained_twice_when_a_pruned_trial_goes_on(tmp_path: Path) -> None:
    """More trials move the cut: one that was pruned begins again, and then only goes on."""

    class Count(Watcher):
        epochs = 0

        def progress(self, event: Progress) -> None:
            self.epochs += len(event.records)

    space = {"optimizer.lr": [*(n * 1e-4 for n in range(1, 5)), 0.05, *SMALL]}
    changes = {**HALVING, "search__sampler": "random-grid", "space": space}
    final = ends(search(tmp_path / "whole", **changes))
    reached: dict[int, int] = {}
    for trials in (3, 6):
        for trial, (_, epoch, _) in ends(search(tmp_path / "s", trials, **changes)).items():
            reached[trial] = max(epoch, reached.get(trial, 0))
    counts = Count()
    document = search_document(**changes)
    late = bnexp.search(document, jobs=0, output=tmp_path / "s", watcher=counts)
    assert ends(late) == final
    new = [trial for trial in final if trial not in reached]
    revived = [trial for trial in reached if reached[trial] < final[trial][1]]
    cut = [trial for trial in reached if reached[trial] > final[trial][1]]
    assert revived
    assert cut
    report = 10 if late.ranked[0].cell.trial in new else 0
    assert counts.epochs == sum(final[trial][1] for trial in (*new, *revived)) + report


def test_checkpoints_of_the_pruned_do_not_stay(tmp_path: Path) -> None:
    search(tmp_path / "s", **HALVING)
    assert not (tmp_path / "s" / "checkpoints").exists()


def test_trials_do_not_look_at_the_test_set_and_the_best_is_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[int, int]] = []

    class Spy(InlineEngine):
        def train(self, stacks: Any, stop: Any) -> Any:
            for stack in stacks:
                trained.append((len(stack.runs), needed_examples(stack.runs[0].config).test))
            return super().train(stacks, stop)

    monkeypatch.setattr(inline, "InlineEngine", Spy)
    results = search(tmp_path / "s")
    assert sum(runs for runs, test in trained if not test) == 12
    assert [runs for runs, test in trained if test] == [1]
    rows = read(tmp_path / "s")
    assert [row["trial"] for row in rows if row["test_accuracy"]] == [rows[0]["trial"]]
    assert all("test_accuracy" not in row for row in results.rows())
    # It is the best trial's own run, measured on more: its validation metrics are the same bits.
    first = results.ranked[0]
    report = results.report(first)
    assert report
    assert first.result
    assert first.result.final.items() <= report.final.items()
    values = {key: value for key, value in first.cell.values.items() if key != "network.width"}
    layers = [first.cell.values["network.width"]] * 2
    alone = bnexp.run(
        search_document(),
        overrides=[f"{key}={value!r}" for key, value in values.items()]
        + [f"network.layers={layers}"],
        output=tmp_path / "alone",
    )
    assert alone.runs.keys() == {first.cell.report}
    assert alone.runs[first.cell.report or ""].records == report.records


def test_the_report_follows_the_best_when_more_trials_come(tmp_path: Path) -> None:
    changes = {"search__report": 2}
    search(tmp_path / "s", 3, **changes)
    early = {row["trial"] for row in read(tmp_path / "s") if row["test_accuracy"]}
    search(tmp_path / "s", 12, **changes)
    rows = read(tmp_path / "s")
    late = [row["rank"] for row in rows if row["test_accuracy"]]
    assert (len(early), late) == (2, ["1", "2"])
    more = search(tmp_path / "s", 12, search__report=4)
    assert [row["rank"] for row in read(tmp_path / "s") if row["test_accuracy"]] == list("1234")
    assert more.folder == tmp_path / "s"


def test_no_report_without_test_examples_or_when_they_decide(tmp_path: Path) -> None:
    none = search(tmp_path / "none", 3, evaluate={"train": "running", "test": "none"})
    assert all(cell.report is None for cell in none.cells)
    test = search(tmp_path / "test", 3, search__objective="test_accuracy")
    rows = read(tmp_path / "test")
    assert all(row["test_accuracy"] == row["objective"] for row in rows if row["status"] == "done")
    assert len(test.runs) == 3


def test_trials_are_ranked_by_the_objective(tmp_path: Path) -> None:
    results = search(tmp_path / "s", 6, search__objective="val_loss", search__at="best")
    values = [one.value for one in results.ranked if one.value is not None]
    assert values == sorted(values)
    for one in results.ranked:
        if one.value is not None and one.result:
            assert one.value == min(record.metrics["val_loss"] for record in one.result.records)
    assert results.best == results.ranked[0].cell.values
    assert "val_loss = " in repr(results)


def test_two_trials_of_the_same_values_are_one_run(tmp_path: Path) -> None:
    space = {"optimizer.lr": [0.1, 0.01]}
    results = search(tmp_path / "s", 6, space=space, **HALVING)
    assert len({cell.run for cell in results.cells}) == 2
    assert len(results.cells) == len(results.ranked) == 6
    assert {status for status, _, _ in ends(results).values()} == {"done", "pruned"}


def test_depth_and_width_make_the_layers(tmp_path: Path) -> None:
    space: dict[str, Any] = {"network.depth": "int(0, 2)"}
    with pytest.raises(ConfigError, match=r"network.depth: 0 is out of range"):
        search(tmp_path / "s", space=space)
    space = {"network.depth": "int(1, 3)", "network.width": [5, 6]}
    results = search(tmp_path / "s", space=space, search={"sampler": "grid", "space": space})
    assert len(results.runs) == 6 + 1
    layers = set()
    for entry in read_journal(tmp_path / "s" / NAME):
        layers |= {tuple(row["values"].values()) for row in entry.get("cells", [])}
    assert layers == {(depth, width) for depth in (1, 2, 3) for width in (5, 6)}


def test_an_end_that_no_run_may_have_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    space = {"training.batch_size": "int(10, 500)"}
    with pytest.raises(ConfigError, match=r"cell training.batch_size = 500.*240 training examples"):
        search(tmp_path / "s", space=space)
    assert not (tmp_path / "s").exists()


def test_another_question_is_another_folder(tmp_path: Path) -> None:
    search(tmp_path / "s", 2)
    others: list[dict[str, Any]] = [
        {"search__sampler": "tpe"},
        {"search__objective": "val_loss"},
        {"search__at": "best"},
        {"search__pruner": "halving"},
        {"seed": 1},
        {"space": {**SPACE, "optimizer.lr": "loguniform(1e-3, 1)"}},
        {"space": {"optimizer.lr": SPACE["optimizer.lr"]}},
        {"training__epochs": 5},
    ]
    for other in others:
        with pytest.raises(ResultsError, match="holds the answer to another question"):
            search(tmp_path / "s", 2, **other)
    with pytest.raises(ResultsError, match="command: "):
        bnexp.run(search_document(), output=tmp_path / "s")
    search(tmp_path / "s", 3, search__direction="maximize", name="other")


def test_a_search_block_changes_no_run_and_no_sweep(tmp_path: Path) -> None:
    document = search_document()
    with_block = bnexp.run(document, output=tmp_path / "a")
    without = bnexp.run({**document, "search": {}}, output=tmp_path / "b")
    assert with_block.runs.keys() == without.runs.keys()
    bnexp.run({**document, "search": {}}, output=tmp_path / "a")


class FailOnce(InlineEngine):
    """Fails the second run that it is given, or the only one."""

    done = False

    def train(self, stacks: Any, stop: Any) -> Any:
        runs = [run for stack in stacks for run in stack.runs]
        victim = None if FailOnce.done else runs[:2][-1].id
        FailOnce.done = True
        left = [
            dataclasses.replace(stack, runs=tuple(r for r in stack.runs if r.id != victim))
            for stack in stacks
        ]
        if victim:
            yield RunEnded(RunResult(victim, "failed", (), 0, 0, message="out of luck"))
        yield from super().train([stack for stack in left if stack.runs], stop)


@pytest.mark.parametrize("case", CASES)
def test_a_failed_trial_ranks_last_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    changes = CASES[case]
    search(tmp_path / "whole", **changes)
    monkeypatch.setattr(FailOnce, "done", False)
    with monkeypatch.context() as patch:
        patch.setattr(inline, "InlineEngine", FailOnce)
        broken = search(tmp_path / "s", **changes)
    assert [r.result.status for r in broken.ranked if r.result].count("failed") == 1
    assert broken.ranked[0].value is not None
    # Trials that follow from how others end are not asked for while one of these has failed.
    assert len(broken.cells) == (5 if case == "tpe" else 12)
    search(tmp_path / "s", **changes)
    assert views(tmp_path / "s") == views(tmp_path / "whole")


def test_tpe_goes_on_without_a_trial_that_fails_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    listen = Watcher()
    monkeypatch.setattr(listen, "note", notes.append)
    for count in (5, 12):
        monkeypatch.setattr(FailOnce, "done", False)
        with monkeypatch.context() as patch:
            patch.setattr(inline, "InlineEngine", FailOnce)
            document = search_document(**CASES["tpe"])
            found = bnexp.search(document, jobs=0, output=tmp_path / "s", watcher=listen)
        assert len(found.cells) == count
        assert [end[0] for end in ends(found).values()].count("failed") == 1
    assert notes == [
        "7 trials follow from how those before them end, of which some failed: the same command "
        "tries these again, and goes on"
    ]


def test_a_report_that_failed_is_made_again(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"evaluate__test": "all"}
    whole = search(tmp_path / "whole", **changes)
    shutil.copytree(tmp_path / "whole", tmp_path / "s")
    report = whole.ranked[0].cell.report
    assert report is not None
    entries = [
        {"result": RunResult(report, "failed", (), 0, 0, message="out of luck").to_json()}
        if entry.get("result", {}).get("run") == report
        else entry
        for entry in read_journal(tmp_path / "s" / NAME)
    ]
    (tmp_path / "s" / NAME).write_bytes(b"".join(map(encode_entry, entries)))
    broken = load_results(tmp_path / "s")
    with pytest.raises(RunsFailedError) as caught:
        refuse_failed(broken)
    best = whole.ranked[0].cell.trial
    assert str(caught.value).splitlines() == [
        "1 of 13 runs failed and are tried again by the same command:",
        "  out of luck",
        f"    trial {best}, measured on test examples",
    ]
    refuse_failed(search(tmp_path / "s", **changes))
    assert views(tmp_path / "s") == views(tmp_path / "whole")


def test_a_run_that_fails_after_a_rung_is_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = train_stack
    calls = []

    def fail_later(runs: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(runs)
        assert len(calls) < 50
        for end in original(runs, *arguments, **options):
            if end.epoch > 2:
                raise MemoryError
            yield end

    search(tmp_path / "whole", **HALVING)
    with monkeypatch.context() as patch:
        patch.setattr(work, "train_stack", fail_later)
        broken = search(tmp_path / "s", **HALVING)
    statuses = [ranked.result.status for ranked in broken.ranked if ranked.result]
    assert statuses.count("failed") > 1
    assert statuses[-1] == "failed" or statuses[-1] == "diverged"
    assert all(one.value is None for one in broken.ranked if one.result.status == "failed")
    search(tmp_path / "s", **HALVING)
    assert views(tmp_path / "s") == views(tmp_path / "whole")


def test_another_optuna_throws_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = search(tmp_path / "s", 13, **CASES["tpe"])

    def other(config: Any, told: Any, count: int) -> Any:
        return (
            draw_values(config, 100)[50 : 50 + count] if told else ask_trials(config, told, count)
        )

    monkeypatch.setattr(searching, "ask_trials", other)
    late = search(tmp_path / "s", 20, **CASES["tpe"])
    assert late.cells[:13] == early.cells
    assert len(late.cells) == 20
    assert {run: late.runs[run] for run in early.runs} == early.runs


def test_missing_test_examples_are_missed_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ensure(spec: Any, **_: Any) -> None:
        if spec.test:
            raise DatasetError("no test examples")

    monkeypatch.setattr(supply, "ensure_data", ensure)
    with pytest.raises(DatasetError, match="no test examples"):
        search(tmp_path / "s")
    assert "result" not in {key for e in read_journal(tmp_path / "s" / NAME) for key in e}
    search(tmp_path / "t", evaluate={"train": "running", "test": "none"})


def test_trials_may_have_epochs_of_their_own(tmp_path: Path) -> None:
    space = {"training.epochs": "int(1, 12)", "optimizer.lr": "loguniform(1e-2, 1)"}
    results = search(tmp_path / "s", space=space, **HALVING)
    search(tmp_path / "t", 5, space=space, **HALVING)
    search(tmp_path / "t", space=space, **HALVING)
    assert views(tmp_path / "s") == views(tmp_path / "t")
    for cell in results.cells:
        result = results.runs[cell.run]
        whole = result.status == "done"
        assert (
            result.epoch == cell.values["training.epochs"] if whole else result.epoch in (1, 2, 5)
        )


def test_watchers_hear_of_every_trial_once(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listen(Watcher):
        def ended(self, result: RunResult) -> None:
            heard.append(result.run)

    document = search_document(**HALVING)
    results = bnexp.search(document, jobs=0, output=tmp_path / "s", watcher=Listen())
    assert sorted(heard) == sorted(results.runs)


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--trials 0: search.trials"):
        bnexp.search(search_document(), trials=0)
    with pytest.raises(ConfigError, match=r"--sampler best: search.sampler"):
        bnexp.search(search_document(), sampler="best")
    with pytest.raises(ConfigError, match="jobs: -1; allowed"):
        bnexp.search(search_document(), jobs=-1)
    with pytest.raises(ConfigError, match="is no range"):
        bnexp.search(search_document(), space={"optimizer.lr": 3})  # type: ignore[dict-item]


def test_a_curve_is_that_of_a_trial_by_its_number_or_values(tmp_path: Path) -> None:
    results = search(tmp_path / "out", 5, seed=3)
    assert {cell.seed for cell in results.cells} == {3}
    cell = results.cells[3]
    records = results.runs[cell.run].records
    accuracies = [record.metrics["val_accuracy"] for record in records]
    assert results.curve("val_accuracy", trial=4).tolist() == accuracies
    values = {key.replace(".", "__"): value for key, value in cell.values.items()}
    assert results.curve("val_accuracy", **values).tolist() == accuracies  # type: ignore[arg-type]
    loaded = bnexp.load_results(tmp_path / "out")
    assert isinstance(loaded, SearchResults)
    assert loaded.curve("val_accuracy", seed=3, trial=4).tolist() == accuracies


def test_test_metrics_are_the_curve_of_chosen_trials_alone(tmp_path: Path) -> None:
    results = search(tmp_path / "out", 5, evaluate__test="all")
    best, *others = (ranked.cell.trial for ranked in results.ranked)
    report = results.report(results.ranked[0])
    assert report
    curve = results.curve("test_accuracy", trial=best)
    assert curve.tolist() == [record.metrics["test_accuracy"] for record in report.records]
    assert len(results.curve("val_accuracy", trial=best)) == len(curve) == 4
    words = f"the test_accuracy of trial {others[0]}, which is not chosen, is missing"
    with pytest.raises(ResultsError, match=words):
        results.curve("test_accuracy", trial=others[0])


def test_the_figures_of_a_sweep_are_refused_for_a_search(tmp_path: Path) -> None:
    results = search(tmp_path / "out", 3)
    for draw in (bnexp.plot_grid, bnexp.plot_curves):
        with pytest.raises(ConfigError, match="out is a search: draw it with plot_best or plot_sp"):
            draw(results)
    assert bnexp.plot_best(tmp_path / "out").axes


def test_a_curve_that_no_trial_has(tmp_path: Path) -> None:
    results = search(tmp_path / "out", 3)
    best = results.ranked[0].cell.trial
    remedy = f"name one of 1 to 3, such as trial={best}, the best; trial_rows() has the values"
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, f"a curve is that of one trial; {remedy}"),
        ({"trial": 4}, f"no trial with {{'trial': 4}}; {remedy}"),
        ({"trial": 1, "seed": 9}, f"no trial with {{'trial': 1, 'seed': 9}}; {remedy}"),
        ({"optimizer__lr": 7.0}, f"no trial with {{'optimizer.lr': 7.0}}; {remedy}"),
    ]
    for named, words in cases:
        with pytest.raises(ResultsError) as caught:
            results.curve("val_loss", **named)
        assert words in str(caught.value)
    with pytest.raises(ResultsError, match="no metric 'loss'; there are running_loss, running_acc"):
        results.curve("loss", trial=1)
    half = dataclasses.replace(results, runs={})
    with pytest.raises(ResultsError, match="trial 1 is missing"):
        half.curve("val_loss", trial=1)


@pytest.mark.parametrize("report", [0, 1])
def test_no_checkpoint_stays_when_a_search_is_over(tmp_path: Path, report: int) -> None:
    config = load_text(search_text(search__report=report))
    options = driver.Options(checkpoint_seconds=0)
    searching.train_search(config, tmp_path / "s", options, Watcher())
    assert not (tmp_path / "s" / "checkpoints").exists()
