"""Worker processes and the crew they belong to: hired for a sweep, kept for the next one.

To start a worker takes longer than to train a short sweep, mostly for its imports. So a crew keeps
those that are done, for a minute, as long as they would be started the same way again: with the
same environment, module path and working folder. A worker that rests holds no data.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from bnexp.engines.base import Workplace
from bnexp.engines.messages import REST, encode_task, read_answer
from bnexp.environment import ONE_THREAD
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
#: How long a worker is kept. It waits a little longer itself, before it ends: see ``worker``.
KEPT_SECONDS = 60.0
#: Enough to finish writing a checkpoint; nothing else is kept of a stack that is stopped.
_SECONDS_TO_STOP = 1.0

Answers = queue.SimpleQueue[tuple["Worker", Mapping[str, Any] | None]]


class Worker:
    """A worker process, the stack it is busy with, and how often that stack was tried.

    What it answers goes to ``answers``, and None when it has ended.
    """

    def __init__(self, answers: Answers, environment: Mapping[str, str]) -> None:
        self.stack: Stack | None = None
        self.tries = 0
        self.answers = answers
        self.rested = 0.0
        self._guard, self._ended = threading.Lock(), False
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _WORK],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                env=environment,
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
            target=self._read_answers, args=(self.process.stdout,), daemon=True
        )
        self.reader.start()

    def give(self, stack: Stack, tries: int, workplace: Workplace) -> None:
        """Hand the worker a stack; a worker that is gone is noticed by its reader."""
        self.stack, self.tries = stack, tries
        self._say(encode_task(stack, workplace))

    def rest(self) -> None:
        """Have the worker forget its data and wait."""
        self.rested = time.monotonic()
        self._say(REST)

    def return_to_work(self, answers: Answers) -> bool:
        """Have answers go there from now on; False when the worker has ended meanwhile."""
        with self._guard:
            self.answers = answers
            return not self._ended and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Close its stdin: it ends by itself."""
        with contextlib.suppress(OSError):
            self.stdin.close()

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self.stdin.write(line + "\n")
            self.stdin.flush()

    def _read_answers(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                if (answer := read_answer(line)) is not None:
                    self.answers.put((self, answer))
        self.process.wait()
        with self._guard:
            self._ended = True
            self.answers.put((self, None))


class Crew:
    """Workers that rest between sweeps. Threads may share a crew."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._resting: list[Worker] = []
        self._hired_as: object = None

    def hire(self, answers: Answers) -> Worker:
        """Return a worker that rests, or a new one. Raises OutputError when none can be started."""
        environment = worker_environment()
        here = (environment, str(Path.cwd()))
        with self._guard:
            if here != self._hired_as:
                end_workers(self._resting)
                self._resting, self._hired_as = [], here
            while self._resting:
                worker = self._resting.pop()
                recent = time.monotonic() - worker.rested < KEPT_SECONDS
                if recent and worker.return_to_work(answers):
                    return worker
                worker.ask_to_stop()
        return Worker(answers, environment)

    def release(self, workers: set[Worker]) -> None:
        """Keep the workers that have nothing to do, and end the others."""
        idle = {worker for worker in workers if worker.stack is None}
        for worker in idle:
            worker.rest()
        with self._guard:
            self._resting += idle
        end_workers(workers - idle)

    def forget(self) -> None:
        """Leave all workers to somebody else: to the process that this one is a fork of."""
        self._guard, self._resting = threading.Lock(), []

    def dismiss(self) -> None:
        """End all workers that rest."""
        with self._guard:
            resting, self._resting = self._resting, []
        end_workers(resting)


@functools.cache
def shared_crew() -> Crew:
    """Return the crew of this process, whose sweeps may follow each other closely."""
    crew = Crew()
    atexit.register(crew.dismiss)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=crew.forget)
    return crew


def end_workers(workers: set[Worker] | list[Worker]) -> None:
    """End workers: ask first, then kill those that take too long."""
    for worker in workers:
        worker.ask_to_stop()
    deadline = time.monotonic() + _SECONDS_TO_STOP
    for worker in workers:
        try:
            worker.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def worker_environment() -> dict[str, str]:
    """The caller's environment and module path, with one BLAS thread and a quick start."""
    path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    return {**os.environ, **ONE_THREAD, "PYDANTIC_DISABLE_PLUGINS": "__all__", "PYTHONPATH": path}
