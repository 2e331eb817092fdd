"""Which trial is better: objectives from records, and the order of all trials."""

from __future__ import annotations

import math
from typing import Any

from bnexp.config.schema.search import SearchConfig
from bnexp.plan import Cell
from bnexp.records import Record, RunResult
from bnexp.trials.rank import objective_value, rank_trials

CURVE = (0.5, 0.9, 0.7)


def curve_of(curve: Any) -> Any:
    return enumerate(curve if isinstance(curve, tuple) else (curve,), 1)


def result(run: str, curve: Any = CURVE, status: Any = "done", **facts: Any) -> RunResult:
    records = [
        Record(e, 10 * e, {"val_accuracy": y, "val_loss": 1 - y}) for e, y in curve_of(curve)
    ]
    given = {"epoch": len(records), "step": 10 * len(records), **facts}
    return RunResult(run, status, tuple(records), **given)


def search(**changes: Any) -> SearchConfig:
    return SearchConfig.model_validate(changes)


def order(results: list[RunResult | None], **changes: Any) -> list[int | None]:
    cells = [Cell({}, 0, f"run {n}", n) for n in range(1, len(results) + 1)]
    runs = {cell.run: one for cell, one in zip(cells, results, strict=True) if one}
    ranked = rank_trials(search(**changes), cells, runs)
    assert [one.rank for one in ranked] == list(range(1, len(results) + 1))
    return [one.cell.trial for one in ranked]


def test_the_final_or_the_best_record_up_to_some_step() -> None:
    assert objective_value(search(), result("a")) == 0.7
    assert objective_value(search(), result("a"), until=20) == 0.9
    assert objective_value(search(), result("a"), until=19) == 0.5
    assert objective_value(search(), result("a"), until=9) is None
    assert objective_value(search(at="best"), result("a")) == 0.9
    assert objective_value(search(at="best"), result("a"), until=10) == 0.5
    loss = search(objective="val_loss")
    assert math.isclose(objective_value(loss, result("a")) or 0, 0.3)
    best_loss = search(objective="val_loss", at="best")
    assert math.isclose(objective_value(best_loss, result("a")) or 0, 0.1)


def test_a_run_without_an_answer_has_no_objective() -> None:
    diverged = result("a", status="diverged", step=25)
    assert objective_value(search(), diverged) is None
    assert objective_value(search(), diverged, until=20) == 0.9
    assert objective_value(search(), diverged, until=25) is None
    assert objective_value(search(), result("a", status="failed")) is None
    assert objective_value(search(), None) is None
    assert objective_value(search(objective="test_loss"), result("a")) is None
    assert objective_value(search(), result("a", math.nan)) is None


def test_trials_are_ordered_by_objective_and_ties_by_number() -> None:
    results = [result("", y) for y in (0.5, 0.9, 0.5, 0.9, 0.1)]
    assert order([*results]) == [2, 4, 1, 3, 5]
    assert order([*results], direction="minimize") == [5, 1, 3, 2, 4]
    assert order([*results], objective="val_loss") == [2, 4, 1, 3, 5]
    assert order([*results], objective="val_loss", direction="maximize") == [5, 1, 3, 2, 4]


def test_the_pruned_come_after_the_others_and_the_lost_last() -> None:
    results = [
        None,
        result("", 0.99, "failed"),
        result("", (0.99, 0.99), "diverged"),
        result("", (0.9,), "pruned"),
        result("", (0.2, 0.3), "pruned"),
        result("", (0.2, 0.4), "pruned"),
        result("", 0.1, "stopped"),
        result("", 0.2),
    ]
    assert order([*results]) == [8, 7, 6, 5, 4, 2, 3, 1]
