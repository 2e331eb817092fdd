"""Stacks trained in the caller's own process, one after another: no worker to start."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence

from threadpoolctl import threadpool_limits

from bnexp.engines.base import Event, Workplace
from bnexp.engines.work import DataShelf, work_on
from bnexp.plan import Stack


class InlineEngine:
    """Trains in this process, with BLAS limited to one thread while it does."""

    def __init__(self, workplace: Workplace) -> None:
        self.workplace = workplace

    def train(self, stacks: Sequence[Stack], stop: threading.Event) -> Generator[Event, None, None]:
        """See ``Engine.train``."""
        shelf = DataShelf()
        for stack in stacks:
            if stop.is_set():
                return
            with threadpool_limits(limits=1, user_api="blas"):
                yield from work_on(stack, self.workplace, shelf, stop)
