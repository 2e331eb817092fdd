"""The seam between the driver and whatever trains: a stream of events, and a stop flag."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from bnexp.config.network import data_spec
from bnexp.config.schema import Config
from bnexp.describe import DataSpec
from bnexp.plan.work import Run, Stack
from bnexp.records import Record, RunResult

#: A stack whose worker dies is tried again this often before its runs are recorded as failed.
RETRIES = 2


@dataclass(frozen=True)
class Progress:
    """A stack has completed an epoch: how many of its runs go on, and their new records by run."""

    epoch: int
    active: int
    records: Mapping[str, Record] = field(default_factory=dict)


@dataclass(frozen=True)
class RunEnded:
    """A run is over: done, diverged or failed; or ``paused`` where its stack is to pause."""

    result: RunResult


@dataclass(frozen=True)
class Trouble:
    """Something a person should know of that did not end the work."""

    message: str


@dataclass(frozen=True)
class HandedOver:
    """A stack has let go of some of its runs at the end of an epoch; a checkpoint has them.

    The engine asked for it, and has them trained elsewhere; the driver need not know.
    """

    runs: tuple[str, ...]
    epoch: int


Event = Progress | RunEnded | Trouble | HandedOver


@dataclass(frozen=True)
class Flags:
    """What a worker in training is told: to stop, or that another has nothing to do."""

    stop: threading.Event = field(default_factory=threading.Event)
    share: threading.Event = field(default_factory=threading.Event)


def failures(runs: Iterable[Run], message: str) -> Iterator[RunEnded]:
    """Yield the failed results of runs that could not be trained."""
    for run in runs:
        yield RunEnded(RunResult(run.id, "failed", (), epoch=0, step=0, message=message))


@dataclass(frozen=True)
class Workplace:
    """Where a stack finds its data and keeps its checkpoints (None: no checkpoints).

    A checkpoint is written at the end of an epoch when ``checkpoint_seconds`` have passed since the
    last one. ``verified`` says that the driver verifies the data and keeps no result before that;
    a checkpoint is not written before the data are verified where it is. ``shared`` is a folder
    with examples that the driver has decoded for all. A stack of large images is trained by
    ``threads`` threads, and a single run of them by ``more_threads`` more once a worker is idle.
    """

    data_dir: Path | None = None
    checkpoints: Path | None = None
    checkpoint_seconds: float = 3.0
    verified: bool = False
    shared: Path | None = None
    threads: int = 1
    more_threads: int = 0


def needed_examples(config: Config) -> DataSpec:
    """Return the examples that a run needs: no test examples where none are evaluated."""
    spec = data_spec(config)
    return replace(spec, test=0) if config.evaluate.test == "none" else spec


class Engine(Protocol):
    """Trains stacks somewhere, ``jobs`` of them at once."""

    jobs: int

    def train(self, stacks: Sequence[Stack], stop: threading.Event) -> Generator[Event, None, None]:
        """Train the stacks in the order given and yield what happens.

        Every run ends in exactly one RunEnded, unless ``stop`` is set: then the stream ends within
        2 seconds and unfinished runs have none. Raises DatasetError when the data cannot be read.
        """
        ...
