"""Worker processes and the crew they belong to: hired for a sweep, kept for the next one.

To start a worker takes longer than to train a short sweep, mostly for its imports. So a crew keeps
those that are done, for a minute, as long as they would be started the same way again: with the
same environment, module path and working folder. A worker that rests holds no data.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bnexp.engines.base import Workplace
from bnexp.engines.messages import REST, SHARE, encode_task, read_answer
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


class Place(NamedTuple):
    """What a worker is started with: environment and working folder."""

    environment: dict[str, str]
    folder: str


class Worker:
    """A worker process, the stack it is busy with, and how often that stack was tried.

    What it answers goes to ``answers``, and None when it has ended.
    """

    def __init__(self, answers: Answers, place: Place) -> None:
        self.place = place
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
                env=place.environment,
                start_new_session=True,
            )
        except OSError as error:
            raise OutputError(
                f"{sys.executable}: a worker process cannot be started: {error.strerror}; give "
                "fewer with --jobs"
            ) from error
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        _workers.add(self)
        self.reader = threading.Thread(target=self._read_answers, daemon=True)
        self.reader.start()

    def give(self, stack: Stack, tries: int, workplace: Workplace) -> None:
        """Hand the worker a stack; a worker that is gone is noticed by its reader."""
        self.stack, self.tries = stack, tries
        self._say(encode_task(stack, workplace))

    def share(self) -> None:
        """Ask the worker to share its work, if that is worth it: another has none."""
        self._say(SHARE)

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

    def _read_answers(self) -> None:
        with self.stdout:
            for line in self.stdout:
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

    def hire(self, answers: Answers) -> Worker:
        """Return a worker that rests, or a new one. Raises OutputError when none can be started."""
        here = _here()
        with self._guard:
            oldest = time.monotonic() - KEPT_SECONDS
            fit = [one for one in self._resting if one.place == here and one.rested > oldest]
            end_workers([one for one in self._resting if one not in fit])
            self._resting = fit
            while self._resting:
                worker = self._resting.pop()
                if worker.return_to_work(answers):
                    return worker
                worker.ask_to_stop()
        return Worker(answers, here)

    def release(self, workers: set[Worker]) -> None:
        """Keep the workers that have nothing to do, and end the others."""
        idle = {worker for worker in workers if worker.stack is None}
        for worker in idle:
            worker.rest()
        with self._guard:
            self._resting += idle
        end_workers(workers - idle)

    def forget(self) -> None:
        """Leave all workers to somebody else: to the process that this one is a fork of.

        A copy of a worker's stdin must not keep it from noticing that its driver is gone.
        """
        nothing = os.open(os.devnull, os.O_RDWR)
        for worker in list(_workers):
            for stream in (worker.stdin, worker.stdout):
                # Not closed: who owns the number closes it, whatever it is by then.
                with contextlib.suppress(OSError, ValueError):
                    os.dup2(nothing, stream.fileno(), inheritable=False)
        os.close(nothing)
        self._guard, self._resting = threading.Lock(), []

    def dismiss(self) -> None:
        """End all workers that rest."""
        with self._guard:
            resting, self._resting = self._resting, []
        end_workers(resting)


#: All workers of this process.
_workers: weakref.WeakSet[Worker] = weakref.WeakSet()
_shared = Crew()
atexit.register(_shared.dismiss)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.forget)


def shared_crew() -> Crew:
    """Return the crew of this process, whose sweeps may follow each other closely."""
    return _shared


def _here() -> Place:
    """Return what a worker would be started with now. Raises OutputError without a folder."""
    try:
        return Place(worker_environment(), str(Path.cwd()))
    except FileNotFoundError as error:
        raise OutputError(
            "the working folder does not exist any more; change to one that does"
        ) from error


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
