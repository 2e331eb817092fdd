"""Parts of the Dask engine without a cluster: bells, slots, and what rests between sweeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sweeps import make_plan

from bnexp.config.network import facts_of
from bnexp.engines.base import Flags, Progress, RunEnded, Workplace
from bnexp.engines.dask import remote, shelf
from bnexp.engines.dask.desk import Desk
from bnexp.engines.dask.slots import Slots
from bnexp.plan import Stack
from bnexp.records import RunResult, RunState

NEWS = remote.News("slot", event=RunEnded(RunResult("run", "done", (), epoch=1, step=1)))


@pytest.fixture
def bells() -> list[str]:
    return []


@pytest.fixture
def session(bells: list[str]) -> remote._Session:
    worker: Any = SimpleNamespace(address="here", log_event=lambda *event: bells.append(event[1]))
    return remote._Session(worker, "topic")


def test_a_worker_rings_once_until_its_mailbox_is_emptied(
    session: remote._Session, bells: list[str]
) -> None:
    session.post(NEWS)
    session.post(NEWS)
    assert bells == ["here"]
    assert [news.number for news in session.collect(session.name, 0)] == [1, 2]
    session.post(NEWS)
    assert bells == ["here", "here"]
    assert [news.number for news in session.collect(session.name, 2)] == [3]


def test_an_epoch_rings_no_bell_and_is_not_lost(session: remote._Session, bells: list[str]) -> None:
    session.post(remote.News("slot", event=Progress(1, 1)))
    assert not bells
    session.post(NEWS)
    assert bells == ["here"]
    assert len(session.collect(session.name, 0)) == 2


def test_states_are_replaced_by_later_ones_of_the_same_runs_only(
    session: remote._Session,
) -> None:
    given, kept, later = (
        dict.fromkeys(runs, state(n)) for n, runs in enumerate(("ab", "cd", "cd"))
    )
    for states in (given, kept, later):
        session.post(remote.News("slot", states=states))
    assert [news.states for news in session.collect(session.name, 0)] == [given, later]


def test_a_request_to_share_belongs_to_the_stack_that_was_given_before_it(
    session: remote._Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_sessions", {"topic": session})
    asked: list[bool] = []

    def note(stack: Stack, place: Workplace, data: Any, flags: Flags, keeper: Any) -> Iterator[Any]:
        asked.append(flags.share.is_set())
        yield from ()

    monkeypatch.setattr(remote, "work_on", note)
    plan = make_plan()
    (run,) = plan.runs.values()
    task = remote.Task(Stack((run,)), Workplace(), {}, facts_of(run.config.data))
    slot = session.slots["slot"] = remote._Slot()
    for requests in ((), ("before",), ("after",)):
        if "before" in requests:
            remote.share("topic", "slot")
        assert remote.give("topic", "slot", task)
        if "after" in requests:
            remote.share("topic", "slot")
        assert remote._train_one(session, "slot", "key", slot)
    assert asked == [False, False, True]


def state(epoch: int) -> RunState:
    return RunState(epoch=epoch, arrays={}, records=(), seconds=0.0, fingerprint=())


class FakeClient:
    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def submit(self, *_: object, key: str, pure: bool) -> str:
        return key

    async def cancel(self, futures: list[str], force: bool) -> None:
        self.cancelled += futures

    async def nthreads(self) -> dict[str, int]:
        return {}

    async def run(self, *_: object, **__: object) -> dict[str, object]:
        return {}

    def subscribe_topic(self, *_: object) -> None:
        pass

    unsubscribe_topic = subscribe_topic


def test_a_bell_after_the_sweep_is_not_answered() -> None:
    """A slot told that nothing is left would end as if it were wanted, and leave its session."""
    client: Any = FakeClient()

    async def sweep() -> None:
        desk = Desk(client, [], Workplace(), tell=lambda _: None)
        await desk.run()
        desk.mail.ring((0, "here"))
        assert not desk.mail._collections

    asyncio.run(sweep())


def test_a_second_slot_joins_the_session_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    read = shelf.Shelf()
    read.is_verified = True
    monkeypatch.setattr(remote, "_train_one", lambda *_: False)
    monkeypatch.setattr(remote, "_sessions", {})
    worker: Any = SimpleNamespace(get_current_task=lambda: "key")
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    remote.serve("topic")
    session = remote._sessions["topic"]
    shelf.rest.keep(read)
    remote.serve("topic")
    assert remote._sessions == {"topic": session}
    assert shelf.rest.take() is read  # which is another sweep's to take


def test_slots_that_find_nothing_left_are_taken_back_before_they_begin() -> None:
    client: Any = FakeClient()
    slots = Slots(client, "topic", None)
    slots.fill(3)
    first, *others = slots._futures
    assert slots.begin(first)
    asyncio.run(slots.drop_others())
    assert sorted(client.cancelled) == sorted(others)
    assert list(slots._futures) == [first]
    assert not slots.begin(others[0])  # it had begun, unheard


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
