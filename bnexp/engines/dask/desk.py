"""The driver's side of a sweep on a Dask cluster: hands out stacks and hears what workers say.

All of it runs in one thread's event loop. The driver alone knows which stack is where: Dask's own
retries would begin a stack again without its checkpoint. Only the driver writes checkpoints.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from distributed import Client

from bnexp.config.network import facts_of
from bnexp.engines.base import (
    RETRIES,
    Event,
    HandedOver,
    Progress,
    RunEnded,
    Trouble,
    Workplace,
    failures,
)
from bnexp.engines.dask import remote
from bnexp.engines.dask.books import Books, Key
from bnexp.engines.dask.mail import CALL_SECONDS, FAILED_CALL, HALT_SECONDS, Mail
from bnexp.engines.dask.session import Asked, News, Task
from bnexp.engines.dask.slots import Slots
from bnexp.engines.dask.travel import of_worker, other_versions, pack
from bnexp.engines.messages import decode_error
from bnexp.errors import ClusterError
from bnexp.plan.work import Stack
from bnexp.store.checkpoints import write_states

#: How often the driver looks which workers are there, and empties mailboxes without being called.
_LOOK_SECONDS = 1.0
#: Seconds without the scheduler, after which the sweep ends.
_LOST_SECONDS = 10.0
#: Seconds without any worker, after which the driver says that it waits.
_ALONE_SECONDS = 1.5
#: How long a worker waits for what another may let go of, before it is free for other work.
_PATIENCE = 0.5
#: After the stop flag: for the workers to end an epoch and say so.
_SECONDS_TO_STOP = 0.8


class Desk:
    """One sweep: what each worker is given, and what becomes of it.

    ``tell`` is given every event. ``tend`` is called now and then, to look after workers of ours.
    """

    def __init__(
        self,
        client: Client,
        stacks: Sequence[Stack],
        workplace: Workplace,
        *,
        tell: Callable[[Event], None],
        most: int | None = None,
        strict: bool = False,
        tend: Callable[[], None] = lambda: None,
    ) -> None:
        self.client = client
        self.workplace = workplace
        self.tell = tell
        self.strict = strict
        self.tend = tend
        self.topic = f"bnexp-{uuid.uuid4().hex}"
        self.books = Books(stacks)
        #: Requests that wait for what another worker lets go of, and since when.
        self.idle: dict[Key, float] = {}
        self.slots = Slots(client, self.topic, most)
        self.failure: BaseException | None = None
        self.is_halted = self._is_over = False
        self.mail = Mail(client, self.topic, self, run=self._beside)
        self._wake = asyncio.Event()
        self._others: set[str] = set()
        self._accompanied = time.monotonic()

    async def run(self) -> None:
        """Have all stacks trained. Raises BnexpError where the sweep cannot go on."""
        self.client.subscribe_topic(self.topic, self.mail.ring)
        self._fill_slots()
        watch = self._beside(self._watch)
        try:
            while self.books.is_open and not self.is_halted and not self.failure:
                await self._nap(1.0)
            if self.is_halted:
                await self._halt()
        finally:
            self._is_over = True
            watch.cancel()
            await asyncio.gather(watch, self.mail.close(), return_exceptions=True)
            await self._leave()
        if self.failure:
            raise self.failure

    def halt(self) -> None:
        """End the sweep soon: the stop flag is set."""
        self.is_halted = True
        self._wake.set()

    async def _nap(self, seconds: float) -> None:
        """Sleep until something happens, at most so long."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    def _beside(self, work: Callable[..., Awaitable[None]], *given: Any) -> asyncio.Task[None]:
        """Run something beside; its error, if it is the first one, is for ``run`` to raise."""

        async def guarded() -> None:
            try:
                await work(*given)
            except Exception as error:
                self.failure = self.failure or error
            finally:
                self._wake.set()

        return asyncio.create_task(guarded())

    async def hear(self, address: str, news: News) -> None:
        """See ``Ears``."""
        key, event = (address, news.request), news.event
        if news.asked:
            await self._answer(address, news.asked)
        elif news.error:
            raise of_worker(decode_error(news.error), address)
        elif isinstance(event, HandedOver):
            self.books.let_go(key, event, news.states or {})
            await self._offer()
        elif news.states:
            if self.workplace.checkpoints:
                write_states(self.workplace.checkpoints, news.states)
        elif news.is_through:
            self._take_back(key, "a worker gave a stack back")
        elif isinstance(event, RunEnded):
            self._end(event)
        elif event:
            if isinstance(event, Progress):
                self.books.note(key, event.epoch)
            self.tell(event)

    def _end(self, event: RunEnded) -> None:
        """Tell of a run's end, once."""
        if self.books.end(event.result.run):
            self.tell(event)

    def meet(self, address: str, asked: Asked) -> Task | None:
        """See ``Ears``."""
        self._compare(address, asked)
        self.slots.killed = 0
        key = (address, asked.request)
        is_wanted = self.slots.begin(asked.key)
        # A bell may come late, when its request is answered, or waits.
        is_new = key not in self.books.out and key not in self.idle
        return self._take_out(key) if is_wanted and is_new else None

    def _take_out(self, key: Key) -> Task | None:
        work = None if self.is_halted or self._is_over else self.books.take_out(key)
        if work is None:
            return None
        return pack(work, self.workplace, facts_of(work.stack.runs[0].config.data))

    def miss(self, address: str, request: str) -> None:
        """See ``Ears``."""
        self.books.put_back((address, request))

    async def _answer(self, address: str, asked: Asked) -> None:
        """Answer a request with a stack, or say that there is none, now or when it has waited."""
        key = (address, asked.request)
        if key in self.books.out or key in self.idle:
            return  # it came with a bell
        if task := self.meet(address, asked):
            await self._give(key, task)
            return
        if not self.books.waiting:
            await self.slots.drop_others()
        self.idle[key] = time.monotonic()  # before others may hear of something to take over
        if await self._ask_to_share():
            return
        if self.idle.pop(key, None):
            await self.mail.give(*key, None)

    async def _give(self, key: Key, task: Task) -> None:
        taken = False
        try:
            taken = await self.mail.give(*key, task)
        finally:
            if not taken:
                self.books.put_back(key)

    async def _offer(self) -> None:
        """Give what waits to workers that do so, too, and have slots for the rest."""
        for key in list(self.idle):
            if key in self.idle and (task := self._take_out(key)):
                del self.idle[key]
                with contextlib.suppress(*FAILED_CALL):
                    await self._give(key, task)
        if self.idle:
            await self._ask_to_share()
        await self.slots.check()
        self._fill_slots()

    async def _ask_to_share(self) -> bool:
        """Ask the busiest worker to let go of some of its runs: another has nothing to do."""
        key = self.books.busiest()
        if key is None or self.books.waiting or self.is_halted:
            return False
        with contextlib.suppress(*FAILED_CALL):  # who is gone will be missed
            await self.mail.call(key[0], remote.share, self.topic, key[1])
        return True

    def _compare(self, address: str, asked: Asked) -> None:
        """Refuse a worker with another bnexp, and say aloud, once, what may change last bits."""
        marks = asked.marks
        others = other_versions(address, asked.version, marks, strict=self.strict)
        if others and marks not in self._others:
            self._others.add(marks)
            self.tell(Trouble(others))

    def _take_back(self, key: Key, cause: str) -> None:
        """Have a stack trained elsewhere that is not over, or fail its runs after enough tries."""
        work = self.books.close(key)
        self._wake.set()
        if work is None or not work.stack.runs or self.is_halted:
            return
        if work.tries < RETRIES:
            count = len(work.stack.runs)
            self.tell(Trouble(f"{cause}; its {count} runs go on from their last checkpoint"))
            self.books.waiting.appendleft(replace(work, tries=work.tries + 1))
            self._fill_slots()
            return
        message = f"{cause} at each of {RETRIES + 1} tries; is there enough memory?"
        for event in failures(work.stack.runs, message):
            self._end(event)

    def lose_all(self, address: str, but: str | None) -> None:
        """See ``Ears``."""
        self._lose(lambda key: key[0] == address and key[1] != but)

    def _lose(self, is_lost: Callable[[Key], bool]) -> None:
        """Take back what was out with workers that are gone."""
        self.idle = {key: since for key, since in self.idle.items() if not is_lost(key)}
        for key in list(self.books.out):
            if is_lost(key):
                self._take_back(key, f"the worker at {key[0]} is gone")

    def _fill_slots(self) -> None:
        self.slots.fill(len(self.books.waiting) + len(self.books.out))

    async def _watch(self) -> None:
        """Notice what nobody tells: workers and slots that are gone, and the scheduler."""
        seen = time.monotonic()
        # ``wait_for`` before Python 3.12 loses a cancellation that comes when its work is done.
        while not self._is_over:
            await asyncio.sleep(_LOOK_SECONDS)
            self.tend()
            try:
                threads = await asyncio.wait_for(self.client.nthreads(), CALL_SECONDS)
            except (*FAILED_CALL, RuntimeError):
                if self.client.status == "closed" or time.monotonic() - seen > _LOST_SECONDS:
                    raise ClusterError("the scheduler of the Dask cluster is gone") from None
            else:
                seen = time.monotonic()
                await self._look_at(threads)

    async def _look_at(self, threads: Mapping[str, int]) -> None:
        """Compare the workers that are there with those that have stacks of ours."""
        now = time.monotonic()
        self._accompanied = now if threads else self._accompanied
        if now - self._accompanied > _ALONE_SECONDS:
            self._accompanied = math.inf  # said once for each time without any
            self.tell(Trouble("the Dask cluster has no workers; waiting for some"))
        self._lose(lambda key: key[0] not in threads)
        await self._offer()
        for key in [key for key, since in self.idle.items() if now - since > _PATIENCE]:
            if self.idle.pop(key, None):
                with contextlib.suppress(*FAILED_CALL):
                    await self.mail.give(*key, None)
        for address in threads:
            self.mail.collect_soon(address)

    async def _halt(self) -> None:
        """Set the workers' stop flags and hear their last news."""
        with contextlib.suppress(*FAILED_CALL, RuntimeError):
            await self.mail.tell_all(remote.halt)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while self.books.out and not self.failure and time.monotonic() < deadline:
            for address in {address for address, _ in self.books.out}:
                self.mail.collect_soon(address)
            await self._nap(0.05)

    async def _leave(self) -> None:
        """Take everything of this sweep from the cluster, where it still answers."""
        with contextlib.suppress(*FAILED_CALL, RuntimeError):
            self.client.unsubscribe_topic(self.topic)
            await self.mail.tell_all(remote.forget)
            await asyncio.wait_for(self.slots.cancel(), HALT_SECONDS)
