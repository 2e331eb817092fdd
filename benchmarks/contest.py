"""A contest: contestants start, take turns in one session, and must all learn.

A contestant is one or more processes that answer every line with one JSON line (``contestant.py``).
Its cold time is from the start of its processes to their first answers; its warm times are those
of the runs after it, for which the contestants take turns: A B C A B C. A contestant whose library
is not installed is named as missing; one that fails or does not learn ends the contest.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from benchmarks.contestant import Result, Task

ROOT = Path(__file__).parent.parent

#: JAX keeps compiled code on disk only when told to.
JAX_KEEPS = {
    "JAX_COMPILATION_CACHE_DIR": str(Path(tempfile.gettempdir()) / "bnexp-benchmarks-jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def config_path(name: str) -> Path:
    """Return the file of a shipped config."""
    return ROOT / "configs" / f"{name}.yaml"


class ContestError(Exception):
    """A contestant that does not do what it should."""


@dataclass(frozen=True)
class Contestant:
    """Who takes part: a module that serves, its task, how many processes, what it needs.

    ``starts`` is how often it is started for its cold time, of which the best counts: caches on
    disk are then filled for all. ``cold`` are the words of a whole command that is timed instead;
    {folder} in it becomes a new folder. A ceiling has nothing to ``learn``.
    ``quick`` ones take part in quick contests too.
    """

    name: str
    module: str
    task: Task = field(default_factory=Task)
    processes: int = 1
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    starts: int = 2
    cold: tuple[str, ...] = ()
    learns: bool = True
    quick: bool = False

    @property
    def missing(self) -> list[str]:
        """What it needs that is not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class Bounds:
    """What every run must reach: learning, as opposed to being fast."""

    accuracy: float = 0.0
    loss: float = float("inf")

    def check(self, name: str, result: Result) -> None:
        """Raise ContestError for a result that is not good enough, or says nothing."""
        accuracy = result.get("accuracy", float("nan"))
        loss = result.get("loss", 0.0 if self.loss == float("inf") else float("nan"))
        if not (accuracy >= self.accuracy and loss <= self.loss):
            raise ContestError(
                f"{name} does not learn: {result}; wanted are an accuracy of {self.accuracy} and "
                f"a loss of {self.loss}"
            )


@dataclass
class Times:
    """The seconds of one contestant; none when it is missing."""

    contestant: Contestant
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    result: Result = field(default_factory=dict)


class Team:
    """The processes of one contestant."""

    def __init__(self, contestant: Contestant, errors: IO[bytes]) -> None:
        self.name, self.errors = contestant.name, errors
        self.processes = []
        for part in range(contestant.processes):
            task = replace(contestant.task, part=part, parts=contestant.processes)
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", contestant.module, *task.words()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    cwd=ROOT,
                    env={**os.environ, **contestant.environment},
                )
            )

    def run(self) -> Result:
        """Have all processes run once; return the worst that they answer."""
        answers: list[Result] = []
        with contextlib.suppress(BrokenPipeError):
            for process in self.processes:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            for process in self.processes:
                assert process.stdout is not None
                answers.append(json.loads(process.stdout.readline() or "null"))
        if len(answers) < len(self.processes) or None in answers:
            raise ContestError(f"{self.name} failed: {self._last_words()}")
        return {key: _worst(key, [answer[key] for answer in answers]) for key in answers[0]}

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill()
            with contextlib.suppress(BrokenPipeError):
                process.communicate()

    def _last_words(self) -> str:
        self.close()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-5:]) or "it said nothing"


def _worst(key: str, values: Sequence[float]) -> float:
    return max(values) if key == "loss" else min(values)


def hold(
    contestants: Sequence[Contestant],
    rounds: int,
    bounds: Bounds,
    *,
    starts: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Times]:
    """Hold a contest of so many warm rounds and return all times, in the order given.

    ``starts`` limits how often each is started. Raises ContestError.
    """
    times = [Times(contestant) for contestant in contestants]
    present = [entry for entry in times if not entry.contestant.missing]
    with contextlib.ExitStack() as stack:
        teams: dict[str, Team] = {}
        limit = max((entry.contestant.starts for entry in present), default=0)
        for start in range(min(limit, starts or limit)):
            for entry in present:
                wanted = min(entry.contestant.starts, starts or limit)
                if start < wanted:
                    name = entry.contestant.name
                    say(f"{name}: start {start + 1}")
                    team = stack.enter_context(_started(entry, bounds))
                    if start == wanted - 1:
                        teams[name] = team
                    else:
                        team.close()
        for number in range(rounds):
            for entry in present:
                say(f"{entry.contestant.name}: round {number + 1}")
                seconds = _timed(teams[entry.contestant.name], entry, bounds)
                entry.warm.append(seconds)
    return times


@contextlib.contextmanager
def _started(entry: Times, bounds: Bounds) -> Iterator[Team]:
    """Start a contestant, time its first answer or its whole command; yield its processes."""
    contestant = entry.contestant
    if contestant.cold:
        entry.cold.append(time_command(contestant.cold, contestant.environment))
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        team = Team(contestant, errors)
        try:
            _timed(team, entry, bounds)
            if not contestant.cold:
                entry.cold.append(time.perf_counter() - started)
            yield team
        finally:
            team.close()


def _timed(team: Team, entry: Times, bounds: Bounds) -> float:
    started = time.perf_counter()
    entry.result = team.run()
    seconds = time.perf_counter() - started
    if entry.contestant.learns:
        bounds.check(entry.contestant.name, entry.result)
    return seconds


def time_command(words: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Return the seconds of ``python words...``; {folder} becomes a new folder's path.

    Python keeps what it compiles, as it does for a user, whatever the environment says: the first
    time pays for that. Raises ContestError when it fails.
    """
    environment = {**os.environ, **(environment or {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *(word.replace("{folder}", folder) for word in words)]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
        seconds = time.perf_counter() - started
    if done.returncode:
        raise ContestError(f"{' '.join(command)} failed: {done.stderr.decode(errors='replace')}")
    return seconds
