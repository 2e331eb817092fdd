"""The Dask engine as the driver sees it: connected to a cluster, then trained on like any other.

Dask's client lives in a thread with an event loop of its own; events come out of it by a queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import threading
from collections.abc import Coroutine, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from distributed import Client

from bnexp.engines.base import Engine, Event, Workplace
from bnexp.engines.dask.here import workers_here
from bnexp.engines.dask.sweep import Sweep
from bnexp.engines.inline import InlineEngine
from bnexp.environment import available_cores
from bnexp.errors import ClusterError
from bnexp.plan.work import Stack

_T = TypeVar("_T")
_CONNECT_SECONDS = 5
_CLOSE_SECONDS = 0.3
_POLL_SECONDS = 0.1


class DaskEngine:
    """Trains stacks on the workers of a cluster; ``jobs`` is for how many to cut them."""

    def __init__(
        self, workplace: Workplace, loop: _Loop, client: Client, jobs: int, **options: Any
    ) -> None:
        self.workplace = workplace
        self.jobs = jobs
        self._loop = loop
        self._client = client
        self._options = options

    def train(self, stacks: Sequence[Stack], stop: threading.Event) -> Generator[Event, None, None]:
        """See ``Engine.train``. Raises, too, what ends a sweep on a cluster."""
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        sweep = self._loop.wait(self._open(stacks, events))
        running = self._loop.start(sweep.run())
        running.add_done_callback(lambda _: events.put(None))  # nobody waits for more
        halt = threading.Event()

        def halt_once() -> None:
            if not halt.is_set():
                halt.set()
                self._loop.call(sweep.halt)

        try:
            while not (running.done() and events.empty()):
                if stop.is_set():
                    halt_once()
                with contextlib.suppress(queue.Empty):
                    if (event := events.get(timeout=_POLL_SECONDS)) is not None:
                        yield event
            running.result()
        finally:
            halt_once()
            with contextlib.suppress(Exception):
                running.result()

    async def _open(
        self, stacks: Sequence[Stack], events: queue.SimpleQueue[Event | None]
    ) -> Sweep:
        return Sweep(self._client, stacks, self.workplace, tell=events.put, **self._options)


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # What Dask leaves unfinished there when it is cancelled is no news for a user.
        self._loop.set_exception_handler(lambda *_: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, _T]) -> Any:
        """Let a coroutine run there; returns its future."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine there and return what it returns."""
        result: _T = self.start(work).result()
        return result

    def call(self, function: Any) -> None:
        """Call a function there."""
        self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        """End the loop, and whatever still runs in it."""
        self.wait(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextlib.contextmanager
def open_dask(
    workplace: Workplace,
    stop: threading.Event,
    *,
    jobs: int,
    address: str | None = None,
    strict: bool = False,
) -> Iterator[Engine]:
    """Connect to the cluster at ``address``, or make one of ``jobs`` workers on this machine.

    ``jobs`` is at most how many stacks to train at once; with an address 0 is for as many as there
    are workers' threads. Raises ClusterError for an address where no scheduler answers. ``stop``
    ends the attempt.
    """
    if workplace.data_dir is None and os.environ.get("BNEXP_DATA"):
        # Not the workers' own variable; where they see that folder, it is the one that is meant.
        folder = Path(os.environ["BNEXP_DATA"]).expanduser().absolute()
        workplace = replace(workplace, data_dir=folder)
    loop = _Loop()
    inside = contextlib.AsyncExitStack()
    with _quiet():
        try:
            connect = _connect(inside, loop, workplace, jobs, address, strict)
            # Where it is stopped, an engine that sees the stop flag, too.
            yield loop.wait(_unless(stop, connect)) or InlineEngine(workplace)
        finally:
            loop.wait(inside.aclose())
            loop.close()


async def _unless(stop: threading.Event, work: Coroutine[Any, Any, _T]) -> _T | None:
    """Return what a coroutine returns, or None when it is stopped before."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait([task], timeout=_POLL_SECONDS)
        if stop.is_set() and not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None
    return task.result()


async def _connect(
    inside: contextlib.AsyncExitStack,
    loop: _Loop,
    workplace: Workplace,
    jobs: int,
    address: str | None,
    strict: bool,
) -> DaskEngine:
    options: dict[str, Any] = {"strict": strict, "most": jobs or None}
    if address is None:
        workers = await inside.enter_async_context(workers_here(jobs))
        options["tend"] = workers.tend
        client = await inside.enter_async_context(_client(workers.address))
        return DaskEngine(workplace, loop, client, jobs, **options)
    client = await inside.enter_async_context(_client(address))
    threads = sum((await client.nthreads()).values())
    return DaskEngine(workplace, loop, client, jobs or threads or available_cores(), **options)


@contextlib.asynccontextmanager
async def _client(address: str) -> Any:
    """Have a client of the scheduler; closing one whose scheduler is gone would take long."""
    client = Client(
        address, asynchronous=True, timeout=_CONNECT_SECONDS, set_as_default=False, name="bnexp"
    )
    try:
        try:
            # Something else that listens there may never say a word, or say anything.
            await asyncio.wait_for(_started(client), _CONNECT_SECONDS + _CLOSE_SECONDS)
        except Exception as error:
            reason = str(error) or f"no word within {_CONNECT_SECONDS} seconds"
            raise ClusterError(
                f"no Dask scheduler answers at {address} ({reason}); is one running there? It is "
                "started with: dask scheduler"
            ) from error
        yield client
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), _CLOSE_SECONDS)


async def _started(client: Client) -> None:
    await client


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """While inside, Dask logs nothing: what matters of it is said in our own words."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
