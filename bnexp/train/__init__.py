"""Training one stack: mini-batches in, records out; it knows nothing of folders or screens.

``train_stack`` advances all runs of a stack in lockstep and yields after every epoch. All that a
run needs to go on from there is in a ``RunState`` of its own, so that a checkpoint, a resume in
another stack and the removal of diverged runs are one mechanism.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bnexp.data import Dataset
from bnexp.plan.work import Run
from bnexp.records import Record, RunResult, RunState
from bnexp.train.stack import TrainingStack

__all__ = ["EpochEnd", "train_stack"]


@dataclass(frozen=True)
class EpochEnd:
    """What an epoch brought: new records by run, runs that ended, and those still in training.

    ``states()`` copies the runs still in training; it is a call because a copy is not always
    wanted. ``let_go`` takes runs out of training that are to go on elsewhere, and ``use_threads``
    says by how many threads large images are worked on from now on. All three are valid until the
    generator goes on.
    """

    epoch: int
    records: Mapping[str, Record]
    ended: tuple[RunResult, ...]
    active: tuple[str, ...]
    states: Callable[[], dict[str, RunState]]
    let_go: Callable[[Collection[str]], None]
    use_threads: Callable[[int], None]


def train_stack(
    runs: Sequence[Run],
    dataset: Dataset,
    *,
    states: Mapping[str, RunState] | None = None,
    pause: int | None = None,
    fingerprint: str = "",
    should_stop: Callable[[], bool] = lambda: False,
    threads: int = 1,
) -> Generator[EpochEnd, None, None]:
    """Train runs that may share a stack (``plan.stack_key``), from their states if given.

    Yields after each epoch until every run has ended, or up to the epoch ``pause``. ``should_stop``
    is asked before every update; once it says yes the generator returns, and what is unfinished
    stays so. A run diverges when its loss (cross-entropy plus penalties) or an evaluated loss is
    not finite: it keeps its records, gets none after, and the others' bits do not change. A run
    with ``training.patience`` is stopped after so many records in which what it monitors was no
    better. Large images are worked on by ``threads`` threads, which changes no bit.
    """
    with np.errstate(all="ignore"):
        stack = TrainingStack(runs, dataset, states or {}, fingerprint, threads)
        epochs = runs[0].config.training.epochs
        for epoch in range(stack.epoch, epochs if pause is None else min(pause, epochs)):
            started = time.perf_counter()
            if not stack.train_epoch(epoch, should_stop):
                return
            stack.add_seconds(time.perf_counter() - started)
            ended = stack.end_epoch(epoch + 1)
            active = tuple(run.id for run in stack.active)
            yield EpochEnd(
                epoch + 1,
                stack.new_records,
                ended,
                active,
                stack.states,
                stack.let_go,
                stack.use_threads,
            )
            if not stack.active:
                return
            if len(stack.active) < len(stack.runs):
                threads = stack.network.workspace.threads.count
                stack = TrainingStack(stack.active, dataset, stack.states(), fingerprint, threads)
