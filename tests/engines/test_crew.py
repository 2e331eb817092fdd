"""Workers that rest between sweeps: the same ones work again, and what befell them is noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeps import bits, is_running, make_plan, workers_of

from bnexp.engines import InlineEngine, LocalEngine, RunEnded, Trouble
from bnexp.engines import crew as crews
from bnexp.engines.base import Workplace
from bnexp.engines.crew import Crew
from bnexp.plan import Stack
from bnexp.records import RunResult

PLAN = make_plan({"init.scale": [1.0, 0.3]}, training__epochs=2)
STACKS = [Stack((run,)) for run in PLAN.runs.values()]


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.dismiss()
    assert workers_of(os.getpid()) == []


def sweep(crew: Crew, jobs: int = 2) -> dict[str, RunResult]:
    """Train all stacks and see that nothing is said to be wrong."""
    events = list(LocalEngine(Workplace(), jobs=jobs, crew=crew).train(STACKS, threading.Event()))
    assert not [event for event in events if isinstance(event, Trouble)]
    return {e.result.run: e.result for e in events if isinstance(e, RunEnded)}


def test_the_same_workers_work_again_with_the_same_bits(crew: Crew) -> None:
    stacks = InlineEngine(Workplace()).train(STACKS, threading.Event())
    alone = {e.result.run: e.result for e in stacks if isinstance(e, RunEnded)}
    assert bits(sweep(crew)) == bits(alone)
    first = sorted(workers_of(os.getpid()))
    assert len(first) == 2
    assert bits(sweep(crew)) == bits(alone)
    assert sorted(workers_of(os.getpid())) == first
    assert bits(sweep(crew, jobs=1)) == bits(alone)
    assert sorted(workers_of(os.getpid())) == first


def test_a_worker_killed_at_rest_is_replaced_without_a_word(crew: Crew) -> None:
    sweep(crew)
    for worker in crew._resting:
        worker.process.kill()
        worker.reader.join()
    assert len(sweep(crew)) == 2


def test_workers_of_another_environment_or_folder_are_not_taken(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: set[int] = set()
    changes = [
        lambda: None,
        lambda: monkeypatch.setenv("BNEXP_DATA", "elsewhere"),
        lambda: monkeypatch.chdir(tmp_path),
        lambda: monkeypatch.syspath_prepend(tmp_path),
    ]
    for change in changes:
        change()
        sweep(crew, jobs=1)
        (pid,) = workers_of(os.getpid())
        assert pid not in seen
        seen.add(pid)


def test_a_worker_rests_for_a_limited_time(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep(crew, jobs=1)
    (first,) = workers_of(os.getpid())
    monkeypatch.setattr(crews, "KEPT_SECONDS", 0.0)
    sweep(crew, jobs=1)
    (second,) = workers_of(os.getpid())
    assert first != second


def test_a_worker_that_nobody_comes_for_ends(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import bnexp.engines.worker\nbnexp.engines.worker._SECONDS_TO_REST = 0.1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    sweep(crew, jobs=1)
    deadline = time.monotonic() + 10
    while workers_of(os.getpid()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert workers_of(os.getpid()) == []
    assert len(sweep(crew, jobs=1)) == 2


def test_a_busy_worker_is_not_kept(crew: Crew) -> None:
    plan = make_plan({"init.scale": [1.0]}, training__epochs=1000, data__train=1000)
    stop = threading.Event()
    events = LocalEngine(Workplace(), jobs=1, crew=crew).train(
        [Stack(tuple(plan.runs.values()))], stop
    )
    next(events)
    stop.set()
    list(events)
    assert workers_of(os.getpid()) == []


def test_a_worker_of_a_sweep_that_overlapped_another_is_known_for_where_it_began(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = LocalEngine(Workplace(), jobs=1, crew=crew).train(STACKS, threading.Event())
    next(events)
    (early,) = workers_of(os.getpid())
    monkeypatch.setenv("BNEXP_DATA", "elsewhere")
    sweep(crew, jobs=1)
    list(events)
    sweep(crew, jobs=2)
    assert early not in workers_of(os.getpid())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_keeps_no_worker_alive(tmp_path: Path) -> None:
    code = (
        "import os, time, bnexp\n"
        "bnexp.sweep(weights=[1, 0.1], overrides=['training.epochs=1'], jobs=2, output='r')\n"
        "from bnexp.engines.crew import shared_crew\n"
        "print(*(worker.process.pid for worker in shared_crew()._resting), flush=True)\n"
        "if os.fork() == 0:\n"
        "    os.closerange(0, 3)\n"
        "    time.sleep(20)\n"
        "    os._exit(0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_running, pids))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_leaves_the_workers_to_its_parent() -> None:
    crew = crews.shared_crew()
    sweep(crew, jobs=1)
    pids = workers_of(os.getpid())
    child = os.fork()
    if child == 0:
        os._exit(len(crew._resting))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert all(is_running(pid) for pid in pids)
    crew.dismiss()
    assert workers_of(os.getpid()) == []


def test_workers_end_with_the_process(tmp_path: Path) -> None:
    code = (
        "import bnexp\n"
        "bnexp.sweep(weights=[1, 0.1], overrides=['training.epochs=1'], jobs=2, output='r')\n"
        "from bnexp.engines.crew import shared_crew\n"
        "print(*(worker.process.pid for worker in shared_crew()._resting))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    assert not any(is_running(pid) for pid in pids)
