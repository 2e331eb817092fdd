"""Stacks that hand runs over to a worker with nothing to do: the same bits, each run once."""

from __future__ import annotations

import io
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sweeps import bits, make_plan, workers_of

from bnexp.engines import Event, InlineEngine, LocalEngine, Progress, RunEnded
from bnexp.engines import work as engines_work
from bnexp.engines.base import Flags, HandedOver, Workplace
from bnexp.engines.crew import Worker
from bnexp.engines.local import _hear
from bnexp.engines.messages import SHARE, encode_event
from bnexp.engines.shelf import DataShelf
from bnexp.engines.work import work_on
from bnexp.engines.worker import _listen
from bnexp.errors import OutputError
from bnexp.nn.threads import Threads
from bnexp.plan import Plan, Stack
from bnexp.records import RunResult, RunState
from bnexp.store.checkpoints import read_states, write_states

#: Five runs, one of which diverges at once; much that may differ inside a stack differs.
AXES: dict[str, Any] = {"optimizer.lr": [0.05, 1e300, 0.2, 0.1, 0.02]}
CHANGES: dict[str, Any] = {
    "data__train": 130,
    "training__batch_size": 40,
    "training__epochs": 6,
    "optimizer__momentum": 0.9,
    "norm__kind": "batch",
    "regularization__dropout": 0.2,
}
#: Workers share whatever is left.
_EAGER = """
import bnexp.engines.work as work
work._WORTH_SHARING = -1.0
"""


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_work, "_WORTH_SHARING", -1.0)


def whole(plan: Plan) -> dict[str, RunResult]:
    events = InlineEngine(Workplace()).train([Stack(tuple(plan.runs.values()))], threading.Event())
    return {event.result.run: event.result for event in events if isinstance(event, RunEnded)}


def work(
    stack: Stack, folder: Path, share_after: set[int]
) -> tuple[dict[str, RunResult], list[HandedOver]]:
    """Train a stack that is asked to share in the middle of the epochs after these."""
    flags, results, given = Flags(), {}, []
    workplace = Workplace(checkpoints=folder, checkpoint_seconds=1000)
    for event in work_on(stack, workplace, DataShelf(), flags):
        if isinstance(event, RunEnded):
            assert event.result.run not in results
            results[event.result.run] = event.result
        elif isinstance(event, Progress) and event.epoch in share_after:
            flags.share.set()
        elif isinstance(event, HandedOver):
            states = read_states(folder, event.runs)  # before it is told of
            assert states.keys() == set(event.runs)
            assert {state.epoch for state in states.values()} == {event.epoch}
            given.append(event)
    return results, given


def test_who_is_asked_lets_half_go_and_all_go_on_with_the_same_bits(
    tmp_path: Path, eager: None
) -> None:
    plan = make_plan(AXES, **CHANGES)
    stack = Stack(tuple(plan.runs.values()))
    results, given = work(stack, tmp_path, {2, 3, 4})
    runs = [run for run, end in whole(plan).items() if end.status == "done"]
    order = [run.id for run in stack.runs if run.id in runs]
    # Of four that are left two, then one of the other two; the last one has nobody to let go.
    assert given == [HandedOver(tuple(order[2:]), 2), HandedOver((order[1],), 3)]
    for event in given:
        part = tuple(plan.runs[run] for run in event.runs)
        more, none = work(Stack(part, event.epoch), tmp_path, set())
        assert not none
        results |= more
    assert bits(results) == bits(whole(plan))


def test_a_paused_stack_shares_what_it_has_up_to_there(tmp_path: Path, eager: None) -> None:
    plan = make_plan(AXES, **CHANGES)
    stack = Stack(tuple(plan.runs.values()), pause=4)
    results, (event,) = work(stack, tmp_path, {3})
    assert event.epoch == 3
    results |= work(Stack(tuple(plan.runs[r] for r in event.runs), 3, 4), tmp_path, set())[0]
    alone, none = work(stack, tmp_path / "alone", {4})  # at its end there is nothing to share
    assert not none
    assert bits(results) == bits(alone)


