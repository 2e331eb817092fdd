"""The driver's mail with the workers of a sweep: it calls them, and empties their mailboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from distributed import Client

from bnexp.engines.dask import remote
from bnexp.engines.dask.slots import words
from bnexp.engines.dask.travel import explain

#: A call of a worker, or of the scheduler, that takes longer has failed.
CALL_SECONDS = 10.0
#: After the stop flag: to reach the workers.
HALT_SECONDS = 0.3
#: What a call raises that reaches nobody.
FAILED_CALL = (OSError, asyncio.TimeoutError)


class Mail:
    """Calls of workers, and what they say, heard in order and once.

    ``hear`` is given each worker's news, and ``lose`` the address of one that was started again:
    what it was given before is lost. ``run`` runs a collection beside everything else.
    """

    def __init__(
        self,
        client: Client,
        topic: str,
        *,
        hear: Callable[[str, remote.News], Awaitable[None]],
        lose: Callable[[str], None],
        run: Callable[..., asyncio.Task[None]],
    ) -> None:
        self.client, self.topic = client, topic
        self._hear, self._lose, self._run = hear, lose, run
        #: The session at each worker's address, and the number of its last news.
        self._heard: dict[str, tuple[str, int]] = {}
        self._rung: set[str] = set()
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

    def ring(self, event: tuple[float, str]) -> None:
        """Hear a worker's bell."""
        self.collect_soon(event[1])

    def collect_soon(self, address: str) -> None:
        """Have a worker's mailbox emptied."""
        if self._is_closed:
            # A slot that began meanwhile is to see that it is cancelled: told that nothing is
            # left it would end like any other, and leave its session, which nobody drops.
            return
        self._rung.add(address)
        if address not in self._collections:
            self._collections[address] = self._run(self._collect, address)

    async def close(self) -> None:
        """Collect no more."""
        self._is_closed = True
        collections = list(self._collections.values())
        for collection in collections:
            collection.cancel()
        await asyncio.gather(*collections, return_exceptions=True)

    async def _collect(self, address: str) -> None:
        """Empty a worker's mailbox, for as long as its bell rings."""
        try:
            while address in self._rung:
                self._rung.discard(address)
                name, heard = self._heard.get(address, ("", 0))
                call = words("collect", self.topic, name, heard)
                session, found = await self.call(address, eval, call)
                if session != name:
                    self._heard[address] = (session, 0)
                    self._lose(address)
                for news in found:
                    await self._hear(address, news)
                    self._heard[address] = (session, news.number)
        except FAILED_CALL:
            self._rung.discard(address)  # gone, or collected from at the next look
        except ImportError as error:
            raise explain(error, f"the Dask worker at {address}") from error
        finally:
            self._collections.pop(address, None)
