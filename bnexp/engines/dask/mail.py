"""The driver's mail with the workers of a sweep: it calls them, and empties their mailboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from distributed import Client

from bnexp.engines.dask import remote
from bnexp.engines.dask.session import Asked, News, Task
from bnexp.engines.dask.slots import words
from bnexp.engines.dask.travel import explain

#: A call of a worker, or of the scheduler, that takes longer has failed.
CALL_SECONDS = 10.0
#: After the stop flag: to reach the workers.
HALT_SECONDS = 0.3
#: What a call raises that reaches nobody.
FAILED_CALL = (OSError, asyncio.TimeoutError)


class Ears(Protocol):
    """Who hears the mail."""

    async def hear(self, address: str, news: News) -> None:
        """Hear one piece of a worker's news."""
        ...

    def lose_all(self, address: str, but: str | None) -> None:
        """Take back what a worker was given before it was started again, ``but`` one request's."""
        ...

    def meet(self, address: str, asked: Asked) -> Task | None:
        """Take the next stack for a request, if one waits."""
        ...

    def miss(self, address: str, request: str) -> None:
        """Take a stack back that did not get there."""
        ...


class Mail:
    """Calls of workers, and what they say, heard in order and once by ``ears``.

    ``run`` runs a collection beside everything else.
    """

    def __init__(
        self, client: Client, topic: str, ears: Ears, run: Callable[..., asyncio.Task[None]]
    ) -> None:
        self.client, self.topic = client, topic
        self._ears, self._run = ears, run
        #: The session at each worker's address, and the number of its last news.
        self._heard: dict[str, tuple[str, int]] = {}
        self._rung: set[str] = set()
        #: What the latest bell of each worker asked for.
        self._asked: dict[str, Asked] = {}
        self._collections: dict[str, asyncio.Task[None]] = {}
        self._is_closed = False

    async def call(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on one worker. Raises OSError, TimeoutError, and what it raises."""
        call = self.client.run(function, *arguments, workers=[address], on_error="return")
        try:
            answers = await asyncio.wait_for(call, CALL_SECONDS)
        except RuntimeError as error:  # of a client that has given up
            raise OSError(str(error)) from error
        answer = answers.get(address, OSError("no answer"))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def tell_all(self, function: Callable[[str], None]) -> None:
        """Call a function on all workers that have said something."""
        workers = list(self._heard)
        call = self.client.run(function, self.topic, workers=workers, on_error="return")
        await asyncio.wait_for(call, HALT_SECONDS)

    async def give(self, address: str, request: str, task: Task | None) -> bool:
        """Answer a request; return whether it was still there. Raises what ``call`` does."""
        return bool(await self.call(address, remote.give, self.topic, request, task))

    def ring(self, event: tuple[float, Sequence[str]]) -> None:
        """Hear a worker's bell, and what it asks for."""
        address, *asked = event[1]
        if asked:
            self._asked[address] = Asked(*asked)
        self.collect_soon(address)

    def collect_soon(self, address: str) -> None:
        """Have a worker's mailbox emptied."""
        if self._is_closed:
            # A slot that began meanwhile is to see that it is cancelled: told that nothing is
            # left it would end like any other, and leave its session, which nobody drops.
            return
        self._rung.add(address)
        if address not in self._collections:
            self._collections[address] = self._run(self._collect, address)

    def close(self) -> None:
        """Collect no more."""
        self._is_closed = True

    async def _collect(self, address: str) -> None:
        """Empty a worker's mailbox, for as long as its bell rings."""
        try:
            while address in self._rung:
                self._rung.discard(address)
                name, heard = self._heard.get(address, ("", 0))
                session, found, given = await self._get(address, name, heard)
                if session != name:
                    self._heard[address] = (session, 0)
                    self._ears.lose_all(address, given)
                for news in found:
                    await self._ears.hear(address, news)
                    self._heard[address] = (session, news.number)
        except FAILED_CALL:
            self._rung.discard(address)  # gone, or collected from at the next look
        except ImportError as error:
            raise explain(error, f"the Dask worker at {address}") from error
        finally:
            self._collections.pop(address, None)

    async def _get(self, address: str, name: str, heard: int) -> tuple[str, list[News], str | None]:
        """Collect, and by the same call give the stack that was asked for, if one waits.

        Returns the name of the session, its news, and the request that was met.
        """
        asked = self._asked.pop(address, None)
        task = self._ears.meet(address, asked) if asked else None
        if asked is None or task is None:
            call = words("collect", self.topic, name, heard)
            return (*await self.call(address, eval, call), None)
        taken, given = False, (asked.request, task)
        try:
            session, found, taken = await self.call(
                address, remote.exchange, self.topic, name, heard, *given
            )
        finally:
            if not taken:
                self._ears.miss(address, asked.request)
        return session, found, asked.request if taken else None
