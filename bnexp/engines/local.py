"""Worker processes on this machine: the default engine.

Each worker is started as a module of ours, so a script or notebook needs no ``__main__`` guard, in
a session of its own, so that Ctrl-C reaches only the driver. One thread per worker reads its
answers; the driver's own thread hands out stacks and yields events.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from bnexp import errors
from bnexp.engines.base import RETRIES, Event, RunEnded, Trouble, Workplace
from bnexp.engines.messages import decode_event, encode_task
from bnexp.environment import ONE_THREAD
from bnexp.plan import Stack
from bnexp.records import RunResult

_POLL_SECONDS = 0.1
_SECONDS_TO_STOP = 1.6

_Answers = queue.SimpleQueue[tuple["_Worker", Mapping[str, Any] | None]]


class _Worker:
    """A worker process, the stack it is busy with, and how often that stack was tried."""

    def __init__(self, answers: _Answers) -> None:
        self.stack: Stack | None = None
        self.tries = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bnexp.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=_worker_environment(),
            start_new_session=True,
        )
        assert self.process.stdin and self.process.stdout
        self.stdin = self.process.stdin
        threading.Thread(
            target=_read_answers, args=(self, self.process.stdout, answers), daemon=True
        ).start()

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
    """The caller's environment and module path, without its working folder before all else."""
    path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def _read_answers(worker: _Worker, stdout: IO[str], answers: _Answers) -> None:
    """Queue a worker's answers, then None. A last line that a kill tore apart is dropped."""
    with stdout:
        for line in stdout:
            if line.endswith("\n"):
                answers.put((worker, json.loads(line)))
    worker.process.wait()
    answers.put((worker, None))


class LocalEngine:
    """Trains stacks on ``jobs`` worker processes with one BLAS thread each."""

    def __init__(self, workplace: Workplace, *, jobs: int) -> None:
        self.workplace = workplace
        self.jobs = jobs

    def train(self, stacks: Sequence[Stack], stop: threading.Event) -> Generator[Event, None, None]:
        """See ``Engine.train``."""
        answers: _Answers = queue.SimpleQueue()
        waiting = deque((stack, 0) for stack in stacks)
        workers = {_Worker(answers) for _ in range(min(self.jobs, len(stacks)))}
        try:
            for worker in workers:
                worker.give(*waiting.popleft(), self.workplace)
            while any(worker.stack for worker in workers) and not stop.is_set():
                try:
                    worker, message = answers.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if message is not None:
                    yield from self._hear(worker, message, waiting)
                else:
                    workers.discard(worker)
                    yield from _mourn(worker, waiting)
                    if waiting:
                        workers.add(successor := _Worker(answers))
                        successor.give(*waiting.popleft(), self.workplace)
        finally:
            _stop(workers)

    def _hear(
        self, worker: _Worker, message: Mapping[str, Any], waiting: deque[tuple[Stack, int]]
    ) -> Iterator[Event]:
        if "error" in message:
            raise getattr(errors, message["error"])(message["message"])
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
    cause = f"a worker died (exit status {worker.process.returncode})"
    if worker.tries < RETRIES:
        yield Trouble(f"{cause}; its {len(stack.runs)} runs go on from their checkpoint")
        waiting.appendleft((stack, worker.tries + 1))
        return
    for run in stack.runs:
        message = f"{cause} at each of {RETRIES + 1} tries; is there enough memory?"
        yield RunEnded(RunResult(run.id, "failed", (), epoch=0, step=0, message=message))


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
