"""What runs on a Dask worker: a task that trains stacks, and a mailbox for what it has to say.

A task, a *slot*, is bound to no stack: it asks the driver for one after another, so the longest
still waiting is always the next, and a stack whose worker died starts from its newest checkpoint.
News wait in the mailbox until the driver has collected them and said so; an event of Dask's is only
the bell that calls it, for the scheduler keeps events in memory, and may lose some. The driver
calls the functions here with ``Client.run``, beside whatever the worker is busy with.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import threading
import uuid
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bnexp.describe import DatasetFacts
from bnexp.engines.base import Event, Flags, Progress, Workplace, needed_examples
from bnexp.engines.dask.shelf import rest
from bnexp.engines.inline import one_blas_thread
from bnexp.engines.messages import encode_error
from bnexp.engines.work import work_on
from bnexp.environment import fingerprint
from bnexp.errors import BnexpError
from bnexp.plan.work import Stack
from bnexp.records import RunState
from bnexp.version import __version__

if TYPE_CHECKING:
    from distributed import Worker

_POLL_SECONDS = 0.05
#: As glibc's malloc.h has them; the values set are where its own dynamic ones end.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@dataclass(frozen=True)
class Task:
    """A stack for a slot, where it has got so far, and what its data must be."""

    stack: Stack
    workplace: Workplace
    states: Mapping[str, RunState]
    facts: DatasetFacts


@dataclass(frozen=True)
class News:
    """One message of a slot: it is ready, something happened, states to keep, or it is through.

    ``ready`` is the key of its task, the version of bnexp and the fingerprint of the worker.
    ``number`` counts a worker's messages, so that none is heard twice.
    """

    slot: str
    number: int = 0
    ready: tuple[str, str, str] | None = None
    event: Event | None = None
    states: Mapping[str, RunState] | None = None
    error: Mapping[str, Any] | None = None
    is_through: bool = False


@dataclass
class _Slot:
    """A task of ours that is running: what it was given, and what it is told."""

    given: queue.SimpleQueue[Task | None] = field(default_factory=queue.SimpleQueue)
    flags: Flags = field(default_factory=Flags)
    is_orphan: bool = False


class _Session:
    """What one driver has on this worker."""

    def __init__(self, worker: Worker, topic: str) -> None:
        self.worker = worker
        self.topic = topic
        self.name = uuid.uuid4().hex
        self.shelf = rest.take()
        self.slots: dict[str, _Slot] = {}
        self._guard = threading.Lock()
        self._news: deque[News] = deque()
        self._count = 0
        self._has_rung = False

    def post(self, news: News) -> None:
        """Put news into the mailbox; older states of the same runs are not needed.

        Ring, unless the driver was called already or may take its time: every ring and what follows
        from it costs the driver, the scheduler and this worker a millisecond of training or more.
        """
        with self._guard:
            if news.states is not None:
                newer = news.states.keys()
                kept = [old for old in self._news if not old.states or old.states.keys() - newer]
                self._news = deque(kept)
            self._count += 1
            self._news.append(replace(news, number=self._count))
            rings = not (self._has_rung or isinstance(news.event, Progress))
            self._has_rung |= rings
        if rings:
            self.worker.log_event(self.topic, self.worker.address)

    def collect(self, name: str, after: int) -> list[News]:
        """Return the news since number ``after`` of this session, and forget those before."""
        with self._guard:
            while name == self.name and self._news and self._news[0].number <= after:
                self._news.popleft()
            self._has_rung = False
            return list(self._news)


_sessions: dict[str, _Session] = {}
_guard = threading.Lock()


def serve(topic: str) -> None:
    """Train what the driver gives, stack after stack, until it gives no more: a task of Dask's."""
    from distributed import get_worker

    worker = get_worker()
    name, slot = uuid.uuid4().hex, _Slot()
    with _guard:
        session = _sessions.get(topic) or _Session(worker, topic)
        _sessions[topic] = session
        session.slots[name] = slot
    _keep_freed_memory()
    over = threading.Event()
    key = worker.get_current_task()
    watch = threading.Thread(target=_watch, args=(worker, key, slot, over), daemon=True)
    watch.start()
    try:
        with one_blas_thread.held():
            while _train_one(session, name, str(key), slot):
                pass
    finally:
        over.set()
        with _guard:
            del session.slots[name]
            if slot.is_orphan and not session.slots:
                _drop(topic)


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
            slot.flags.stop.set()


def _train_one(session: _Session, name: str, key: str, slot: _Slot) -> bool:
    """Ask for a stack and train it; return whether to ask for another."""
    session.post(News(name, ready=(key, __version__, fingerprint())))
    while True:
        try:
            task = slot.given.get(timeout=_POLL_SECONDS)
            break
        except queue.Empty:
            if slot.flags.stop.is_set():
                return False
    if task is None:
        return False
    spec = needed_examples(task.stack.runs[0].config)
    session.shelf.expected[spec.path, spec.test_path] = task.facts
    keeper = _Keeper(session, name, task.states)
    try:
        place = _here(task.workplace)
        for event in work_on(task.stack, place, session.shelf, slot.flags, keeper):
            session.post(News(name, event=event))
    except BnexpError as error:
        session.post(News(name, error=encode_error(error)))
    session.post(News(name, is_through=True))
    return not slot.flags.stop.is_set()


class _Keeper:
    """Checkpoints that the driver keeps: this worker may see none of its folders."""

    def __init__(self, session: _Session, slot: str, states: Mapping[str, RunState]) -> None:
        self.session = session
        self.slot = slot
        self.states = states

    def read(self, runs: Collection[str]) -> dict[str, RunState]:
        """Return what came with the stack."""
        return {run: state for run, state in self.states.items() if run in runs}

    def write(self, states: Mapping[str, RunState]) -> None:
        """Post the states to the driver."""
        self.session.post(News(self.slot, states=states))


def _here(workplace: Workplace) -> Workplace:
    """Keep those of the driver's folders that are on this machine, too."""
    data_dir, shared = workplace.data_dir, workplace.shared
    return replace(
        workplace,
        data_dir=data_dir if data_dir and data_dir.is_dir() else None,
        shared=shared if shared and shared.is_dir() else None,
    )


def collect(topic: str, name: str, after: int) -> tuple[str, list[News]]:
    """Return a session's name, and its news since number ``after``; those before are forgotten.

    A worker that was started again at the same address has a session of another name, or none.
    """
    session = _sessions.get(topic)
    return (session.name, session.collect(name, after)) if session else ("", [])


def give(topic: str, name: str, task: Task | None) -> bool:
    """Give a slot a stack, or None for no more; return whether the slot is there to take it."""
    session = _sessions.get(topic)
    slot = session.slots.get(name) if session else None
    if slot is not None:
        slot.flags.share.clear()  # a request for the stack before; one that follows is for this one
        slot.given.put(task)
    return slot is not None


def halt(topic: str) -> None:
    """Set the stop flag of all slots of a session."""
    session = _sessions.get(topic)
    for slot in list(session.slots.values()) if session else ():
        slot.flags.stop.set()


def share(topic: str, name: str) -> None:
    """Ask a slot to let go of some of its runs, if that is worth it."""
    session = _sessions.get(topic)
    slot = session.slots.get(name) if session else None
    if slot is not None:
        slot.flags.share.set()


def forget(topic: str) -> None:
    """Drop a session: nobody will collect from it again."""
    halt(topic)
    with _guard:
        _drop(topic)


def _drop(topic: str) -> None:
    session = _sessions.pop(topic, None)
    if session:
        rest.keep(session.shelf)
