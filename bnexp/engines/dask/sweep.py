"""One sweep on a Dask cluster, from its first slot to the moment when nothing of it is left there.

All of it runs in one thread's event loop, with the desk that hands out its stacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from distributed import Client

from bnexp.engines.base import Event, Trouble, Workplace
from bnexp.engines.dask import remote
from bnexp.engines.dask.books import Key
from bnexp.engines.dask.desk import Desk
from bnexp.engines.dask.mail import CALL_SECONDS, FAILED_CALL, HALT_SECONDS
from bnexp.errors import BnexpError, ClusterError
from bnexp.plan.work import Stack

#: How often the driver looks which workers are there, and empties mailboxes without being called.
_LOOK_SECONDS = 1.0
_GONE = "the scheduler of the Dask cluster is gone; once there is one, the same command goes on"
#: Seconds without the scheduler, after which the sweep ends.
_LOST_SECONDS = 10.0
#: Seconds without any worker, after which the driver says that it waits.
_ALONE_SECONDS = 1.5
#: After the stop flag: for the workers to end an epoch and say so.
_SECONDS_TO_STOP = 0.8


class Sweep:
    """Has stacks trained. ``tell`` is given every event.

    At most ``most`` stacks are out at once. ``tend`` is called now and then, to look after workers
    of ours.
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
        self.tell = tell
        self.tend = tend
        self.topic = f"bnexp-{uuid.uuid4().hex}"
        self.desk = Desk(
            client, self.topic, stacks, workplace, tell, self._beside, most=most, strict=strict
        )
        self.failure: BaseException | None = None
        self.is_halted = False
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._accompanied = time.monotonic()

    async def run(self) -> None:
        """Have all stacks trained. Raises BnexpError where the sweep cannot go on."""
        self.client.subscribe_topic(self.topic, self.desk.mail.ring)
        self.desk.fill_slots()
        self._beside(self._watch)
        try:
            while self.desk.books.is_open and not self.is_halted and not self.failure:
                await self._nap(1.0)
            if self.is_halted:
                await self._halt()
        finally:
            self.desk.is_closed = True
            self.desk.mail.close()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._leave()
        if self.failure:
            raise self._explained(self.failure)

    def _explained(self, failure: BaseException) -> BaseException:
        """Return what an error means: a client that has closed fails in many ways."""
        if isinstance(failure, BnexpError) or self.client.status == "running":
            return failure
        return ClusterError(_GONE)

    def halt(self) -> None:
        """End the sweep soon: the stop flag is set."""
        self.is_halted = self.desk.is_closed = True
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

        task = asyncio.create_task(guarded())
        self._tasks.add(task)  # the loop itself would not keep it
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watch(self) -> None:
        """Notice what nobody tells: workers and slots that are gone, and the scheduler."""
        seen = time.monotonic()
        # ``wait_for`` before Python 3.12 loses a cancellation that comes when its work is done.
        while not self.desk.is_closed:
            await asyncio.sleep(_LOOK_SECONDS)
            self.tend()
            known = {*self.desk.books.out, *self.desk.idle}
            try:
                threads = await asyncio.wait_for(self.client.nthreads(), CALL_SECONDS)
            except (*FAILED_CALL, RuntimeError):
                if self.client.status == "closed" or time.monotonic() - seen > _LOST_SECONDS:
                    raise ClusterError(_GONE) from None
            else:
                seen = time.monotonic()
                await self._look_at(threads, known)

    async def _look_at(self, threads: Mapping[str, int], known: Collection[Key]) -> None:
        """Compare the workers that were there with the requests that were ``known`` before."""
        now = time.monotonic()
        self._accompanied = now if threads else self._accompanied
        if now - self._accompanied > _ALONE_SECONDS:
            self._accompanied = math.inf  # said once for each time without any
            self.tell(Trouble("the Dask cluster has no workers; waiting for some"))
        self.desk.lose(lambda key: key in known and key[0] not in threads)
        await self.desk.offer()
        self.desk.send_away()
        for address in threads:
            self.desk.mail.collect_soon(address)

    async def _halt(self) -> None:
        """Set the workers' stop flags and hear their last news."""
        with contextlib.suppress(*FAILED_CALL, RuntimeError):
            await self.desk.mail.tell_all(remote.halt)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while self.desk.books.out and not self.failure and time.monotonic() < deadline:
            for address in {address for address, _ in self.desk.books.out}:
                self.desk.mail.collect_soon(address)
            await self._nap(0.05)

    async def _leave(self) -> None:
        """Take everything of this sweep from the cluster, where it still answers."""
        # Whatever a client that is closed says to this, the sweep's own error is what matters.
        with contextlib.suppress(Exception):
            self.client.unsubscribe_topic(self.topic)
        with contextlib.suppress(Exception):
            await self.desk.mail.tell_all(remote.forget)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.desk.slots.cancel(), HALT_SECONDS)
