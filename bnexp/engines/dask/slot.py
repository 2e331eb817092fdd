"""A task of Dask's that trains stacks: a *slot*.

It is bound to no stack: it asks the driver for one after another, so the longest still waiting is
always the next, and a stack whose worker died starts from its newest checkpoint.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bnexp.engines.base import HandedOver, Workplace, needed_examples
from bnexp.engines.dask import session as sessions
from bnexp.engines.dask.session import News, Request, Session, Task
from bnexp.engines.inline import one_blas_thread
from bnexp.engines.messages import encode_error
from bnexp.engines.work import work_on
from bnexp.errors import BnexpError
from bnexp.records import RunState

if TYPE_CHECKING:
    from distributed import Worker

_POLL_SECONDS = 0.05
#: As glibc's malloc.h has them; the values set are where its own dynamic ones end.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@dataclass
class _Slot:
    """What a slot knows of itself."""

    key: str
    stop: threading.Event = field(default_factory=threading.Event)
    is_orphan: bool = False


def serve(topic: str) -> None:
    """Train what the driver gives, stack after stack, until it gives no more: a task of Dask's."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    session, slot = sessions.enter(worker, topic), _Slot(str(key))
    _keep_freed_memory()
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(worker, key, slot, over), daemon=True)
    watch.start()
    try:
        with one_blas_thread.held():
            while _train_one(session, slot):
                pass
    finally:
        over.set()
        sessions.leave(session, is_orphan=slot.is_orphan)


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed, as it does by itself.

    Dask's nannies start workers with MALLOC_TRIM_THRESHOLD_, under which the arrays of every step
    are given back to the system and asked for again.
    """
    if not os.environ.get("MALLOC_TRIM_THRESHOLD_"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(_M_TRIM_THRESHOLD, 64 * 2**20)


def _watch(worker: Worker, key: Any, slot: _Slot, over: threading.Event) -> None:
    """Stop a slot that nobody waits for any more: the driver is gone, or the worker closes."""
    while not over.wait(_POLL_SECONDS):
        task = worker.state.tasks.get(key)
        slot.is_orphan = task is None or task.state != "executing"
        if slot.is_orphan or worker.status.name not in ("running", "paused"):
            slot.stop.set()


def _train_one(session: Session, slot: _Slot) -> bool:
    """Ask for a stack and train it; return whether to ask for another."""
    name = uuid.uuid4().hex
    request = session.ask(name, slot.key, slot.stop)
    try:
        task = request.wait(_POLL_SECONDS)
        if task is None:
            return False
        _train(session, name, request, task)
    finally:
        del session.requests[name]
    # One who asks for another stack, and rings for that, need not ring for this.
    session.post(News(name, is_through=True), rings=slot.stop.is_set())
    return not slot.stop.is_set()


def _train(session: Session, name: str, request: Request, task: Task) -> None:
    spec = needed_examples(task.stack.runs[0].config)
    session.shelf.expected[spec.path, spec.test_path] = task.facts
    keeper = _Keeper(session, name, task.states)
    try:
        place = _here(task.workplace)
        for event in work_on(task.stack, place, session.shelf, request.flags, keeper):
            if isinstance(event, HandedOver):
                session.post(News(name, event=event, states=keeper.passed_on), rings=True)
            else:
                session.post(News(name, event=event))
    except BnexpError as error:
        session.post(News(name, error=encode_error(error)))


class _Keeper:
    """Checkpoints that the driver keeps: this worker may see none of its folders."""

    def __init__(self, session: Session, request: str, states: Mapping[str, RunState]) -> None:
        self.session = session
        self.request = request
        self.states = states
        self.passed_on: Mapping[str, RunState] = {}

    def read(self, runs: Collection[str]) -> dict[str, RunState]:
        """Return what came with the stack."""
        return {run: state for run, state in self.states.items() if run in runs}

    def write(self, states: Mapping[str, RunState]) -> None:
        """Post the states to the driver."""
        self.session.post(News(self.request, states=states))

    def pass_on(self, states: Mapping[str, RunState]) -> bool:
        """Let the states go with the news of the hand-over."""
        self.passed_on = states
        return True


def _here(workplace: Workplace) -> Workplace:
    """Keep those of the driver's folders that are on this machine, too."""
    data_dir, shared = workplace.data_dir, workplace.shared
    return replace(
        workplace,
        data_dir=data_dir if data_dir and data_dir.is_dir() else None,
        shared=shared if shared and shared.is_dir() else None,
    )
