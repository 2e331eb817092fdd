"""Stacks trained in the caller's own process, one after another: no worker to start."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from threadpoolctl import threadpool_limits

from bnexp.engines.base import Event, Flags, Workplace
from bnexp.engines.shelf import DataShelf
from bnexp.engines.work import work_on
from bnexp.environment import threads_for
from bnexp.plan.work import Stack


class _OneBlasThread:
    """Limits the process' BLAS to one thread while any caller is inside.

    The limit is the process', not the thread's: the first caller in sets it and the last one out
    takes it back, or one notebook thread would lift it under another that is still training.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._inside = 0
        self._limits: Any = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep the limit while the block runs."""
        with self._guard:
            self._inside += 1
            if self._inside == 1:
                self._limits = threadpool_limits(limits=1, user_api="blas")
        try:
            yield
        finally:
            with self._guard:
                self._inside -= 1
                if self._inside == 0:
                    self._limits.restore_original_limits()


#: For every engine that trains in a process which is not its own.
one_blas_thread = _OneBlasThread()


class InlineEngine:
    """Trains in this process, with BLAS limited to one thread while it does."""

    jobs = 1

    def __init__(self, workplace: Workplace) -> None:
        self.workplace = workplace

    def train(self, stacks: Sequence[Stack], stop: threading.Event) -> Generator[Event, None, None]:
        """See ``Engine.train``."""
        shelf = DataShelf()
        # One after another leaves the other cores to others; a single one may use them.
        workplace = replace(self.workplace, threads=threads_for(1) if len(stacks) == 1 else 1)
        for stack in stacks:
            if stop.is_set():
                return
            with one_blas_thread.held():
                yield from work_on(stack, workplace, shelf, Flags(stop))
