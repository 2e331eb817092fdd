"""The driver's side of the Dask engine, with a worker that is nothing but a mailbox here."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sweeps import make_plan

from bnexp.config.network import facts_of
from bnexp.engines.base import Event, HandedOver, Trouble, Workplace
from bnexp.engines.dask import remote
from bnexp.engines.dask import session as sessions
from bnexp.engines.dask.books import Books, Work
from bnexp.engines.dask.session import News, Request, Session
from bnexp.engines.dask.slots import Slots
from bnexp.engines.dask.sweep import Sweep
from bnexp.engines.dask.travel import pack
from bnexp.errors import ClusterError
from bnexp.plan import Stack
from bnexp.records import RunState
from bnexp.store.checkpoints import write_states

AXES = {"init.scale": [1.0, 0.5, 0.1, 0.05]}


class FakeClient:
    """A client of a cluster whose workers are all in this process."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.cancelled: list[object] = []
        #: Of how many calls nothing arrives, or no answer.
        self.lost = self.deaf = 0
        self.shares = asyncio.Event()
        self.shares.set()

    def submit(self, *_: object, key: str, pure: bool) -> object:
        return SimpleNamespace(done=lambda: False, key=key)

    async def cancel(self, futures: list[object], force: bool) -> None:
        self.cancelled += futures

    async def nthreads(self) -> dict[str, int]:
        return {"here": 1}

    async def run(
        self, function: Callable[..., object], *given: Any, workers: Sequence[str], on_error: str
    ) -> dict[str, object]:
        self.called.append("collect" if function is eval else function.__name__)
        if function is remote.share:
            await self.shares.wait()
        if self.lost:
            self.lost -= 1
            return {}
        answers = {worker: function(*given) for worker in workers}
        if self.deaf:
            self.deaf -= 1
            raise asyncio.TimeoutError
        return answers

    def subscribe_topic(self, *_: object) -> None:
        pass

    unsubscribe_topic = subscribe_topic


class World:
    """A sweep, its desk and client, and a worker's session."""

    def __init__(self, stacks: Sequence[Stack], workplace: Workplace) -> None:
        client: Any = FakeClient()
        self.client = client
        self.told: list[Event] = []
        self.sweep = Sweep(client, stacks, workplace, tell=self.told.append)
        self.desk = self.sweep.desk
        self.desk.fill_slots()
        self.bells: list[tuple[str, ...]] = []
        self.restart()

    def restart(self) -> None:
        """Have a new worker at the address."""
        worker: Any = SimpleNamespace(
            address="here", log_event=lambda *event: self.bells.append(event[1])
        )
        self.session = sessions._sessions[self.desk.topic] = Session(worker, self.desk.topic)

    def ask(self, name: str) -> Request:
        """Make a request, as a slot does."""
        return self.session.ask(name, next(iter(self.desk.slots._futures)), threading.Event())

    async def ring(self, bell: tuple[str, ...] | None = None) -> None:
        """Let the driver hear a bell, the last one if none is given, and do what it must."""
        self.desk.mail.ring((0, bell or self.bells[-1]))
        await asyncio.gather(*self.desk.mail._collections.values())
        assert self.sweep.failure is None

    async def look(self) -> None:
        """Let the driver look for itself."""
        await self.sweep._look_at({"here": 1}, ())
        await asyncio.gather(*self.desk.mail._collections.values())


