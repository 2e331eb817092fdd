"""What one driver has on a Dask worker: requests for stacks, and a mailbox for what it is to hear.

News wait in the mailbox until the driver has collected them and said so; an event of Dask's is only
the bell that calls it, for the scheduler keeps events in memory, and may lose some.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bnexp.describe import DatasetFacts
from bnexp.engines.base import Event, Flags, Workplace
from bnexp.engines.dask.shelf import rest
from bnexp.environment import fingerprint
from bnexp.plan.work import Stack
from bnexp.records import RunState
from bnexp.version import __version__

if TYPE_CHECKING:
    from distributed import Worker


#: How long a session without slots is kept that nobody collects from: a driver looks each second.
_KEPT_SECONDS = 60.0


@dataclass(frozen=True)
class Task:
    """A stack for a worker, where it has got so far, and what its data must be."""

    stack: Stack
    workplace: Workplace
    states: Mapping[str, RunState]
    facts: DatasetFacts


class Asked(NamedTuple):
    """A request for a stack: its name, the key of the task that makes it, the worker's versions.

    Plain words: they come with a bell, too.
    """

    request: str
    key: str
    version: str
    marks: str


@dataclass(frozen=True)
class News:
    """One message: a request, something that happened, states to keep, or a stack that is through.

    ``request`` names what was answered with the stack that it is about. ``number`` counts a
    worker's messages, so that none is heard twice.
    """

    request: str
    number: int = 0
    asked: Asked | None = None
    event: Event | None = None
    states: Mapping[str, RunState] | None = None
    error: Mapping[str, Any] | None = None
    is_through: bool = False

    def is_replaced_by(self, newer: Collection[str]) -> bool:
        """Whether this is but a checkpoint, of runs for which there is a newer one."""
        return bool(self.states) and not self.event and set(newer) >= set(self.states or ())


class Request:
    """A request that waits for its answer, then the stack that was it: what that is told."""

    def __init__(self, stop: threading.Event) -> None:
        self.flags = Flags(stop)
        self._guard = threading.Lock()
        self._is_answered = False
        self._answer: queue.SimpleQueue[Task | None] = queue.SimpleQueue()

    def give(self, task: Task | None) -> bool:
        """Answer with a stack, or None for no more; False where there is an answer already.

        Nobody would look at a second one, or only after the stack that was the first.
        """
        with self._guard:
            if self._is_answered:
                return False
            self._is_answered = True
        self._answer.put(task)
        return True

    def wait(self, seconds: float) -> Task | None:
        """Wait for the answer; the stop flag, looked at every so often, is one, too."""
        while not self.flags.stop.is_set():
            with contextlib.suppress(queue.Empty):
                return self._answer.get(timeout=seconds)
        return None if self.give(None) else self._answer.get()

    def halt(self) -> None:
        """Set the stop flag; where there is no answer yet, that is it."""
        self.flags.stop.set()
        self.give(None)


class Session:
    """The requests and the mailbox of one driver on one worker."""

    def __init__(self, worker: Worker, topic: str) -> None:
        self.worker = worker
        self.topic = topic
        self.name = uuid.uuid4().hex
        self.shelf = rest.take()
        self.slots = 0
        self.requests: dict[str, Request] = {}
        self._guard = threading.Lock()
        self._news: deque[News] = deque()
        self._count = 0
        self._has_rung = False
        self.collected = time.monotonic()
        self.end = threading.Timer(0, lambda: None)

    def ask(self, name: str, key: str, stop: threading.Event) -> Request:
        """Make a request for a stack; ``stop`` will be the stop flag of its training."""
        request = self.requests[name] = Request(stop)
        asked = Asked(name, key, __version__, fingerprint())
        self.post(News(name, asked=asked), rings=True)
        return request

    def post(self, news: News, *, rings: bool = False) -> None:
        """Put news into the mailbox; older states of the same runs are not needed.

        Every bell and what follows from it costs the driver, the scheduler and this worker a
        millisecond of training or more. So nothing rings that may wait until the driver looks for
        itself, nor twice before it does; and what is asked for comes with the bell.
        """
        with self._guard:
            if news.states is not None:
                newer = news.states.keys()
                kept = [old for old in self._news if not old.is_replaced_by(newer)]
                self._news = deque(kept)
            self._count += 1
            self._news.append(replace(news, number=self._count))
            rings = rings and not self._has_rung
            self._has_rung |= rings
        if rings:
            self.worker.log_event(self.topic, (self.worker.address, *(news.asked or ())))

    def collect(self, name: str, after: int) -> list[News]:
        """Return the news since number ``after`` of this session, and forget those before."""
        self.collected = time.monotonic()
        with self._guard:
            while name == self.name and self._news and self._news[0].number <= after:
                self._news.popleft()
            self._has_rung = False
            return list(self._news)


_sessions: dict[str, Session] = {}
_guard = threading.Lock()


def enter(worker: Worker, topic: str) -> Session:
    """Return a driver's session, a new one if there is none, for one slot more."""
    with _guard:
        session = _sessions.get(topic) or Session(worker, topic)
        _sessions[topic] = session
        session.slots += 1
        return session


def leave(session: Session, *, is_orphan: bool) -> None:
    """Have one slot less; the last that nobody waits for drops the session."""
    with _guard:
        session.slots -= 1
        if session.slots:
            return
        if is_orphan:
            _drop(session.topic)
        else:
            _drop_unless_collected(session)


def _drop_unless_collected(session: Session) -> None:
    """Drop a session without slots, in time, if its driver has gone without a word."""

    def look() -> None:
        with _guard:
            if session.slots or _sessions.get(session.topic) is not session:
                return
            if time.monotonic() - session.collected > _KEPT_SECONDS:
                _drop(session.topic)
            else:
                _drop_unless_collected(session)

    session.end.cancel()
    session.end = threading.Timer(_KEPT_SECONDS, look)
    session.end.daemon = True
    session.end.start()


def find(topic: str) -> Session | None:
    """Return a driver's session, if there is one."""
    return _sessions.get(topic)


def find_request(topic: str, name: str) -> Request | None:
    """Return a request, or whose stack is in training, if it is there."""
    session = _sessions.get(topic)
    return session.requests.get(name) if session else None


def drop(topic: str) -> None:
    """Drop a session: nobody will collect from it again."""
    with _guard:
        _drop(topic)


def _drop(topic: str) -> None:
    session = _sessions.pop(topic, None)
    if session:
        session.end.cancel()
        rest.keep(session.shelf)
