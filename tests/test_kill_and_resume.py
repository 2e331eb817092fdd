"""Whole sweeps in processes of their own: killed, interrupted, refused, and gone on with."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sweeps import (
    config_text,
    environment,
    finish,
    finished_runs,
    is_running,
    make_plan,
    python,
    start,
    wait_until,
    workers_of,
)

from bnexp.driver import Options, Watcher, train_plan
from bnexp.engines import Progress
from bnexp.store.checkpoints import read_epochs
from bnexp.store.folder import ResultsFolder
from bnexp.store.journal import NAME
from bnexp.store.results import load_results

#: Ten runs in five stacks of two, one of which diverges; they end at different times.
AXES: dict[str, Any] = {"training.epochs": [12, 24, 36, 48, 60], "regularization.l2": [0.0, 50.0]}
CHANGES: dict[str, Any] = {"data__train": 1297, "training__batch_size": 20}
SWEEP = ("-m", "bnexp", "sweep", "config.yaml", "--jobs", "2", "--output", "out")
#: The same with a checkpoint after every epoch.
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


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole sweep, trained in this process."""
    plan = make_plan(AXES, **CHANGES)
    path = tmp_path_factory.mktemp("whole") / "out"
    with ResultsFolder(path, plan, "sweep") as folder:
        results = train_plan(folder, Options(), Watcher())
    assert {end.status for end in results.runs.values()} == {"done", "diverged"}
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working folder with the sweep's config in it."""
    (tmp_path / "config.yaml").write_text(config_text(AXES, **CHANGES))
    return tmp_path


def count(place: Path) -> int:
    return len(finished_runs(place / "out"))


def views(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("metrics.csv", "runs.csv")}


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} - {".lock"}


def kill_when(condition: Callable[[], Any], place: Path, **options: Any) -> None:
    """Kill a driver at some moment of its work; its workers must go by themselves."""
    driver = start("-c", DRIVE, cwd=place, **options)
    wait_until(condition, "the moment to kill the driver")
    workers = workers_of(driver.pid)
    killed = time.monotonic()
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    # Nothing holds the lock from now on, although workers may still be busy.
    with ResultsFolder(place / "out", make_plan(AXES, **CHANGES), "sweep"):
        pass
    wait_until(lambda: not any(map(is_running, workers)), "workers end without their driver")
    assert time.monotonic() - killed < 2
    finish(driver)


def test_a_driver_killed_again_and_again_loses_no_finished_run(
    place: Path, uninterrupted: Path
) -> None:
    moments: list[Callable[[], Any]] = [
        lambda: (place / "out").exists(),
        lambda: (place / "out" / NAME).exists(),
        lambda: read_epochs(place / "out" / "checkpoints"),
        lambda: count(place) >= 1,
        lambda: count(place) >= 4,
        lambda: count(place) >= 6,
    ]
    kept: list[str] = []
    for moment in moments:
        kill_when(moment, place)
        finished = finished_runs(place / "out")
        assert finished[: len(kept)] == kept
        kept = finished
    assert 6 <= len(kept) < 10
    code, _, err = python(*SWEEP, cwd=place)
    assert code == 0
    assert f"{len(kept)} of 10 runs are finished already" in err
    assert views(place / "out") == views(uninterrupted)
    assert sorted(finished_runs(place / "out")) == sorted(finished_runs(uninterrupted))
    assert files(place / "out") == files(uninterrupted)


def test_workers_that_do_not_listen_go_without_their_driver_all_the_same(place: Path) -> None:
    (place / "slow").mkdir()
    (place / "slow" / "sitecustomize.py").write_text("""
import pathlib, sys, time
if "bnexp.engines.worker" in " ".join(sys.orig_argv):
    import bnexp.train
    def train_stack(*arguments, **options):
        pathlib.Path(__file__).with_name("busy").touch()
        time.sleep(60)
    bnexp.train.train_stack = train_stack
""")
    env = environment(path=str(place / "slow"))
    kill_when(lambda: (place / "slow" / "busy").exists(), place, env=env)


def test_a_kill_costs_epochs_not_runs(place: Path, uninterrupted: Path) -> None:
    def far() -> bool:
        epochs = read_epochs(place / "out" / "checkpoints")
        return max((epoch for epoch, _ in epochs.values()), default=0) >= 10

    kill_when(far, place)
    plan = make_plan(AXES, **CHANGES)

    class Count(Watcher):
        begun = new = 0

        def start(self, plan: Any, finished: int, epochs: int) -> None:
            self.begun = epochs

        def progress(self, event: Progress) -> None:
            self.new += len(event.records)

    watcher = Count()
    with ResultsFolder(place / "out", plan, "sweep") as folder:
        kept = len(folder.results.rows())
        results = train_plan(folder, Options(), watcher)
    assert watcher.begun >= 10
    assert watcher.new == len(results.rows()) - kept - watcher.begun
    assert views(place / "out") == views(uninterrupted)


