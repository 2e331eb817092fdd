"""Training one stack with checkpoints: what every engine does, in whatever process it does it."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator, Sequence

from bnexp.data import Dataset, load_dataset
from bnexp.engines.base import Event, Progress, RunEnded, Workplace
from bnexp.environment import fingerprint
from bnexp.errors import BnexpError
from bnexp.plan import Run, Stack
from bnexp.records import RunResult
from bnexp.store.checkpoints import read_states, write_states
from bnexp.train import train_stack


class DataShelf:
    """Keeps the dataset that the last stack used: most sweeps need one only."""

    def __init__(self) -> None:
        self._key: object = None
        self._dataset: Dataset | None = None

    def load(self, stack: Stack, workplace: Workplace) -> Dataset:
        """Return the examples that the stack's runs need. Raises DatasetError."""
        config = stack.runs[0].config
        test = 0 if config.evaluate.test == "none" else config.data.test
        key = (config.data.name, config.data.train, test, config.training.dtype)
        if self._dataset is None or key != self._key:
            self._dataset = load_dataset(
                config.data.name,
                train=config.data.train,
                test=test,
                dtype=config.training.dtype,
                data_dir=workplace.data_dir,
            )
            self._key = key
        return self._dataset


def work_on(
    stack: Stack, workplace: Workplace, shelf: DataShelf, stop: threading.Event
) -> Iterator[Event]:
    """Train a stack from its checkpoint, if any, and keep one as it goes.

    Whatever goes wrong in training ends the stack's remaining runs as failed; only what bnexp
    expects (a dataset that cannot be read, a folder that cannot be written) is raised.
    """
    remaining = {run.id: run for run in stack.runs}
    try:
        for event in _train(stack, workplace, shelf, stop):
            if isinstance(event, RunEnded):
                del remaining[event.result.run]
            yield event
    except BnexpError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{reason} ({where.name}, line {where.lineno} of {where.filename})"
        yield from failures(list(remaining.values()), message)


def failures(runs: Sequence[Run], message: str) -> Iterator[RunEnded]:
    """Yield the failed results of runs that could not be trained."""
    for run in runs:
        yield RunEnded(RunResult(run.id, "failed", (), epoch=0, step=0, message=message))


def _train(
    stack: Stack, workplace: Workplace, shelf: DataShelf, stop: threading.Event
) -> Iterator[Event]:
    dataset = shelf.load(stack, workplace)
    folder = workplace.checkpoints
    states = read_states(folder, [run.id for run in stack.runs]) if folder else {}
    saved = time.monotonic()
    ends = train_stack(
        stack.runs,
        dataset,
        states=states,
        fingerprint=fingerprint(),
        should_stop=stop.is_set,
    )
    for end in ends:
        for result in end.ended:
            yield RunEnded(result)
        yield Progress(end.epoch, len(end.active), end.records)
        due = time.monotonic() - saved >= workplace.checkpoint_seconds
        if folder and end.active and due:
            write_states(folder, end.states())
            saved = time.monotonic()
