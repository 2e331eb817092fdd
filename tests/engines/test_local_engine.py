from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sweeps import bits, made_up, make_plan, workers_of

from bnexp.engines import Engine, Event, InlineEngine, LocalEngine, Progress, RunEnded, Trouble
from bnexp.engines.base import Workplace
from bnexp.engines.messages import FINISHED, encode_event
from bnexp.errors import DatasetError, OutputError
from bnexp.plan import Plan, Stack, cut_stacks
from bnexp.records import RunResult

#: Much that may differ inside a stack differs here; a large l2 diverges.
MIXED: dict[str, Any] = {
    "init.scale": [1.0, 0.3],
    "optimizer.momentum": [0.0, 0.9],
    "regularization.l2": [0.0, 1e6],
}
#: Epochs long enough to be caught in.
LONG: dict[str, Any] = {
    "data__train": 1297,
    "training__batch_size": 5,
    "training__epochs": 1000,
}


def stacks_of(plan: Plan, size: int) -> list[Stack]:
    """Stacks of so many runs: smaller ones than the plan would cut."""
    runs = list(plan.runs.values())
    return [Stack(tuple(runs[i : i + size])) for i in range(0, len(runs), size)]


def train(
    engine: Engine, stacks: Sequence[Stack], watch: Callable[[Event], None] = lambda _: None
) -> dict[str, RunResult]:
    """Train stacks to the end; every run must end once."""
    ended = []
    for event in engine.train(stacks, threading.Event()):
        watch(event)
        if isinstance(event, RunEnded):
            ended.append(event.result)
    assert sorted(end.run for end in ended) == sorted(run.id for s in stacks for run in s.runs)
    return {end.run: end for end in ended}


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    yield
    assert workers_of(os.getpid()) == []


@pytest.fixture
def inject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let workers, and nobody else, execute some code as they start."""

    def write(code: str) -> None:
        folder = tmp_path / "injected"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(code)
        monkeypatch.syspath_prepend(folder)

    return write


#: Workers train like this before their own module is loaded.
_REPLACE = """
import bnexp.train
original = bnexp.train.train_stack
def train_stack(runs, *arguments, **options):
    {body}
    yield from original(runs, *arguments, **options)
