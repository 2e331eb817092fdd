"""Stacks as the driver counts them, and the tasks of a sweep as Dask sees them.

Those are slots, each of which takes one stack after another. There is one for every stack, so that
Dask knows how much there is to do (a cluster that grows with its work does), but most find nothing
left when their turn comes.
"""

from __future__ import annotations

import uuid
from typing import Any

from distributed import Client, Future

from bnexp.engines.base import RETRIES
from bnexp.engines.dask import remote
from bnexp.engines.dask.travel import explain
from bnexp.errors import ClusterError


class Slots:
    """The slots of a sweep, at most ``most`` at once."""

    def __init__(self, client: Client, topic: str, most: int | None) -> None:
        self.client = client
        self.topic = topic
        self.most = most
        #: How often some died, perhaps many with one worker, since a slot last asked for a stack.
        self.killed = 0
        self._futures: dict[str, Future[None]] = {}
        self._begun: set[str] = set()

    def fill(self, wanted: int) -> None:
        """Have so many slots."""
        while len(self._futures) < min(wanted, self.most or wanted):
            key = f"bnexp-stack-{uuid.uuid4().hex}"
            self._futures[key] = self.client.submit(
                eval, words("serve", self.topic), key=key, pure=False
            )

    def begin(self, key: str) -> bool:
        """Note that a slot has come to a worker; return whether it is still wanted."""
        self._begun.add(key)
        return key in self._futures

    async def drop_others(self) -> None:
        """Cancel the slots that have not begun: nothing is left for them.

        Each would begin, ask and end, beside those that train what is out.
        """
        others = [self._futures.pop(key) for key in self._futures.keys() - self._begun]
        if others:
            await self.client.cancel(others, force=True)

    async def check(self) -> None:
        """Forget slots that are over. Raises ClusterError, or ConfigError, where they fail."""
        over = {key: future for key, future in self._futures.items() if future.done()}
        is_any_killed = False
        for key, future in over.items():
            del self._futures[key]
            if future.status == "error":
                error: Any = await future.exception()
                if type(error).__name__ != "KilledWorker":
                    raise explain(error, "a worker of the Dask cluster")
                is_any_killed = True
        self.killed += is_any_killed
        if self.killed > RETRIES:
            raise ClusterError("the workers of the Dask cluster die before they begin any work")

    async def cancel(self) -> None:
        """Take all slots from the cluster."""
        await self.client.cancel(list(self._futures.values()), force=True)


def words(function: str, *arguments: str | int) -> str:
    """Return a call of a function in ``remote`` as Python, for ``eval``.

    What a worker cannot unpickle breaks its connection; where it cannot load bnexp, this says so.
    """
    return f"__import__({remote.__name__!r}, fromlist=['*']).{function}{arguments!r}"
