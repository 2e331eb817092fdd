from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sweeps import (
    SCALES,
    fill,
    finished_runs,
    made_up,
    make_plan,
    reading,
    snapshot,
    wait_until,
)

from bnexp.config import load_sweep
from bnexp.plan import plan_sweep
from bnexp.store.find import folder_for
from bnexp.store.folder import ResultsFolder


@pytest.mark.parametrize(
    "steps",
    [
        [({"init.scale": [1.0, 0.1]}, 1), ({"init.scale": [1.0, 0.1]}, 3)],
        [({"init.scale": [0.1]}, 3), ({"init.scale": [1.0, 0.1]}, 3)],
        [({"init.scale": [1.0]}, 1), ({"init.scale": [0.1]}, 3), ({"init.scale": [0.1, 1]}, 3)],
        [({"init.scale": [1.0, 0.1]}, 3), ({"init.scale": [1.0]}, 1)],
    ],
    ids=["more seeds", "more values", "one by one", "fewer"],
)
def test_an_extended_sweep_has_the_views_of_one_asked_at_once(
    tmp_path: Path, steps: list[tuple[dict[str, Any], int]]
) -> None:
    seen: list[str] = []
    for axes, seeds in steps:
        missing = fill(tmp_path / "extended", make_plan(axes, seeds))
        assert not set(missing) & set(seen)
        seen += missing
    whole = make_plan({"init.scale": [1.0, 0.1]}, seeds=3)
    assert sorted(seen) == sorted(whole.runs) == sorted(finished_runs(tmp_path / "extended"))
    fill(tmp_path / "at once", whole)
    for name in ("metrics.csv", "runs.csv", "summary.csv"):
        extended, at_once = (tmp_path / way / name for way in ("extended", "at once"))
        assert extended.read_bytes() == at_once.read_bytes()


def test_the_views_of_a_small_sweep(tmp_path: Path) -> None:
    plan = make_plan({"norm.kind": ["none", "batch"], "init.scale": [1.0, 0.1]})
    values = {cell.run: cell.values for cell in plan.cells}
    with ResultsFolder(tmp_path, plan, "sweep") as folder:
        for run in reversed(plan.runs):
            if values[run] == {"norm.kind": "batch", "init.scale": 1.0}:
                folder.add(made_up(run, "diverged", epoch=1, step=9))
            elif values[run]["norm.kind"] == "none":
                folder.add(made_up(run, value=values[run]["init.scale"]))
        folder.write_views()
    ids = {(v["init.scale"], v["norm.kind"]): run for run, v in values.items()}
    head = "run,init.scale,norm.kind,seed"
    assert (tmp_path / "metrics.csv").read_text() == (
        f"{head},epoch,step,train_loss,train_accuracy\n"
        f"{ids[0.1, 'none']},0.1,none,0,1,6,0.1,0.1\n"
        f"{ids[0.1, 'none']},0.1,none,0,2,12,0.05,0.1\n"
        f"{ids[1.0, 'batch']},1.0,batch,0,1,6,0.5,0.5\n"
        f"{ids[1.0, 'batch']},1.0,batch,0,2,12,0.25,0.5\n"
        f"{ids[1.0, 'none']},1.0,none,0,1,6,1.0,1.0\n"
        f"{ids[1.0, 'none']},1.0,none,0,2,12,0.5,1.0\n"
    )
    assert (tmp_path / "runs.csv").read_text() == (
        f"{head},status,epoch,step,train_loss,train_accuracy\n"
        f"{ids[0.1, 'batch']},0.1,batch,0,missing,,,,\n"
        f"{ids[0.1, 'none']},0.1,none,0,done,2,12,0.05,0.1\n"
        f"{ids[1.0, 'batch']},1.0,batch,0,diverged,1,9,0.25,0.5\n"
        f"{ids[1.0, 'none']},1.0,none,0,done,2,12,0.5,1.0\n"
    )


def test_the_plan_of_a_folder_asks_the_same_again(tmp_path: Path) -> None:
    axes = {"norm.kind": ["batch", "none"], "network.layers": [[8], [8, 8]]}
    plan = make_plan(axes, seeds=2, seed=5)
    fill(tmp_path / "out", plan)
    again = plan_sweep(load_sweep(tmp_path / "out" / "plan.yaml"))
    assert again.runs.keys() == plan.runs.keys()
    assert folder_for(again.config, "sweep") == folder_for(plan.config, "sweep")
    before = snapshot(tmp_path / "out")
    assert fill(tmp_path / "out", again) == []
    assert snapshot(tmp_path / "out") == before


def test_views_follow_results_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr("bnexp.store.folder.time", clock)
    plan = make_plan({"init.scale": [1.0, 0.1, 0.01]})
    one, two, _ = plan.runs

    def shown() -> int:
        text = (tmp_path / "runs.csv").read_text()
        return sum(row["status"] == "done" for row in csv.DictReader(text.splitlines()))

    with ResultsFolder(tmp_path, plan, "sweep") as folder:
        folder.write_views()
        folder.add(made_up(one))
        folder.refresh()
        assert shown() == 0
        now = 3.0
        folder.refresh()
        assert shown() == 1
        (tmp_path / "runs.csv").unlink()
        now = 60.0
        folder.refresh()  # nothing is new
        assert not (tmp_path / "runs.csv").exists()
        folder.add(made_up(two))
        folder.refresh()
        assert shown() == 2


def test_a_reader_never_sees_half_a_view(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1 / n for n in range(1, 40)]})
    written = set()
    with (
        reading(tmp_path / "metrics.csv") as seen,
        ResultsFolder(tmp_path, plan, "sweep") as folder,
    ):
        for run in plan.runs:
            folder.add(made_up(run))
            folder.write_views()
            written.add((tmp_path / "metrics.csv").read_text())
            wait_until(lambda: seen, "the reader reads")
        wait_until(lambda: len(seen) > 1, "the reader reads again")
    assert len(written) == len(plan.runs)
    assert seen <= written


def test_what_killed_processes_left_half_written_is_removed(tmp_path: Path) -> None:
    plan = make_plan(SCALES)
    fill(tmp_path, plan, runs=1)
    (tmp_path / "checkpoints").mkdir()
    left = [
        *(f".{name}.0123456789ab.tmp" for name in ("metrics.csv", "runs.csv", "plan.yaml")),
        ".environment.json.0123456789ab.tmp",
        "..owner.json.0123456789ab.tmp",
        "checkpoints/.0123.checkpoint.0123456789ab.tmp",
        "checkpoints/0123.checkpoint",
    ]
    for name in left:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "plot.png").write_bytes(b"a figure")
    fill(tmp_path, plan, runs=0)
    names = {"journal.jsonl", "metrics.csv", "runs.csv", "plan.yaml", "environment.json"}
    assert snapshot(tmp_path).keys() - {".lock"} == names | {"plot.png"}
    assert not (tmp_path / "checkpoints").exists()
