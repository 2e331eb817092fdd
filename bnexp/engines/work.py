"""Training one stack with checkpoints: what every engine does, in whatever process it does it."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bnexp.config.network import steps_per_epoch, total_steps
from bnexp.engines.base import (
    Event,
    Flags,
    HandedOver,
    Progress,
    RunEnded,
    Workplace,
    failures,
)
from bnexp.engines.shelf import DataShelf
from bnexp.environment import fingerprint
from bnexp.errors import BnexpError, OutputError
from bnexp.plan.work import Run, Stack
from bnexp.records import RunResult, RunState
from bnexp.store.checkpoints import read_states, write_states
from bnexp.train import EpochEnd, train_stack

#: Seconds of training left in a stack from which on it pays to share them with another worker.
_WORTH_SHARING = 0.1
#: How long training goes on after it was told to stop, to end its epoch.
_SECONDS_TO_END_EPOCH = 0.4


class Keeper(Protocol):
    """Keeps checkpoints, wherever they are."""

    def read(self, runs: Collection[str]) -> Mapping[str, RunState]:
        """Return the latest state of each of these runs that has one."""
        ...

    def write(self, states: Mapping[str, RunState]) -> None:
        """Keep the states of runs that are at the same epoch."""
        ...

    def pass_on(self, states: Mapping[str, RunState]) -> bool:
        """Keep states for another worker to go on from; return whether it will have them."""
        ...


class FolderKeeper:
    """Checkpoints in a folder; see ``store.checkpoints``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, runs: Collection[str]) -> Mapping[str, RunState]:
        """See ``Keeper``."""
        return read_states(self.folder, runs)

    def write(self, states: Mapping[str, RunState]) -> None:
        """See ``Keeper``. Raises OutputError."""
        write_states(self.folder, states)

    def pass_on(self, states: Mapping[str, RunState]) -> bool:
        """See ``Keeper``. A folder that cannot be written is no error: the runs can stay."""
        try:
            self.write(states)
        except OutputError:
            return False
        return True


def work_on(
    stack: Stack,
    workplace: Workplace,
    shelf: DataShelf,
    flags: Flags,
    keeper: Keeper | None = None,
) -> Iterator[Event]:
    """Train a stack from its checkpoint, if any, and keep one as it goes.

    Checkpoints are the ``keeper``'s, or in the workplace's folder. Asked to share, it lets half of
    its runs go, if enough is left to do and the keeper can pass them on; a single one takes a
    thread more. Whatever goes wrong in training ends the stack's remaining runs as failed; only
    what bnexp expects (a dataset that cannot be read, a folder that cannot be written) is raised.
    """
    stack = stack.made()
    remaining = {run.id: run for run in stack.runs}
    if keeper is None and workplace.checkpoints:
        keeper = FolderKeeper(workplace.checkpoints)
    try:
        for event in _train(stack, workplace, shelf, flags, keeper):
            if isinstance(event, RunEnded):
                del remaining[event.result.run]
            elif isinstance(event, HandedOver):
                remaining = {run: remaining[run] for run in remaining if run not in event.runs}
            yield event
    except BnexpError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{reason} ({where.name}, line {where.lineno} of {where.filename})"
        yield from failures(remaining.values(), message)


def _train(
    stack: Stack,
    workplace: Workplace,
    shelf: DataShelf,
    flags: Flags,
    keeper: Keeper | None,
) -> Iterator[Event]:
    states = keeper.read([run.id for run in stack.runs]) if keeper else {}
    for runs in _by_epoch(stack.runs, states):
        if not flags.stop.is_set():
            part = replace(stack, runs=tuple(runs))
            yield from _train_together(part, states, workplace, shelf, flags, keeper)