def play(world: World, scene: Callable[[], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        await scene()
        await asyncio.gather(*world.sweep._tasks)

    asyncio.run(all_of_it())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(sessions, "_sessions", {})
    runs = list(make_plan(AXES).runs.values())
    return World([Stack(tuple(runs[:2])), Stack(tuple(runs[2:]))], Workplace(checkpoints=tmp_path))


def given(request: Request) -> list[str] | None:
    """The runs of a request's answer, None for no more. Raises queue.Empty without one."""
    task = request._answer.get_nowait()
    return [run.id for run in task.stack.runs] if task else None


def state(epoch: int) -> RunState:
    return RunState(epoch=epoch, arrays={}, records=(), seconds=0.0, fingerprint=())


def ids(stack: Stack) -> list[str]:
    return [run.id for run in stack.runs]


def test_one_call_answers_a_bell_and_collects(world: World) -> None:
    first, second = [work.stack for work in world.desk.books.waiting]

    async def scene() -> None:
        one = world.ask("one")
        world.desk.slots.killed = 2
        await world.ring()
        assert not world.desk.slots.killed  # who asks has begun
        assert given(one) == ids(first)
        world.session.post(News("one", is_through=True))
        two = world.ask("two")
        await world.ring()
        assert given(two) == ids(second)

    play(world, scene)
    assert world.client.called == ["exchange", "exchange"]


def test_late_news_of_a_stack_are_not_those_of_the_next(world: World) -> None:
    first, second = [work.stack for work in world.desk.books.waiting]

    async def scene() -> None:
        world.ask("one")
        await world.ring()
        for run in first.runs:
            world.desk.books.end(run.id)
        world.session.post(News("one", is_through=True))
        world.ask("two")
        await world.ring()

    play(world, scene)
    assert {key: ids(work.stack) for key, work in world.desk.books.out.items()} == {
        ("here", "two"): ids(second)
    }
    assert world.told == []


def test_a_bell_that_comes_again_brings_no_second_stack(world: World) -> None:
    async def scene() -> None:
        one = world.ask("one")
        await world.ring()
        await world.ring()
        assert one._answer.qsize() == 1

    play(world, scene)
    assert len(world.desk.books.waiting) == 1


def test_a_request_is_answered_without_its_bell(world: World) -> None:
    async def scene() -> None:
        one = world.ask("one")
        await world.look()
        assert one._answer.qsize() == 1
        await world.ring()  # late
        assert one._answer.qsize() == 1

    play(world, scene)
    assert world.client.called == ["collect", "give", "collect"]


def test_a_request_takes_no_second_stack_where_the_driver_did_not_hear_of_the_first(
    world: World,
) -> None:
    first, second = world.desk.books.waiting

    async def scene() -> None:
        one = world.ask("one")
        world.client.deaf = 1
        await world.ring()
        assert world.desk.books.take_out(("there", "another")) == first
        await world.look()
        assert given(one) == ids(first.stack)
        assert one._answer.empty()

    play(world, scene)
    assert list(world.desk.books.waiting) == [second]
    assert list(world.desk.books.out) == [("there", "another")]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_stack_that_did_not_get_there_waits_again(world: World, lost: int) -> None:
    waiting = list(world.desk.books.waiting)

    async def scene() -> None:
        world.ask("one")
        del world.session.requests["one"]
        world.client.lost = lost
        await world.ring()

    play(world, scene)
    assert list(world.desk.books.waiting) == waiting
    assert not world.desk.books.out


def test_what_a_worker_had_before_it_was_started_again_is_taken_back(world: World) -> None:
    first, second = list(world.desk.books.waiting)

    async def scene() -> None:
        world.ask("one")
        await world.ring()
        world.restart()
        two = world.ask("two")
        await world.ring()
        assert given(two) == ids(second.stack)

    play(world, scene)
    (again,) = world.desk.books.waiting
    assert (ids(again.stack), again.tries) == (ids(first.stack), 1)
    assert list(world.desk.books.out) == [("here", "two")]
    (event,) = world.told
    assert isinstance(event, Trouble)


def test_who_has_nothing_to_do_waits_for_what_another_lets_go(world: World) -> None:
    async def scene() -> None:
        one, two = world.ask("one"), None
        await world.ring()
        runs = given(one)
        assert runs
        two = world.ask("two")
        await world.ring()
        assert given(two)
        idle = world.ask("idle")
        await world.ring()
        assert idle._answer.empty()
        asked = [
            name for name in ("one", "two") if world.session.requests[name].flags.share.is_set()
        ]
        assert len(asked) == 1
        (_, whole) = next(item for item in world.desk.books.out.items() if item[0][1] == asked[0])
        kept, let_go = ids(whole.stack)
        states = {let_go: state(1)}
        news = News(asked[0], event=HandedOver((let_go,), 1), states=states)
        world.session.post(news, rings=True)
        await world.ring()
        task = idle._answer.get_nowait()
        assert task and [run.id for run in task.stack.runs] == [let_go]
        assert task.states == states
        assert ids(world.desk.books.out["here", asked[0]].stack) == [kept]

    play(world, scene)
    assert not world.desk.idle
    assert world.client.called.count("share") == 1


def test_runs_that_are_handed_over_were_tried_as_often_as_their_stack() -> None:
    runs = tuple(make_plan(AXES).runs.values())
    books = Books([])
    books.out["here", "one"] = Work(Stack(runs), tries=1)
    states = {run.id: state(4) for run in runs[2:]}
    books.let_go(("here", "one"), HandedOver(tuple(states), 4), states)
    assert books.out["here", "one"] == Work(Stack(runs[:2]), tries=1)
    assert list(books.waiting) == [Work(Stack(runs[2:], start_epoch=4), 1, states)]


def test_a_stack_is_sent_with_the_later_of_two_states(tmp_path: Path) -> None:
    plan = make_plan(AXES)
    first, second, third, _ = plan.runs
    write_states(tmp_path, {first: state(3), second: state(3)})
    handed_over = {first: state(2), second: state(4), third: state(1), "another": state(9)}
    work = Work(Stack(tuple(plan.runs.values())), 0, handed_over)
    facts = facts_of(work.stack.runs[0].config.data)
    task = pack(work, Workplace(checkpoints=tmp_path), facts)
    assert {run: state.epoch for run, state in task.states.items()} == {
        first: 3,
        second: 4,
        third: 1,
    }


def test_who_waits_in_vain_is_free_for_other_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        for name in ("one", "two", "idle"):
            world.ask(name)
            await world.ring()
        idle = world.session.requests["idle"]
        await world.look()
        assert idle._answer.empty()
        monkeypatch.setattr("bnexp.engines.dask.desk._PATIENCE", -1.0)
        await world.look()
        assert given(idle) is None

    play(world, scene)
    assert not world.desk.idle


def test_a_slot_that_is_not_wanted_is_not_to_wait(world: World) -> None:
    async def scene() -> None:
        for name in ("one", "two", "unwanted"):
            world.ask(name)
            if name == "unwanted":
                world.desk.slots._futures.clear()
            await world.ring()
        assert given(world.session.requests["unwanted"]) is None

    play(world, scene)
    assert not world.desk.idle
    assert "share" not in world.client.called


def test_a_worker_that_does_not_answer_keeps_no_other_waiting(world: World) -> None:
    async def scene() -> None:
        world.client.shares.clear()
        for name in ("one", "two", "idle"):
            world.ask(name)
            await world.ring()
        world.session.post(News("one", is_through=True))
        late = world.ask("late")
        await world.ring()
        assert given(late)
        world.client.shares.set()

    play(world, scene)
    assert world.client.called.count("share") == 1


def test_a_worker_that_came_after_the_look_is_not_missed(world: World) -> None:
    async def scene() -> None:
        world.ask("one")
        await world.ring()
        await world.sweep._look_at({}, ())
        assert list(world.desk.books.out) == [("here", "one")]
        await world.sweep._look_at({}, [("here", "one")])
        assert not world.desk.books.out

    play(world, scene)


@pytest.mark.parametrize("status", ["running", "closed"])
def test_what_a_closed_client_raises_means_that_the_scheduler_is_gone(
    status: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise AttributeError("'NoneType' object has no attribute 'ncores'")

    async def scene() -> None:
        monkeypatch.setattr("bnexp.engines.dask.sweep._LOOK_SECONDS", 0.0)
        monkeypatch.setattr(world.client, "nthreads", fail)
        monkeypatch.setattr(world.client, "status", status, raising=False)
        with pytest.raises(AttributeError if status == "running" else ClusterError):
            await world.sweep.run()

    play(world, scene)


def test_an_error_is_said_though_the_client_is_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ClosedClientError(Exception):
        """As distributed has it."""

    def refuse(_: str) -> None:
        raise ClosedClientError

    async def scene() -> None:
        monkeypatch.setattr(world.client, "unsubscribe_topic", refuse)
        world.sweep.failure = ClusterError("the scheduler is gone")
        with pytest.raises(ClusterError, match="the scheduler is gone"):
            await world.sweep.run()

    play(world, scene)


def test_many_slots_may_die_with_one_worker() -> None:
    async def exception() -> Exception:
        return type("KilledWorker", (Exception,), {})()  # as distributed has it

    client: Any = FakeClient()
    slots = Slots(client, "topic", None)
    dead: Any = SimpleNamespace(done=lambda: True, status="error", exception=exception)

    async def die(times: int) -> None:
        for _ in range(times):
            slots._futures = dict.fromkeys("abcd", dead)
            await slots.check()

    asyncio.run(die(2))
    slots.killed = 0  # one has begun
    asyncio.run(die(2))
    with pytest.raises(ClusterError, match="die before they begin any work"):
        asyncio.run(die(1))


def test_slots_are_cancelled_though_a_worker_does_not_answer(world: World) -> None:
    async def scene() -> None:
        world.client.deaf = 1
        await world.sweep._leave()

    play(world, scene)
    assert len(world.client.cancelled) == 2


def test_without_anything_to_divide_there_is_nothing_to_wait_for(world: World) -> None:
    for stack in list(world.desk.books.waiting):
        world.desk.books.end(stack.stack.runs[0].id)

    async def scene() -> None:
        for name in ("one", "two", "three"):
            world.ask(name)
            await world.ring()
        assert given(world.session.requests["three"]) is None

    play(world, scene)
    assert not world.desk.idle
    assert "share" not in world.client.called


def test_a_bell_after_the_sweep_is_not_answered() -> None:
    """A slot told that nothing is left would end as if it were wanted, and leave its session."""
    world = World([], Workplace())

    async def scene() -> None:
        await world.sweep.run()
        world.desk.mail.ring((0, ("here",)))
        assert not world.desk.mail._collections

    play(world, scene)


def test_a_sweep_ends_though_its_watch_missed_that_it_was_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnexp.engines.dask.sweep._LOOK_SECONDS", 0.01)
    looks: list[asyncio.Event] = []

    async def wait_for(work: Any, seconds: float) -> Any:
        """Lose a cancellation, as Python 3.11's does when it comes in a certain moment."""
        if work.cr_code is not FakeClient.nthreads.__code__:
            return await work
        looks.append(asyncio.Event())
        with contextlib.suppress(asyncio.CancelledError):
            await looks[-1].wait()
        return await work

    async def scene() -> None:
        sweep = asyncio.create_task(world.sweep.run())
        while not looks:
            await asyncio.sleep(0.01)
        monkeypatch.setattr(asyncio, "wait_for", original)
        world.desk.books.waiting.clear()
        world.sweep._wake.set()
        done, _ = await asyncio.wait([sweep], timeout=5)
        assert done
        assert len(looks) == 1

    original = asyncio.wait_for
    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    play(world, scene)


def test_slots_that_find_nothing_left_are_taken_back_before_they_begin() -> None:
    client: Any = FakeClient()
    slots = Slots(client, "topic", None)
    slots.fill(3)
    first, *others = slots._futures
    assert slots.begin(first)
    asyncio.run(slots.drop_others())
    assert sorted(future.key for future in client.cancelled) == sorted(others)
    assert list(slots._futures) == [first]
    assert not slots.begin(others[0])  # it had begun, unheard
