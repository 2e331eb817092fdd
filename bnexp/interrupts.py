"""Signals that ask the driver to stop: raised at once, or noted so that work ends cleanly."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from bnexp.errors import InterruptedRunError


@contextlib.contextmanager
def raising_terminate() -> Iterator[None]:
    """While inside, SIGTERM raises, as SIGINT does, so that what was begun is tidied up."""

    def handle(number: int, _: FrameType | None) -> None:
        raise InterruptedRunError(
            "stopped before training began; give the same command again", number
        )

    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def signals(stop: threading.Event) -> Iterator[list[int]]:
    """While inside, SIGINT and SIGTERM set ``stop``; yields the list of those that came.

    Signals stay as they are in a thread other than the main one, where Python allows no handlers,
    and where they are ignored, as SIGINT is for a job in the background of a shell script.
    """
    caught: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        caught.append(number)
        if len(caught) == 1:  # another one may come while the lock inside ``stop`` is held
            stop.set()

    old: dict[int, Callable[..., object] | int] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not None and handler != signal.SIG_IGN:
                old[number] = handler
                signal.signal(number, handle)
    try:
        yield caught
    finally:
        for changed, handler in old.items():
            signal.signal(changed, handler)
