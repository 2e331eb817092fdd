"""Worker processes on this machine: the default engine.

Each worker runs a module of ours, so a script or notebook needs no ``__main__`` guard, in a session
of its own, so that Ctrl-C reaches only the driver. One thread per worker reads its answers; the
driver's own thread hands out stacks and yields events.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from bnexp.engines.base import RETRIES, Event, RunEnded, Trouble, Workplace, failures
from bnexp.engines.messages import decode_error, decode_event, encode_task, read_answer
from bnexp.environment import ONE_THREAD, threads_for
from bnexp.errors import OutputError
from bnexp.plan.work import Stack

#: What ``python -m bnexp.engines.worker`` does, but never with modules of the working folder, which
#: Python before 3.11 puts first.
_WORK = """
import sys
sys.path = [place for place in sys.path if place]
from bnexp.engines.worker import main
main()
"""
_POLL_SECONDS = 0.1
#: Enough to finish writing a checkpoint; nothing else is kept of a stack that is stopped.
_SECONDS_TO_STOP = 1.0

_Answers = queue.SimpleQueue[tuple["_Worker", Mapping[str, Any] | None]]


class _Worker:
    """A worker process, the stack it is busy with, and how often that stack was tried."""

    def __init__(self, answers: _Answers) -> None:
        self.stack: Stack | None = None
        self.tries = 0
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _WORK],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                env=_worker_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise OutputError(
                f"{sys.executable}: a worker process cannot be started: {error.strerror}; give "
                "fewer with --jobs"
            ) from error
        assert self.process.stdin and self.process.stdout
        self.stdin = self.process.stdin
        self.reader = threading.Thread(
            target=_read_answers, args=(self, self.process.stdout, answers), daemon=True
        )
        self.reader.start()

    def give(self, stack: Stack, tries: int, workplace: Workplace) -> None:
        """Hand the worker a stack; a worker that is gone is noticed by its reader."""
        self.stack, self.tries = stack, tries
        with contextlib.suppress(OSError):
            self.stdin.write(encode_task(stack, workplace) + "\n")
            self.stdin.flush()

    def ask_to_stop(self) -> None:
        """Close its stdin: it ends by itself."""
        with contextlib.suppress(OSError):
            self.stdin.close()


def _worker_environment() -> dict[str, str]:
    """The caller's environment and module path, with one BLAS thread and a quick start."""
    path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    return {**os.environ, **ONE_THREAD, "PYDANTIC_DISABLE_PLUGINS": "__all__", "PYTHONPATH": path}


def _read_answers(worker: _Worker, stdout: IO[str], answers: _Answers) -> None:
    """Queue a worker's answers, then None."""
    with stdout:
        for line in stdout:
            if (answer := read_answer(line)) is not None:
                answers.put((worker, answer))
    worker.process.wait()
    answers.put((worker, None))


class LocalEngine:
    """Trains stacks on ``jobs`` worker processes with one BLAS thread each."""

    def __init__(self, workplace: Workplace, *, jobs: int) -> None:
        self.workplace = workplace
        self.jobs = jobs

    def train(self, stacks: Sequence[Stack], stop: threading.Event) -> Generator[Event, None, None]:
        """See ``Engine.train``. Raises OutputError, too, when no worker can be started."""
        # Cores that have no stack of their own help with those there are.
        threads = threads_for(min(self.jobs, len(stacks)))
        self.workplace = replace(self.workplace, threads=threads)
        answers: _Answers = queue.SimpleQueue()
        waiting = deque((stack, 0) for stack in stacks)
        workers: set[_Worker] = set()
        try:
            while len(workers) < self.jobs and waiting:
                self._hire(workers, answers, waiting)
            while any(worker.stack for worker in workers) and not stop.is_set():
                try:
                    worker, message = answers.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if message is not None:
                    yield from self._hear(worker, message, waiting)
                    continue
                workers.discard(worker)
                worker.ask_to_stop()
                yield from _mourn(worker, waiting)
                if waiting:
                    self._hire(workers, answers, waiting)
        finally:
            _stop(workers)
        yield from _last_words(workers, answers)

    def _hire(
        self, workers: set[_Worker], answers: _Answers, waiting: deque[tuple[Stack, int]]
    ) -> None:
        workers.add(worker := _Worker(answers))
        worker.give(*waiting.popleft(), self.workplace)

    def _hear(
        self, worker: _Worker, message: Mapping[str, Any], waiting: deque[tuple[Stack, int]]
    ) -> Iterator[Event]:
        if "error" in message:
            raise decode_error(message)
        if "finished" in message:
            worker.stack = None
            if waiting:
                worker.give(*waiting.popleft(), self.workplace)
            return
        event = decode_event(message)
        if isinstance(event, RunEnded) and worker.stack:
            worker.stack = _without(worker.stack, event.result.run)
        yield event


def _without(stack: Stack, run: str) -> Stack:
    return Stack(tuple(r for r in stack.runs if r.id != run), stack.start_epoch)


def _mourn(worker: _Worker, waiting: deque[tuple[Stack, int]]) -> Iterator[Event]:
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


def _stop(workers: set[_Worker]) -> None:
    """End all workers: ask first, then kill those that take too long."""
    for worker in workers:
        worker.ask_to_stop()
    deadline = time.monotonic() + _SECONDS_TO_STOP
    for worker in workers:
        try:
            worker.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def _last_words(workers: set[_Worker], answers: _Answers) -> Iterator[Event]:
    """Yield the runs that ended while the workers were being stopped: nothing finished is lost."""
    for worker in workers:
        worker.reader.join(_POLL_SECONDS)
    while not answers.empty():
        _, message = answers.get()
        if message is not None and "result" in message:
            yield decode_event(message)
