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
from collections import deque
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
from bnexp.engines.dask.mail import CALL_SECONDS, FAILED_CALL, HALT_SECONDS, Mail
from bnexp.engines.dask.slots import Slots, Work
from bnexp.engines.dask.travel import of_worker, other_versions, pack
from bnexp.engines.messages import decode_error
from bnexp.errors import ClusterError
from bnexp.plan.work import Stack
from bnexp.store.checkpoints import write_states

#: How often the driver looks which workers are there, and empties mailboxes without being called.
_LOOK_SECONDS = 0.5
#: Seconds without the scheduler, after which the sweep ends.
_LOST_SECONDS = 10.0
#: Seconds without any worker, after which the driver says that it waits.
_ALONE_SECONDS = 1.0
#: After the stop flag: for the workers to end an epoch and say so.
_SECONDS_TO_STOP = 0.8


class Desk:
    """One sweep: stacks that wait, stacks that are out with a worker, and what is known of both.

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
        self.waiting = deque(Work(stack) for stack in stacks)
        self.out: dict[tuple[str, str], Work] = {}
        self.ended: set[str] = set()
        self.slots = Slots(client, self.topic, most)
        self.failure: BaseException | None = None
        self.is_halted = False
        self.mail = Mail(client, self.topic, hear=self._hear, lose=self._lose_all, run=self._beside)
        self._wake = asyncio.Event()
        self._others: set[str] = set()
        self._accompanied = time.monotonic()

    async def run(self) -> None:
        """Have all stacks trained. Raises BnexpError where the sweep cannot go on."""
        self.client.subscribe_topic(self.topic, self.mail.ring)
        self._fill_slots()
        watch = self._beside(self._watch)
        try:
            while (self.waiting or self.out) and not self.is_halted and not self.failure:
                await self._nap(1.0)
            if self.is_halted:
                await self._halt()
        finally:
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

    async def _hear(self, address: str, news: remote.News) -> None:
        slot = (address, news.slot)
        if news.ready:
            await self._answer(address, news.slot, *news.ready)
        elif news.error:
            raise of_worker(decode_error(news.error), address)
        elif news.states:
            if self.workplace.checkpoints:
                write_states(self.workplace.checkpoints, news.states)
        elif news.is_through:
            self._take_back(slot, "a worker gave a stack back")
        elif isinstance(news.event, RunEnded):
            self._end(news.event)
            if slot in self.out:
                self.out[slot] = self.out[slot].without(self.ended)
        elif isinstance(news.event, HandedOver):
            await self._take_over(slot, news.event)
        elif news.event:
            if isinstance(news.event, Progress) and slot in self.out:
                self.out[slot] = self.out[slot].at(news.event.epoch)
            self.tell(news.event)

    def _end(self, event: RunEnded) -> None:
        """Tell of a run's end, once: a stack may be trained twice where a worker went silent."""
        if event.result.run not in self.ended:
            self.ended.add(event.result.run)
            self.tell(event)

    async def _answer(self, address: str, slot: str, key: str, version: str, marks: str) -> None:
        """Give a slot that is ready the next stack, or tell it that there is none."""
        self._compare(address, version, marks)
        self.slots.killed = 0
        work = self._next() if self.slots.begin(key) else None
        if work is None:
            if not self.waiting:
                await self.slots.drop_others()
            await self.mail.call(address, remote.give, self.topic, slot, None)
            await self._ask_to_share()
            return
        self.out[address, slot] = work
        taken = False
        try:
            task = pack(work.stack, self.workplace, facts_of(work.stack.runs[0].config.data))
            taken = await self.mail.call(address, remote.give, self.topic, slot, task)
        finally:
            if not taken and (address, slot) in self.out:
                del self.out[address, slot]
                self.waiting.appendleft(work)

    async def _ask_to_share(self) -> None:
        """Ask the busiest worker to let go of some of its runs: another has nothing to do."""
        left = {s: w.stack.seconds for s, w in self.out.items() if len(w.stack.runs) > 1}
        if left and not self.waiting and self.workplace.checkpoints:
            address, slot = max(left, key=left.__getitem__)
            with contextlib.suppress(*FAILED_CALL):  # who is gone will be missed
                await self.mail.call(address, remote.share, self.topic, slot)

    async def _take_over(self, slot: tuple[str, str], event: HandedOver) -> None:
        """Have runs trained elsewhere that a slot has let go; their states came before."""
        if slot not in self.out:
            return
        whole = self.out[slot]
        self.out[slot] = whole.without(set(event.runs))
        others = {run.id for run in self.out[slot].stack.runs}
        self.waiting.append(replace(whole.without(others).at(event.epoch), tries=0))
        await self.slots.check()
        self._fill_slots()

    def _next(self) -> Work | None:
        """Take the next stack that has runs to train, if any."""
        while self.waiting and not self.is_halted:
            work = self.waiting.popleft().without(self.ended)
            if work.stack.runs:
                return work
        return None

    def _compare(self, address: str, version: str, marks: str) -> None:
        """Refuse a worker with another bnexp, and say aloud, once, what may change last bits."""
        others = other_versions(address, version, marks, strict=self.strict)
        if others and marks not in self._others:
            self._others.add(marks)
            self.tell(Trouble(others))

    def _take_back(self, slot: tuple[str, str], cause: str) -> None:
        """Have a stack trained elsewhere that is not over, or fail its runs after enough tries."""
        work = self.out.pop(slot, None)
        self._wake.set()
        if work is None or not work.stack.runs or self.is_halted:
            return
        if work.tries < RETRIES:
            count = len(work.stack.runs)
            self.tell(Trouble(f"{cause}; its {count} runs go on from their last checkpoint"))
            self.waiting.appendleft(replace(work, tries=work.tries + 1))
            self._fill_slots()
            return
        message = f"{cause} at each of {RETRIES + 1} tries; is there enough memory?"
        for event in failures(work.stack.runs, message):
            self._end(event)

    def _lose_all(self, address: str) -> None:
        """Take back what was out with the worker that was at this address before."""
        self._lose([slot for slot in self.out if slot[0] == address])

    def _lose(self, slots: Sequence[tuple[str, str]]) -> None:
        """Take back what was out with workers that are gone."""
        for slot in slots:
            self._take_back(slot, f"the worker at {slot[0]} is gone")

    def _fill_slots(self) -> None:
        self.slots.fill(len(self.waiting) + len(self.out))

    async def _watch(self) -> None:
        """Notice what nobody tells: workers and slots that are gone, and the scheduler."""
        seen = time.monotonic()
        while True:
            self.tend()
            try:
                threads = await asyncio.wait_for(self.client.nthreads(), CALL_SECONDS)
            except (*FAILED_CALL, RuntimeError):
                if self.client.status == "closed" or time.monotonic() - seen > _LOST_SECONDS:
                    raise ClusterError("the scheduler of the Dask cluster is gone") from None
            else:
                seen = time.monotonic()
                await self._look_at(threads)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look_at(self, threads: Mapping[str, int]) -> None:
        """Compare the workers that are there with those that have stacks of ours."""
        now = time.monotonic()
        self._accompanied = now if threads else self._accompanied
        if now - self._accompanied > _ALONE_SECONDS:
            self._accompanied = math.inf  # said once for each time without any
            self.tell(Trouble("the Dask cluster has no workers; waiting for some"))
        self._lose([slot for slot in self.out if slot[0] not in threads])
        await self.slots.check()
        self._fill_slots()
        for address in threads:
            self.mail.collect_soon(address)

    async def _halt(self) -> None:
        """Set the workers' stop flags and hear their last news."""
        with contextlib.suppress(*FAILED_CALL, RuntimeError):
            await self.mail.tell_all(remote.halt)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while self.out and not self.failure and time.monotonic() < deadline:
            for address in {address for address, _ in self.out}:
                self.mail.collect_soon(address)
            await self._nap(0.05)

    async def _leave(self) -> None:
        """Take everything of this sweep from the cluster, where it still answers."""
        with contextlib.suppress(*FAILED_CALL, RuntimeError):
            self.client.unsubscribe_topic(self.topic)
            await self.mail.tell_all(remote.forget)
            await asyncio.wait_for(self.slots.cancel(), HALT_SECONDS)