def _by_epoch(runs: Sequence[Run], states: Mapping[str, RunState]) -> list[list[Run]]:
    """Part runs whose states turn out to be at different epochs.

    The plan cut the stack by epochs, but since then a file may have been damaged, or replaced by a
    last one from a worker whose driver was killed.
    """
    parts: dict[int, list[Run]] = {}
    for run in runs:
        epoch = states[run.id].epoch if run.id in states else 0
        parts.setdefault(epoch, []).append(run)
    return list(parts.values())


def _train_together(
    stack: Stack,
    states: Mapping[str, RunState],
    workplace: Workplace,
    shelf: DataShelf,
    flags: Flags,
    keeper: Keeper | None,
) -> Iterator[Event]:
    def keep(states: Mapping[str, RunState]) -> None:
        if keeper and states:
            shelf.verify(stack.runs[0], workplace)
            keeper.write(states)

    def pass_on(states: Mapping[str, RunState]) -> bool:
        shelf.verify(stack.runs[0], workplace)
        return keeper is not None and keeper.pass_on(states)

    can_share = keeper is not None
    saved = began = time.monotonic()
    stop, share = flags.stop, flags.share
    going = {run.id: states[run.id] for run in stack.runs if run.id in states}
    alone = len(stack.runs) == 1 and share.is_set()
    ends = train_stack(
        stack.runs,
        shelf.load(stack, workplace),
        states=states,
        pause=stack.pause,
        fingerprint=fingerprint(),
        should_stop=_after_a_moment(stop),
        threads=workplace.threads + (workplace.more_threads if alone else 0),
    )
    for end in ends:
        for result in end.ended:
            yield RunEnded(result)
        yield Progress(end.epoch, len(end.active), end.records)
        pausing = end.epoch == stack.pause
        due = time.monotonic() - saved >= workplace.checkpoint_seconds
        if pausing or (keeper and end.active and (due or stop.is_set())):
            going = end.states()
            keep(going)
            saved = time.monotonic()
        if not end.active or (stop.is_set() and not pausing):
            return
        if share.is_set() and not pausing:
            share.clear()
            left = (stack.pause or stack.runs[0].config.training.epochs) - end.epoch
            if len(end.active) == 1:
                end.use_threads(workplace.threads + workplace.more_threads)
            elif can_share and left * (time.monotonic() - began) > _WORTH_SHARING:
                handed_over = _hand_over(end, pass_on)
                if handed_over:
                    yield handed_over
                # Who has nothing to do asks again and again; what failed is not tried each time.
                can_share = handed_over is not None
        began = time.monotonic()
    yield from _pauses(stack, going)


def _hand_over(
    end: EpochEnd, pass_on: Callable[[Mapping[str, RunState]], bool]
) -> HandedOver | None:
    """Let the last half of the runs go, by way of a checkpoint; None where there can be none."""
    runs = end.active[(len(end.active) + 1) // 2 :]
    states = end.states()
    if not pass_on({run: states[run] for run in runs}):
        return None
    end.let_go(runs)
    return HandedOver(runs, end.epoch)


def _pauses(stack: Stack, states: Mapping[str, RunState]) -> Iterator[RunEnded]:
    """Tell of runs that got as far as their stack's ``pause``; by then a checkpoint has them."""
    for run in stack.runs:
        state = states.get(run.id)
        if stack.pause is None or state is None or state.epoch < stack.pause:
            continue
        step = min(state.epoch * steps_per_epoch(run.config), total_steps(run.config))
        yield RunEnded(
            RunResult(
                run=run.id,
                status="paused",
                records=state.records,
                epoch=state.epoch,
                step=step,
                seconds=round(state.seconds, 3),
                fingerprint=state.fingerprint,
            )
        )


def _after_a_moment(stop: threading.Event) -> Callable[[], bool]:
    """Ask ``stop`` with a delay, in which a short epoch comes to its end and to a checkpoint."""
    deadline: float | None = None

    def should_stop() -> bool:
        nonlocal deadline
        if deadline is None and stop.is_set():
            deadline = time.monotonic() + _SECONDS_TO_END_EPOCH
        return deadline is not None and time.monotonic() >= deadline

    return should_stop