@pytest.mark.parametrize(
    ("number", "everybody", "code"),
    [
        (signal.SIGINT, False, 130),
        (signal.SIGTERM, False, 143),
        (signal.SIGINT, True, 130),
    ],
    ids=["SIGINT", "SIGTERM", "Ctrl-C"],
)
def test_a_signal_ends_a_sweep_cleanly_and_it_goes_on_from_there(
    place: Path, uninterrupted: Path, number: int, everybody: bool, code: int
) -> None:
    driver = start(*SWEEP, cwd=place)
    wait_until(lambda: (place / "out" / NAME).exists() and count(place) >= 2, "two finished runs")
    workers = workers_of(driver.pid)
    sent = time.monotonic()
    if everybody:
        os.killpg(driver.pid, number)
    else:
        driver.send_signal(number)
    status, out, err = finish(driver)
    assert time.monotonic() - sent < 2
    finished = finished_runs(place / "out")
    begun = read_epochs(place / "out" / "checkpoints").keys() - set(finished)
    assert (status, out) == (code, "")
    assert err.splitlines()[-1] == (
        f"error: stopped; {len(finished)} of 10 runs are finished and {len(begun)} more are in "
        "checkpoints, all kept in out. Give the same command again to go on from there."
    )
    assert "Traceback" not in err and "Warning" not in err
    assert len(workers) == 2 and not any(map(is_running, workers))
    names = {"journal.jsonl", "metrics.csv", "runs.csv", "plan.yaml", "environment.json"}
    assert {name for name in files(place / "out") if not name.startswith("checkpoints")} == names
    shown = {row["run"] for row in load_results(place / "out").rows()}
    assert shown <= set(finished)
    assert python(*SWEEP, cwd=place)[0] == 0
    assert views(place / "out") == views(uninterrupted)


def test_a_run_in_this_process_is_interrupted_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(config_text(**{**CHANGES, "training__epochs": 2000}))
    run = ("-m", "bnexp", "run", "config.yaml", "--output", "out")
    driver = start(*run, cwd=tmp_path)
    assert driver.stderr
    first = driver.stderr.readline()
    sent = time.monotonic()
    driver.send_signal(signal.SIGINT)
    status, _, err = finish(driver)
    assert time.monotonic() - sent < 2
    assert first.startswith("epoch    1/2000")
    assert status == 130
    assert "0 of 1 runs are finished" in err and "Traceback" not in err


def test_the_plan_of_a_folder_given_as_config_finds_its_runs(
    tmp_path: Path, uninterrupted: Path
) -> None:
    shutil.copytree(uninterrupted, tmp_path / "out")
    before = (tmp_path / "out" / NAME).read_bytes()
    (tmp_path / "config.yaml").write_bytes((uninterrupted / "plan.yaml").read_bytes())
    code, out, err = python(*SWEEP, cwd=tmp_path)
    assert code == 0
    assert "10 of 10 runs are finished already" in err
    assert (tmp_path / "out" / NAME).read_bytes() == before
    assert views(tmp_path / "out") == views(uninterrupted)
    code, again, _ = python(*SWEEP[:4], "--output", "again", cwd=tmp_path)
    assert code == 0 and again.replace("again", "out") == out
    assert views(tmp_path / "again") == views(uninterrupted)


def test_a_second_driver_is_refused_while_the_first_works(place: Path) -> None:
    first = start(*SWEEP, cwd=place)
    wait_until(lambda: (place / "out" / NAME).exists(), "the first driver works")
    code, out, err = python(*SWEEP, cwd=place)
    assert (code, out) == (4, "")
    assert err.startswith(f"error: out is in use by process {first.pid} on ")
    assert err.count("\n") == 1
    first.terminate()
    assert finish(first)[0] == 143


def test_a_full_disk_ends_a_sweep_in_words_and_it_goes_on_from_there(
    place: Path, uninterrupted: Path
) -> None:
    limit = (uninterrupted / NAME).stat().st_size // 2
    full = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.argv[1:] = {list(SWEEP[2:])!r}
from bnexp.cli import main
main()
"""
    code, out, err = python("-c", full, cwd=place)
    assert (code, out) == (5, "")
    assert f"error: out/{NAME}: cannot be written: File too large; free space" in err
    assert "Traceback" not in err
    assert (place / "out" / NAME).read_bytes().endswith(b"}\n")
    assert 0 < count(place) < 10
    assert python(*SWEEP, cwd=place)[0] == 0
    assert views(place / "out") == views(uninterrupted)


def test_failed_runs_give_exit_code_1_and_are_trained_by_the_same_command(
    place: Path, uninterrupted: Path
) -> None:
    """Workers that always die on one stack."""
    (place / "broken").mkdir()
    (place / "broken" / "sitecustomize.py").write_text("""
import os, sys
if "bnexp.engines.worker" in " ".join(sys.orig_argv):
    import bnexp.train
    original = bnexp.train.train_stack
    def train_stack(runs, *arguments, **options):
        if runs[0].config.training.epochs == 36:
            os._exit(1)
        return original(runs, *arguments, **options)
    bnexp.train.train_stack = train_stack
""")
    env = environment(path=str(place / "broken"))
    code, out, err = python(*SWEEP, cwd=place, env=env)
    assert code == 1
    assert "out\n" in out
    assert err.count("runs go on from their last checkpoint") == 2
    assert "error: 2 of 10 runs failed and are tried again by the same command:" in err
    assert "a worker died (exit status 1) at each of 3 tries; is there enough memory?" in err
    statuses = [end.status for end in load_results(place / "out").runs.values()]
    assert sorted(set(statuses)) == ["diverged", "done", "failed"]
    assert statuses.count("failed") == 2
    code, _, err = python(*SWEEP, cwd=place)
    assert code == 0
    assert "8 of 10 runs are finished already" in err
    assert views(place / "out") == views(uninterrupted)
