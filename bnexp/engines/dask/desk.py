"""What a driver hands out to Dask workers, and hears of them.

The driver alone knows which stack is where: Dask's own retries would begin a stack again without
its checkpoint. Only the driver writes checkpoints.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

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
from bnexp.engines.dask.mail import FAILED_CALL, Mail
from bnexp.engines.dask.session import Asked, News, Task
from bnexp.engines.dask.slots import Slots
from bnexp.engines.dask.travel import of_worker, other_versions, pack
from bnexp.engines.messages import decode_error
from bnexp.plan.work import Stack
from bnexp.store.checkpoints import write_states

#: How long a worker waits for what another may let go of, before it is free for other work.
_PATIENCE = 0.5


class Desk:
    """Gives each worker the next stack, and does what its news ask for.

    ``tell`` is given every event; ``run`` runs a collection of mail beside everything else.
    """

    def __init__(
        self,
        client: Client,
        topic: str,
        stacks: Sequence[Stack],
        workplace: Workplace,
        tell: Callable[[Event], None],
        run: Callable[..., asyncio.Task[None]],
        *,
        most: int | None = None,
        strict: bool = False,
    ) -> None:
        self.topic = topic
        self.workplace = workplace
        self.tell = tell
        self.strict = strict
        self.books = Books(stacks)
        self.slots = Slots(client, topic, most)
        self.mail = Mail(client, topic, self, run)
        #: Requests that wait for what another worker lets go of, and since when.
        self.idle: dict[Key, float] = {}
        #: Whether nothing is to be handed out any more.
        self.is_closed = False
        #: Of whom it is asked to let runs go, by a call that has not come back.
        self._sharing: set[Key] = set()
        self._run = run
        self._others: set[str] = set()

    async def hear(self, address: str, news: News) -> None:
        """See ``Ears``."""
        key, event = (address, news.request), news.event
        if news.asked:
            await self._answer(address, news.asked)
        elif news.error:
            raise of_worker(decode_error(news.error), address)
        elif isinstance(event, HandedOver):
            self.books.let_go(key, event, news.states or {})
            await self.offer()
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
        # A bell may come late, when its request is answered, or waits.
        is_new = key not in self.books.out and key not in self.idle
        return self._take_out(key) if self.slots.begin(asked.key) and is_new else None

    def _take_out(self, key: Key) -> Task | None:
        work = None if self.is_closed else self.books.take_out(key)
        if work is None:
            return None
        return pack(work, self.workplace, facts_of(work.stack.runs[0].config.data))

    def miss(self, address: str, request: str) -> None:
        """See ``Ears``."""
        if self.books.put_back((address, request)):
            self.fill_slots()

    async def _answer(self, address: str, asked: Asked) -> None:
        """Answer a request with a stack, or say that there is none, now or when it has waited."""
        key = (address, asked.request)
        if key in self.books.out or key in self.idle:
            return  # it came with a bell
        is_wanted = self.slots.begin(asked.key)
        if not self.books.waiting:
            await self.slots.drop_others()
        if task := self.meet(address, asked):
            await self._give(key, task)
        elif is_wanted and self._ask_to_share():
            self.idle[key] = time.monotonic()
        else:
            await self._give(key, None)

    async def _give(self, key: Key, task: Task | None) -> None:
        taken = False
        try:
            with contextlib.suppress(*FAILED_CALL):  # who is gone will be missed
                taken = await self.mail.give(*key, task)
        finally:
            if not taken:
                self.miss(*key)

    async def offer(self) -> None:
        """Give what waits to workers that do so, too, and have slots for the rest."""
        for key in list(self.idle):
            if task := self._take_out(key):
                del self.idle[key]
                self._run(self._give, key, task)
        if self.idle:
            self._ask_to_share()
        await self.slots.check()
        self.fill_slots()

    def send_away(self) -> None:
        """Tell those that have waited long enough that there is nothing for them."""
        now = time.monotonic()
        for key in [key for key, since in self.idle.items() if now - since > _PATIENCE]:
            del self.idle[key]
            self._run(self._give, key, None)

    def _ask_to_share(self) -> bool:
        """Ask the busiest worker to let go of some of its runs: another has nothing to do."""
        key = self.books.busiest()
        if key is None or self.books.waiting or self.is_closed:
            return False
        if key not in self._sharing:
            self._sharing.add(key)
            self._run(self._share, key)
        return True

    async def _share(self, key: Key) -> None:
        try:
            with contextlib.suppress(*FAILED_CALL):
                await self.mail.call(key[0], remote.share, self.topic, key[1])
        finally:
            self._sharing.discard(key)

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
        if work is None or not work.stack.runs or self.is_closed:
            return
        if work.tries < RETRIES:
            count = len(work.stack.runs)
            self.tell(Trouble(f"{cause}; its {count} runs go on from their last checkpoint"))
            self.books.waiting.appendleft(replace(work, tries=work.tries + 1))
            self.fill_slots()
            return
        message = f"{cause} at each of {RETRIES + 1} tries; is there enough memory?"
        for event in failures(work.stack.runs, message):
            self._end(event)

    def lose_all(self, address: str, but: str | None) -> None:
        """See ``Ears``."""
        self.lose(lambda key: key[0] == address and key[1] != but)

    def lose(self, is_lost: Callable[[Key], bool]) -> None:
        """Take back what was out with workers that are gone."""
        self.idle = {key: since for key, since in self.idle.items() if not is_lost(key)}
        for key in list(self.books.out):
            if is_lost(key):
                self._take_back(key, f"the worker at {key[0]} is gone")

    def fill_slots(self) -> None:
        """Have a slot for every stack."""
        if not self.is_closed:
            self.slots.fill(len(self.books.waiting) + len(self.books.out))