bnexp.train.train_stack = train_stack
"""


def test_every_number_of_workers_gives_the_same_bits(tmp_path: Path) -> None:
    plan = make_plan(
        MIXED, seeds=2, training__epochs=2, norm__kind="batch", regularization__dropout=0.2
    )
    alone = train(InlineEngine(Workplace()), stacks_of(plan, 1))
    assert {end.status for end in alone.values()} == {"done", "diverged"}
    assert all(end.fingerprint for end in alone.values())
    for jobs, size in ((1, 16), (2, 5), (4, 3)):
        many = train(LocalEngine(Workplace(), jobs=jobs), stacks_of(plan, size))
        assert bits(many) == bits(alone)
    inline = train(InlineEngine(Workplace()), cut_stacks(plan.runs.values(), jobs=2))
    assert bits(inline) == bits(alone)


def test_no_more_workers_start_than_there_are_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan({"init.scale": [1.0, 0.5]})
    most = 0

    def count(_: Event) -> None:
        nonlocal most
        most = max(most, len(workers_of(os.getpid())))

    train(LocalEngine(Workplace(), jobs=8), stacks_of(plan, 1), count)
    assert most == 2
    assert list(LocalEngine(Workplace(), jobs=8).train([], threading.Event())) == []


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    plan = make_plan({"regularization.l2": [0.0, 0.01, 0.1, 42.0]}, training__epochs=12)
    stacks = stacks_of(plan, 4)
    whole = train(InlineEngine(Workplace()), stacks)
    assert {end.status for end in whole.values()} == {"done", "diverged"}
    troubles, epochs, killed = [], [], []

    def kill(event: Event) -> None:
        if isinstance(event, Trouble):
            troubles.append(event.message)
        elif isinstance(event, Progress):
            epochs.append(event.epoch)
            if event.epoch in (2, 5) and event.epoch not in killed:
                killed.append(event.epoch)
                for pid in workers_of(os.getpid()):
                    os.kill(pid, signal.SIGKILL)

    workplace = Workplace(checkpoints=tmp_path, checkpoint_seconds=0)
    results = train(LocalEngine(workplace, jobs=1), stacks, kill)
    assert bits(results) == bits(whole)
    assert 2 < min(end.epoch for end in results.values()) < 5
    assert len(troubles) == 2
    assert troubles[0].startswith("a worker died (SIGKILL); its ")
    assert troubles[0].endswith(" runs go on from their last checkpoint")
    assert epochs.count(1) == 1  # neither try began at the beginning


def test_a_worker_that_always_dies_fails_its_runs_and_no_others(
    inject: Callable[[str], None],
) -> None:
    plan = make_plan({"init.scale": [1.0, 0.5, 0.25]})
    doomed, *others = plan.runs
    inject(_REPLACE.format(body=f"if runs[0].id == {doomed!r}: import os; os._exit(7)"))
    troubles = []
    results = train(
        LocalEngine(Workplace(), jobs=2),
        stacks_of(plan, 1),
        lambda event: troubles.append(event) if isinstance(event, Trouble) else None,
    )
    assert results[doomed].status == "failed"
    assert results[doomed].message == (
        "a worker died (exit status 7) at each of 3 tries; is there enough memory?"
    )
    assert len(troubles) == 2
    fine = train(InlineEngine(Workplace()), stacks_of(plan, 1))
    assert bits({run: results[run] for run in others}) == bits({r: fine[r] for r in others})


def test_an_exception_in_a_worker_fails_its_stack_with_the_reason(
    inject: Callable[[str], None],
) -> None:
    plan = make_plan({"init.scale": [1.0, 0.5, 0.25]})
    doomed = list(plan.runs)[2]
    body = f"if runs[0].id == {doomed!r}: raise MemoryError('no room for 8 TB')"
    inject(_REPLACE.format(body=body))
    results = train(LocalEngine(Workplace(), jobs=1), stacks_of(plan, 1))
    assert [end.status for end in results.values()] == ["done", "done", "failed"]
    message = results[doomed].message
    assert message.startswith("MemoryError: no room for 8 TB (train_stack, line ")
    assert message.endswith("sitecustomize.py)")


def test_what_libraries_print_in_a_worker_does_not_get_among_the_answers(
    inject: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    plan = make_plan({"init.scale": [1.0, 0.5]})
    noise = r"""