def test_little_that_is_left_and_a_single_run_are_not_shared(
    tmp_path: Path, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(AXES, **CHANGES)
    single = Stack(tuple(plan.runs.values())[:1])
    assert work(single, tmp_path, {1, 2, 3})[1] == []
    monkeypatch.setattr(engines_work, "_WORTH_SHARING", 1000.0)
    assert work(Stack(tuple(plan.runs.values())), tmp_path / "b", {1, 2, 3})[1] == []


@pytest.fixture
def no_folder(tmp_path: Path) -> Path:
    """A folder that can be neither made nor written to, whoever tries."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "checkpoints"


def test_where_no_checkpoint_can_be_written_all_runs_stay(
    no_folder: Path, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []

    def note(folder: Path, states: Mapping[str, RunState]) -> None:
        attempts.append(len(states))
        write_states(folder, states)

    monkeypatch.setattr(engines_work, "write_states", note)
    plan = make_plan(AXES, **CHANGES)
    stack = Stack(tuple(plan.runs.values()))
    results, given = work(stack, no_folder, {1, 2, 3, 4})
    assert given == []
    assert bits(results) == bits(whole(plan))
    assert attempts == [2]  # asked for again, it is not tried again
    workplace = Workplace(checkpoints=no_folder, checkpoint_seconds=0)
    with pytest.raises(OutputError, match="cannot be written"):
        list(work_on(stack, workplace, DataShelf(), Flags()))


def test_a_request_belongs_to_the_task_that_came_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"one\ntwo\n{SHARE}\nthree\n"))
    # The process is not to end with its stdin.
    monkeypatch.setattr(threading, "Timer", lambda *_, **__: threading.Thread())
    tasks: Any = queue.SimpleQueue()
    stop = threading.Event()
    _listen(tasks, stop)
    given = [tasks.get() for _ in range(4)]
    assert given.pop() is None
    assert [(line.strip(), flags.share.is_set()) for line, flags in given] == [
        ("one", False),
        ("two", True),
        ("three", False),
    ]
    assert all(flags.stop is stop for _, flags in given)


def test_a_single_run_that_is_asked_takes_the_idle_ones_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(Threads, "resize", lambda _, count: counts.append(count))
    plan = make_plan(**CHANGES)
    flags = Flags()
    workplace = Workplace(checkpoints=tmp_path, threads=1, more_threads=1)
    stack = Stack(tuple(plan.runs.values()))
    for event in work_on(stack, workplace, DataShelf(), flags):
        if isinstance(event, Progress) and event.epoch == 2:
            flags.share.set()
    assert counts == [2]
    begun: list[int] = []

    def note(*_: Any, threads: int, **__: Any) -> Iterator[Any]:
        begun.append(threads)
        yield from ()

    monkeypatch.setattr(engines_work, "train_stack", note)
    for is_asked in (False, True):
        flags = Flags()
        if is_asked:
            flags.share.set()
        assert list(work_on(stack, workplace, DataShelf(), flags)) == []
    assert begun == [1, 2]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Stack]:
    """Note what workers are given."""
    stacks: list[Stack] = []
    give = Worker.give

    def note(self: Worker, stack: Stack, *more: Any) -> None:
        stacks.append(stack)
        give(self, stack, *more)

    monkeypatch.setattr(Worker, "give", note)
    return stacks


@pytest.fixture
def eager_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "injected"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_EAGER)
    monkeypatch.syspath_prepend(folder)


def uneven(epochs: int) -> tuple[Plan, list[Stack]]:
    """A stack of four runs and a short one: whoever trains this will soon have nothing to do."""
    scales = {"init.scale": [1.0, 0.5, 0.25, 0.1]}
    plan = make_plan(scales, **CHANGES | {"training__epochs": epochs})
    short = make_plan(**CHANGES | {"training__epochs": 1})
    return plan, [Stack(tuple(plan.runs.values())), Stack(tuple(short.runs.values()))]


def train_until(
    stacks: list[Stack], folder: Path, is_enough: Callable[[Event], bool]
) -> dict[str, RunResult]:
    stop, ended = threading.Event(), {}
    workplace = Workplace(checkpoints=folder, checkpoint_seconds=1000)
    for event in LocalEngine(workplace, jobs=2).train(stacks, stop):
        if isinstance(event, RunEnded):
            assert event.result.run not in ended
            ended[event.result.run] = event.result
        if is_enough(event):
            stop.set()
    return ended


def test_a_worker_with_nothing_to_do_takes_half_of_the_others_runs(
    tmp_path: Path, given: list[Stack]
) -> None:
    plan, stacks = uneven(epochs=100_000)
    train_until(stacks, tmp_path / "c", lambda _: len(given) > 2)
    long, short, half = given
    assert [long, short] == stacks
    assert half.runs == tuple(plan.runs.values())[2:]
    assert half.start_epoch > 0


def test_a_sweep_that_needs_no_checkpoint_needs_none_to_share(
    no_folder: Path, given: list[Stack], eager_workers: None
) -> None:
    plan, stacks = uneven(epochs=200)
    results = train_until(stacks, no_folder, lambda _: False)
    assert given == stacks
    assert bits({run: results[run] for run in plan.runs}) == bits(whole(plan))


def test_shared_stacks_give_the_same_bits_even_when_their_workers_die(
    tmp_path: Path, given: list[Stack], eager_workers: None
) -> None:
    plan, stacks = uneven(epochs=200)
    killed: list[int] = []

    def kill(_: Event) -> bool:
        if len(given) == 3 and not killed:
            killed.extend(workers_of(os.getpid()))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        return False

    results = train_until(stacks, tmp_path / "c", kill)
    assert killed
    assert bits({run: results[run] for run in plan.runs}) == bits(whole(plan))


def test_runs_that_are_handed_over_were_tried_as_often_as_their_stack() -> None:
    _, (stack, _) = uneven(epochs=3)
    half = tuple(run.id for run in stack.runs[2:])
    worker: Any = SimpleNamespace(stack=stack, tries=1)
    waiting: deque[tuple[Stack, int]] = deque()
    assert list(_hear(worker, encode_event(HandedOver(half, 2)), waiting)) == []
    assert waiting == deque([(Stack(stack.runs[2:], start_epoch=2), 1)])
    assert worker.stack == Stack(stack.runs[:2])
