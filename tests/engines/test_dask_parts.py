"""Parts of a Dask worker without a cluster: mailbox, slots, and what rests between sweeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sweeps import make_plan, wait_until

from bnexp.config.network import facts_of
from bnexp.engines.base import Event, Flags, HandedOver, Progress, RunEnded, Workplace
from bnexp.engines.dask import remote, shelf, slot
from bnexp.engines.dask import session as sessions
from bnexp.engines.dask.session import Asked, News, Request, Session, Task
from bnexp.environment import fingerprint
from bnexp.plan import Stack
from bnexp.records import RunResult, RunState
from bnexp.version import __version__

Bells = list[tuple[str, ...]]
ENDED = News("request", event=RunEnded(RunResult("run", "done", (), epoch=1, step=1)))


@pytest.fixture
def bells() -> Bells:
    return []


@pytest.fixture
def session(bells: Bells, monkeypatch: pytest.MonkeyPatch) -> Session:
    worker: Any = SimpleNamespace(address="here", log_event=lambda *event: bells.append(event[1]))
    here = Session(worker, "topic")
    monkeypatch.setattr(sessions, "_sessions", {"topic": here})
    return here


@pytest.fixture
def task() -> Task:
    (run,) = make_plan().runs.values()
    return Task(Stack((run,)), Workplace(), {}, facts_of(run.config.data))


def test_a_worker_rings_once_until_its_mailbox_is_emptied(session: Session, bells: Bells) -> None:
    session.post(ENDED, rings=True)
    session.post(ENDED, rings=True)
    assert bells == [("here",)]
    assert [news.number for news in session.collect(session.name, 0)] == [1, 2]
    session.post(ENDED, rings=True)
    assert bells == [("here",)] * 2
    assert [news.number for news in session.collect(session.name, 2)] == [3]


def test_what_is_asked_for_comes_with_the_bell(session: Session, bells: Bells) -> None:
    session.post(ENDED)
    assert not bells
    session.ask("name", "key", threading.Event())
    asked = Asked("name", "key", __version__, fingerprint())
    assert bells == [("here", *asked)]
    assert [news.asked for news in session.collect(session.name, 0)] == [None, asked]


def test_states_are_replaced_by_later_ones_of_the_same_runs_only(session: Session) -> None:
    given, kept, later = (
        dict.fromkeys(runs, state(n)) for n, runs in enumerate(("ab", "cd", "cd"))
    )
    handed_over = News("request", event=HandedOver(("c",), 0), states={"c": state(0)})
    session.post(handed_over)
    for states in (given, kept, later):
        session.post(News("request", states=states))
    found = session.collect(session.name, 0)
    assert [news.states for news in found] == [handed_over.states, given, later]


@pytest.mark.parametrize(
    ("events", "stops", "bells_of_its_own"),
    [
        ([ENDED.event, Progress(1, 1)], False, 0),  # the next request's bell is enough
        ([HandedOver(("run",), 1), Progress(2, 1)], False, 1),
        ([Progress(1, 1)], True, 1),  # nothing follows
    ],
)
def test_only_what_may_not_wait_rings(
    events: list[Event],
    stops: bool,
    bells_of_its_own: int,
    session: Session,
    bells: Bells,
    task: Task,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = slot._Slot("key")

    def work(*_: object) -> Iterator[Event]:
        session.collect(session.name, 0)  # the driver has heard of the request
        yield from events
        if stops:
            here.stop.set()

    monkeypatch.setattr(slot, "work_on", work)
    monkeypatch.setattr(Request, "wait", lambda *_: task)
    assert slot._train_one(session, here) is not stops
    (asked, *others) = bells
    assert len(asked) == 5
    assert others == [("here",)] * bells_of_its_own
    assert not session.requests


def test_a_request_to_share_is_for_the_stack_that_it_names(
    session: Session, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = slot._Slot("key")
    shared: list[bool] = []
    names: list[str] = []

    def work(stack: Stack, place: Workplace, data: Any, flags: Flags, _: Any) -> Iterator[Event]:
        names.extend(session.requests)
        remote.share("topic", names[0])
        shared.append(flags.share.is_set())
        yield from ()

    monkeypatch.setattr(slot, "work_on", work)
    monkeypatch.setattr(Request, "wait", lambda *_: task)
    assert slot._train_one(session, here)
    assert slot._train_one(session, here)
    assert shared == [True, False]
    assert names[0] != names[1]


@pytest.mark.parametrize("end", [remote.halt, remote.forget])
def test_a_request_that_waits_is_ended_at_once(
    end: Callable[[str], None], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "_POLL_SECONDS", 1000.0)
    waiting = threading.Thread(target=slot._train_one, args=(session, slot._Slot("key")))
    waiting.start()
    wait_until(lambda: bool(session.requests), "it asks")
    end("topic")
    waiting.join(5)
    assert not waiting.is_alive()
    assert not remote.give("topic", "who has gone", None)


def state(epoch: int) -> RunState:
    return RunState(epoch=epoch, arrays={}, records=(), seconds=0.0, fingerprint=())


@pytest.mark.parametrize("is_collected", [False, True])
def test_a_session_whose_driver_is_gone_is_dropped(
    is_collected: bool, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_KEPT_SECONDS", 0.02)
    session.slots = 1
    sessions.leave(session, is_orphan=False)
    if is_collected:
        session.collected = time.monotonic() + 1000
        time.sleep(0.1)
    else:
        wait_until(lambda: not sessions.find("topic"), "the session is dropped")
    assert (sessions.find("topic") is session) is is_collected
    sessions.drop("topic")
    session.end.join(5)
    assert not session.end.is_alive()


def test_a_second_slot_joins_the_session_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    read = shelf.Shelf()
    read.is_verified = True
    monkeypatch.setattr(slot, "_train_one", lambda *_: False)
    monkeypatch.setattr(sessions, "_sessions", {})
    worker: Any = SimpleNamespace(get_current_task=lambda: "key")
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    remote.serve("topic")
    session = sessions.find("topic")
    assert session
    shelf.rest.keep(read)
    remote.serve("topic")
    assert sessions._sessions == {"topic": session}
    assert shelf.rest.take() is read  # which is another sweep's to take


def test_examples_rest_for_a_while_and_only_verified_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rest, read = shelf.Rest(), shelf.Shelf()
    rest.keep(read)
    assert rest.take() is not read
    read.is_verified = True
    rest.keep(read)
    assert rest.take() is read
    assert rest.take() is not read
    monkeypatch.setattr(shelf, "_KEPT_SECONDS", 0.01)
    rest.keep(read)
    deadline = time.monotonic() + 5
    while rest._shelf is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert rest._shelf is None
