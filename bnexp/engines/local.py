"""Worker processes on this machine: the default engine.

Each worker runs a module of ours, so a script or notebook needs no ``__main__`` guard, in a session
of its own, so that Ctrl-C reaches only the driver. One thread per worker reads its answers; the
driver's own thread hands out stacks and yields events.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bnexp.engines.base import (
    RETRIES,
    Event,
    HandedOver,
    Progress,
    RunEnded,
    Trouble,
    Workplace,
    failures,
)
from bnexp.engines.crew import Answers, Crew, Worker
from bnexp.engines.messages import decode_error, decode_event
from bnexp.environment import threads_for
from bnexp.plan.work import Stack

_POLL_SECONDS = 0.1


class LocalEngine:
    """Trains stacks on ``jobs`` worker processes with one BLAS thread each.

    Workers come from ``crew`` and go back to it; without one, they end with the training.
    """

    def __init__(self, workplace: Workplace, *, jobs: int, crew: Crew | None = None) -> None:
        self.workplace = workplace
        self.jobs = jobs
        self.crew = crew

    def train(self, stacks: Sequence[Stack], stop: threading.Event) -> Generator[Event, None, None]:
        """See ``Engine.train``. Raises OutputError, too, when no worker can be started."""
        # Cores that have no stack of their own help with those there are.
        threads = threads_for(min(self.jobs, len(stacks)))
        more = threads_for(1) - threads
        self.workplace = replace(self.workplace, threads=threads, more_threads=more)
        crew = self.crew or Crew()
        answers: Answers = queue.SimpleQueue()
        waiting = deque((stack, 0) for stack in stacks)
        workers: set[Worker] = set()
        try:
            while len(workers) < self.jobs and waiting:
                self._hire(crew, workers, answers, waiting)
            while any(worker.stack for worker in workers) and not stop.is_set():
                events: list[Event] = []
                try:
                    # All that was said first: while the driver writes a result to the disk, who
                    # is through should not wait for the next stack.
                    for worker, message in _said(answers):
                        if message is None:
                            workers.discard(worker)
                            worker.ask_to_stop()
                            events += _mourn(worker, waiting)
                        else:
                            events += _hear(worker, message, waiting)
                    self._deal(workers, waiting)
                    while waiting and len(workers) < self.jobs:
                        self._hire(crew, workers, answers, waiting)
                finally:
                    yield from events
        finally:
            crew.release(workers)
            if self.crew is None:
                crew.dismiss()
        yield from _last_words(workers, answers)

    def _hire(
        self,
        crew: Crew,
        workers: set[Worker],
        answers: Answers,
        waiting: deque[tuple[Stack, int]],
    ) -> None:
        workers.add(worker := crew.hire(answers))
        worker.give(*waiting.popleft(), self.workplace)

    def _deal(self, workers: set[Worker], waiting: deque[tuple[Stack, int]]) -> None:
        """Give idle workers what waits; when nothing does, ask the busiest to share."""
        idle = [worker for worker in workers if worker.stack is None]
        while idle and waiting:
            idle.pop().give(*waiting.popleft(), self.workplace)
        # One run alone is the last to be asked: it can have a second thread, no more.
        busy = [(w, w.stack) for w in workers if w.stack and w.stack.runs]
        if idle and busy:
            max(busy, key=lambda one: (len(one[1].runs) > 1, one[1].seconds))[0].share()


def _said(answers: Answers) -> Iterator[tuple[Worker, Mapping[str, Any] | None]]:
    """Wait a moment for answers; yield all that are there."""
    with contextlib.suppress(queue.Empty):
        yield answers.get(timeout=_POLL_SECONDS)
        for _ in range(answers.qsize()):
            yield answers.get()


def _hear(
    worker: Worker, message: Mapping[str, Any], waiting: deque[tuple[Stack, int]]
) -> Iterator[Event]:
    """Note what a worker has of its stack, and yield what the driver should know."""
    if "error" in message:
        raise decode_error(message)
    if "finished" in message:
        worker.stack = None
        return
    event, stack = decode_event(message), worker.stack
    assert stack
    if isinstance(event, RunEnded):
        worker.stack = _without(stack, {event.result.run})
    elif isinstance(event, Progress):
        worker.stack = replace(stack, start_epoch=event.epoch)
    elif isinstance(event, HandedOver):
        worker.stack = _without(stack, set(event.runs))
        given = _without(stack, {run.id for run in worker.stack.runs})
        waiting.append((replace(given, start_epoch=event.epoch), worker.tries))
        return
    yield event


def _without(stack: Stack, runs: set[str]) -> Stack:
    return replace(stack, runs=tuple(run for run in stack.runs if run.id not in runs))


def _mourn(worker: Worker, waiting: deque[tuple[Stack, int]]) -> Iterator[Event]:
    """Put a dead worker's stack first in the queue again, or fail its runs after enough tries."""
    stack = worker.stack
    worker.stack = None
    if stack is None or not stack.runs:
        return
    cause = f"a worker died ({_cause(worker.process.returncode)})"
    if worker.tries < RETRIES:
        yield Trouble(f"{cause}; its {len(stack.runs)} runs go on from their last checkpoint")
        waiting.appendleft((stack, worker.tries + 1))
    else:
        message = f"{cause} at each of {RETRIES + 1} tries; is there enough memory?"
        yield from failures(stack.runs, message)


def _cause(status: int) -> str:
    """Say how a process ended, by its return code as ``subprocess`` gives it."""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"exit status {status}"


def _last_words(workers: set[Worker], answers: Answers) -> Iterator[Event]:
    """Yield the runs that ended while the workers were being stopped: nothing finished is lost."""
    for worker in workers:
        if worker.stack is not None:
            worker.reader.join(_POLL_SECONDS)
    while not answers.empty():
        _, message = answers.get()
        if message is not None and "result" in message:
            yield decode_event(message)