import os, sys
print("hello", flush=True)
print('{"finished": true}', flush=True)
os.write(1, b"\xff\xfe no line end")
"""
    body = "print('from Python', flush=True); import os; os.write(1, b'from C\\n')"
    inject(noise + _REPLACE.format(body=body))
    results = train(LocalEngine(Workplace(), jobs=2), stacks_of(plan, 1))
    assert bits(results) == bits(train(InlineEngine(Workplace()), stacks_of(plan, 1)))
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("from Python") == err.count("from C") == 2


def stop_after_an_epoch(engine: Engine, stacks: Sequence[Stack]) -> tuple[list[Event], float]:
    """Set the stop flag at the first news; return the events and the seconds from then on."""
    stop, events, since = threading.Event(), [], 0.0
    for event in engine.train(stacks, stop):
        events.append(event)
        if not stop.is_set():
            stop.set()
            since = time.monotonic()
    return events, time.monotonic() - since


@pytest.mark.parametrize("jobs", [0, 2])
def test_the_stop_flag_ends_long_epochs_within_two_seconds(jobs: int) -> None:
    stacks = stacks_of(make_plan({"init.scale": [1.0, 0.5]}, **LONG), 1)
    engine: Engine = InlineEngine(Workplace())
    if jobs:
        engine = LocalEngine(Workplace(), jobs=jobs)
    events, seconds = stop_after_an_epoch(engine, stacks)
    assert seconds < 2
    assert not any(isinstance(event, RunEnded) for event in events)


@pytest.mark.parametrize("call", ["CDLL", "PyDLL"])
def test_the_stop_flag_ends_workers_that_do_not_listen(
    inject: Callable[[str], None], call: str
) -> None:
    """They sleep in C, where PyDLL keeps even their other threads from running."""
    plan = make_plan({"init.scale": [1.0, 0.5]})
    first = next(iter(plan.runs))
    sleep = f"import ctypes; ctypes.{call}(None).sleep(60)"
    inject(_REPLACE.format(body=f"if runs[0].id != {first!r}: {sleep}"))
    events, seconds = stop_after_an_epoch(LocalEngine(Workplace(), jobs=2), stacks_of(plan, 1))
    assert events
    assert seconds < 2


def test_runs_that_end_while_the_engine_stops_are_not_lost() -> None:
    plan = make_plan({"init.scale": [1.0, 0.5, 0.25, 0.125]}, training__epochs=1)
    events, _ = stop_after_an_epoch(LocalEngine(Workplace(), jobs=1), stacks_of(plan, 4))
    ended = {event.result.run for event in events if isinstance(event, RunEnded)}
    assert ended == set(plan.runs)


def test_closing_the_stream_ends_the_workers() -> None:
    events = LocalEngine(Workplace(), jobs=2).train(
        stacks_of(make_plan({"init.scale": [1.0, 0.5]}, **LONG), 1), threading.Event()
    )
    next(events)
    assert len(workers_of(os.getpid())) == 2
    started = time.monotonic()
    events.close()
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_dataset_that_cannot_be_read_is_a_dataset_error(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"no images")
    plan = make_plan({"init.scale": [1.0, 0.5]}, data__name="mnist")
    engine: Engine = InlineEngine(Workplace(data_dir=tmp_path))
    if jobs:
        engine = LocalEngine(Workplace(data_dir=tmp_path), jobs=jobs)
    with pytest.raises(DatasetError, match=r"holds some files of MNIST but not"):
        list(engine.train(stacks_of(plan, 1), threading.Event()))


def test_a_checkpoint_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    workplace = Workplace(checkpoints=tmp_path / "file", checkpoint_seconds=0)
    for engine in (InlineEngine(workplace), LocalEngine(workplace, jobs=1)):
        with pytest.raises(OutputError, match="cannot be written"):
            list(engine.train(stacks_of(make_plan(), 1), threading.Event()))


def test_a_worker_that_cannot_be_started_is_an_output_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    popen = subprocess.Popen
    started: list[int] = []

    def refuse_the_second(*arguments: Any, **options: Any) -> Any:
        if started:
            raise OSError(11, "Resource temporarily unavailable")
        started.append(1)
        return popen(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", refuse_the_second)
    plan = make_plan({"init.scale": [1.0, 0.5]})
    with pytest.raises(OutputError, match="a worker process cannot be started: Resource"):
        list(LocalEngine(Workplace(), jobs=2).train(stacks_of(plan, 1), threading.Event()))


def test_workers_have_one_blas_thread_and_see_the_callers_modules(
    inject: Callable[[str], None], tmp_path: Path
) -> None:
    body = """
    import numpy, threadpoolctl, pathlib
    threads = sorted({pool["num_threads"] for pool in threadpoolctl.threadpool_info()})
    pathlib.Path(__file__).with_name("threads").write_text(repr(threads))"""
    inject(_REPLACE.format(body=body.strip()))
    train(LocalEngine(Workplace(), jobs=1), stacks_of(make_plan(), 1))
    assert (tmp_path / "injected" / "threads").read_text() == "[1]"


class FakeCrew:
    """One worker that has trained whatever it is given at once."""

    def __init__(self) -> None:
        self.given: list[Stack] = []
        self.stack: Stack | None = None
        self.tries = 0

    def hire(self, answers: Any) -> FakeCrew:
        self.answers = answers
        return self

    def give(self, stack: Stack, tries: int, workplace: Workplace) -> None:
        self.stack = stack
        self.given.append(stack)
        for run in stack.runs:
            self.answers.put((self, encode_event(RunEnded(made_up(run.id)))))
        self.answers.put((self, FINISHED))

    def release(self, workers: set[Any]) -> None:
        assert workers == {self}


def test_who_is_through_gets_the_next_stack_before_the_driver_writes_results() -> None:
    stacks = stacks_of(make_plan({"init.scale": [1.0, 0.5, 0.25, 0.1]}), 2)
    crew: Any = FakeCrew()
    events = LocalEngine(Workplace(), jobs=1, crew=crew).train(stacks, threading.Event())
    assert isinstance(next(events), RunEnded)
    assert crew.given == stacks
    assert len(list(events)) == 3
