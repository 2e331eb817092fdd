"""Threads that share the work inside one layer: NumPy and BLAS leave Python's lock as they compute.

A layer cuts its work into pieces that write to places of their own, in any order. What the pieces
are, or how many threads take them, changes no bit of a result.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Piece = TypeVar("Piece")


class Threads:
    """``count`` threads, the caller's among them; the others start with the first shared work."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._others: ThreadPoolExecutor | None = None

    def resize(self, count: int) -> None:
        """Use so many threads from now on; nothing is at work."""
        if count != self.count:
            self.count, self._others = count, None

    def share(self, work: Callable[[Piece], None], pieces: Iterable[Piece]) -> None:
        """Do ``work`` on every piece; return, or raise what a piece raised, when none is at work.

        After an error no further piece is begun.
        """
        waiting = deque(pieces)
        if self.count == 1 or len(waiting) < 2:
            for piece in waiting:
                work(piece)
            return

        def take() -> None:
            while True:
                try:
                    piece = waiting.popleft()
                except IndexError:  # none is left
                    return
                try:
                    work(piece)
                except BaseException:
                    waiting.clear()
                    raise

        pool = self._pool()
        # NumPy's handling of errors belongs to the context, which two threads cannot be in at once.
        helpers = [
            pool.submit(contextvars.copy_context().run, take)
            for _ in range(min(self.count, len(waiting)) - 1)
        ]
        try:
            take()
        finally:
            errors = [helper.exception() for helper in helpers]
        for error in errors:
            if error is not None:
                raise error

    def _pool(self) -> ThreadPoolExecutor:
        if self._others is None:
            from concurrent.futures import ThreadPoolExecutor

            self._others = ThreadPoolExecutor(self.count - 1, "bnexp-tiles")
        return self._others
