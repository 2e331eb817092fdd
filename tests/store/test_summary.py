"""What summary.csv says of several seeds."""

from __future__ import annotations

import csv
import math
import statistics
from pathlib import Path

import pytest
from sweeps import made_up, make_plan

from bnexp.records import RunResult, Status
from bnexp.store.folder import ResultsFolder
from bnexp.store.results import Results, load_results

#: How the runs of the scale 0.1 end, by seed, and their final training accuracies.
ENDS: list[tuple[Status, float]] = [
    ("done", 0.9),
    ("stopped", 0.5),
    ("diverged", 0.1),
    ("failed", 0.3),
    ("done", 0.8),
]


def fill(folder: Path, seeds: int = 6) -> None:
    """Write made-up results: of the scale 0.1 as in ``ENDS``, of 1.0 only for the first seed."""
    plan = make_plan({"init.scale": [1.0, 0.1]}, seeds)
    with ResultsFolder(folder, plan, "sweep") as results:
        for cell in plan.cells:
            result: RunResult | None = None
            if cell.values["init.scale"] == 1.0:
                result = made_up(cell.run, value=0.25) if cell.seed == 0 else None
            elif cell.seed < len(ENDS):
                status, value = ENDS[cell.seed]
                records = {"records": ()} if status == "failed" else {}
                result = made_up(cell.run, status, value=value, **records)
            if result is not None:
                results.add(result)
        results.write_views()


def test_a_row_for_all_seeds_of_each_value(tmp_path: Path) -> None:
    fill(tmp_path)
    with (tmp_path / "summary.csv").open(newline="") as file:
        small, large = csv.DictReader(file)
    assert [small[name] for name in ("init.scale", "seeds", "diverged", "failed", "missing")] == [
        "0.1",
        "6",
        "1",
        "1",
        "1",
    ]
    ended = [0.9, 0.5, 0.8]  # neither diverged nor failed
    expected = {
        "median": 0.8,
        "min": 0.5,
        "max": 0.9,
        "mean": sum(ended) / 3,
        "std": math.sqrt(sum((x - sum(ended) / 3) ** 2 for x in ended) / 2),
    }
    for name, value in expected.items():
        assert float(small[f"train_accuracy_{name}"]) == pytest.approx(value, rel=1e-12)
        assert float(small[f"train_loss_{name}"]) == pytest.approx(value / 2, rel=1e-12)
    # Of a single run there is no standard deviation.
    assert (large["init.scale"], large["seeds"], large["missing"]) == ("1.0", "6", "5")
    assert large["train_accuracy_median"] == large["train_accuracy_mean"] == "0.25"
    assert large["train_accuracy_std"] == ""


def test_python_has_the_rows_of_the_table(tmp_path: Path) -> None:
    fill(tmp_path)
    rows = load_results(tmp_path).summary_rows()
    with (tmp_path / "summary.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    shown = [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert shown == table
    assert [list(row) for row in rows] == [list(table[0])] * 2


def test_a_single_seed_has_no_summary(tmp_path: Path) -> None:
    fill(tmp_path, seeds=1)
    assert not (tmp_path / "summary.csv").exists()
    (row,) = [row for row in load_results(tmp_path).summary_rows() if row["init.scale"] == 0.1]
    assert row["train_accuracy_median"] == 0.9


def test_it_is_the_median_of_figures(tmp_path: Path) -> None:
    from bnexp.plots.panels import select_panels

    fill(tmp_path)
    results = load_results(tmp_path)
    selection = select_panels(results, y="train_accuracy", panel="init.scale")
    finals = sorted(panel.lines[0].final or 0 for panel in selection.panels)
    medians = sorted(row["train_accuracy_median"] for row in results.summary_rows())
    assert finals == medians == [0.25, statistics.median([0.9, 0.5, 0.8])]


def test_many_cells_are_looked_through_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once for each cell: ten thousand of them are usual."""
    looks = []

    def count(results: Results) -> bool:
        looks.append(results)
        return False

    monkeypatch.setattr(Results, "has_seeds", property(count))
    plan = make_plan({"init.scale": [1.0, 0.1, 0.01]})
    with ResultsFolder(tmp_path, plan, "sweep") as folder:
        folder.write_views()
    assert len(looks) == 1
