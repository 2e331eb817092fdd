"""A sweep of convolutional networks with every norm: the same bytes from any number of workers.

And after a kill of the driver: what the trainer promises of a stack holds for whole sweeps.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sweeps import CONVOLUTIONS, finish, finished_runs, is_running, start, wait_until, workers_of

import bnexp
from bnexp.plan import stacks
from bnexp.store.checkpoints import read_epochs

#: With a checkpoint after every epoch.
DRIVE = """
from pathlib import Path
from bnexp.config import load_sweep
from bnexp.driver import Options, Watcher, train_plan
from bnexp.engines import EngineChoice
from bnexp.plan import plan_sweep
from bnexp.store.folder import ResultsFolder

plan = plan_sweep(load_sweep("config.yaml"))
with ResultsFolder(Path("out"), plan, "sweep") as folder:
    train_plan(folder, Options(EngineChoice("local", 2), checkpoint_seconds=0), Watcher())
"""


def views(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "metrics.csv").read_bytes(), (folder / "runs.csv").read_bytes()


@pytest.fixture(scope="module")
def inline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole sweep, trained in this process."""
    place = tmp_path_factory.mktemp("inline")
    (place / "config.yaml").write_text(CONVOLUTIONS)
    results = bnexp.sweep(place / "config.yaml", jobs=0, output=place / "out")
    assert {end.status for end in results.runs.values()} == {"done", "diverged"}
    assert len(results.runs) == 24
    return place / "out"


@pytest.mark.parametrize("jobs", [1, 2])
def test_any_number_of_workers_gives_the_same_bytes(
    tmp_path: Path, inline: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setattr(stacks, "_MOST_RUNS", jobs)  # stacks of three, in this process
    (tmp_path / "config.yaml").write_text(CONVOLUTIONS)
    bnexp.sweep(tmp_path / "config.yaml", jobs=jobs, output=tmp_path / "out")
    assert views(tmp_path / "out") == views(inline)


def test_a_killed_driver_goes_on_to_the_same_bytes(
    tmp_path: Path, inline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(CONVOLUTIONS)
    out = tmp_path / "out"

    def is_halfway() -> bool:
        epochs = read_epochs(out / "checkpoints") if (out / "checkpoints").exists() else {}
        begun = set(epochs) - set(finished_runs(out) if (out / "journal.jsonl").exists() else [])
        return bool(begun) and bool(finished_runs(out))

    driver = start("-c", DRIVE, cwd=tmp_path)
    wait_until(is_halfway, "some runs finished and some in checkpoints")
    workers = workers_of(driver.pid)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    finish(driver)
    assert len(workers) == 2
    wait_until(lambda: not any(map(is_running, workers)), "workers end without their driver")
    before = finished_runs(out)
    assert 0 < len(before) < 24
    monkeypatch.setattr(stacks, "_MOST_RUNS", 1)
    bnexp.sweep(tmp_path / "config.yaml", jobs=1, output=out)
    assert finished_runs(out)[: len(before)] == before
    assert sorted(finished_runs(out)) == sorted(finished_runs(inline))
    assert views(out) == views(inline)
