"""The driver: a plan, an engine and a results folder put to work together.

It trains what is missing, keeps each result the moment it exists, and turns a signal into a clean
stop. It prints nothing: a ``Watcher`` is told what happens.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bnexp import describe
from bnexp.data.files import ensure_files, verify_files
from bnexp.engines import Engine, InlineEngine, LocalEngine, Progress, RunEnded, Trouble
from bnexp.engines.base import Workplace
from bnexp.environment import fingerprint
from bnexp.errors import InterruptedRunError, ResultsError
from bnexp.plan import Plan, Run, cut_stacks
from bnexp.records import RunResult
from bnexp.store.checkpoints import read_epochs
from bnexp.store.folder import ResultsFolder
from bnexp.store.results import Results


class Watcher:
    """Told what the driver does; this one does nothing with it."""

    def start(self, plan: Plan, finished: int, epochs: int) -> None:
        """Work begins: so many runs are finished, and so many epochs of the others."""

    def progress(self, event: Progress) -> None:
        """A stack has completed an epoch."""

    def ended(self, result: RunResult) -> None:
        """A run is over."""

    def note(self, message: str) -> None:
        """Something worth saying."""

    def close(self) -> None:
        """No more news."""


@dataclass(frozen=True)
class Options:
    """How to work, none of which changes a result.

    ``jobs`` is the number of worker processes, 0 for none: train in this process. ``strict``
    refuses to go on from work of other versions.
    """

    jobs: int = 0
    data_dir: Path | None = None
    strict: bool = False
    checkpoint_seconds: float = 3.0


def train_plan(folder: ResultsFolder, options: Options, watcher: Watcher) -> Results:
    """Train what the folder's plan lacks and return all its results.

    Raises InterruptedRunError after a signal (everything finished is kept), DatasetError,
    OutputError, and ResultsError under ``strict``.
    """
    plan = folder.plan
    if folder.aside:
        watcher.note(f"older results were set aside as {folder.aside}")
    others = len(folder.results.cells) - len(plan.cells)
    if others:
        watcher.note(
            f"{folder.path} holds {others} cells of earlier sweeps, too; tables and plots show "
            "them all (--output or --fresh keeps sweeps apart)"
        )
    finished = folder.finished()
    pending = [run for run in plan.runs.values() if run.id not in finished]
    started = read_epochs(folder.checkpoints) if folder.checkpoints.is_dir() else {}
    started = {run.id: started[run.id] for run in pending if run.id in started}
    if pending:
        _compare_versions(folder, started, options, watcher)
    epochs = {run: epoch for run, (epoch, _) in started.items()}
    stop = threading.Event()
    caught: list[int] = []
    with contextlib.ExitStack() as guard:
        try:
            _get_data(pending, options, watcher)
            watcher.start(plan, len(finished), sum(epochs.values()))
            if pending:
                # From here until the views are written: a download ends by KeyboardInterrupt.
                caught = guard.enter_context(signals(stop))
                _train(folder, pending, epochs, stop, options, watcher)
        finally:
            watcher.close()
            folder.write_views()
    finished = folder.finished()
    done, total = len(finished), len(plan.runs)
    if caught and done < total:
        # A file may still hold runs that have ended, beside those that have not.
        begun = len(read_epochs(folder.checkpoints).keys() & plan.runs.keys() - finished.keys())
        raise InterruptedRunError(
            f"stopped; {done} of {total} runs are finished and {begun} more are in checkpoints, "
            f"all kept in {folder.path}. Give the same command again to go on from there.",
            caught[0],
        )
    return folder.results


def _get_data(pending: list[Run], options: Options, watcher: Watcher) -> None:
    """Have all files here before any worker starts: downloaded once, and with a bar."""
    for facts, test in _wanted(pending):
        ensure_files(
            facts, test=test, data_dir=options.data_dir, notify=watcher.note, progress=True
        )


def _verify_data(pending: list[Run], options: Options) -> None:
    for facts, test in _wanted(pending):
        verify_files(facts, test=test, data_dir=options.data_dir)


def _wanted(pending: list[Run]) -> list[tuple[describe.DatasetFacts, bool]]:
    """Return the datasets that runs need, each with whether it is with its test examples."""
    needs: dict[str, bool] = {}
    for run in pending:
        name, test = run.config.data.name, run.config.evaluate.test != "none"
        needs[name] = needs.get(name, False) or test
    return [(describe.DATASETS[name], test) for name, test in needs.items()]


def _train(
    folder: ResultsFolder,
    pending: list[Run],
    epochs: dict[str, int],
    stop: threading.Event,
    options: Options,
    watcher: Watcher,
) -> None:
    stacks = cut_stacks(pending, jobs=max(1, options.jobs), started=epochs)
    workplace = Workplace(
        options.data_dir and options.data_dir.resolve(),
        folder.checkpoints.resolve(),
        options.checkpoint_seconds,
        verified=True,
    )
    engine: Engine = InlineEngine(workplace)
    if options.jobs:
        engine = LocalEngine(workplace, jobs=options.jobs)
    with (
        ThreadPoolExecutor(1) as beside,
        contextlib.closing(engine.train(stacks, stop)) as events,
    ):
        # Once, beside the training; no result is kept before its data are known to be right.
        verified = beside.submit(_verify_data, pending, options)
        for event in events:
            if isinstance(event, RunEnded):
                verified.result()
                folder.add(event.result)
                watcher.ended(event.result)
            elif isinstance(event, Progress):
                watcher.progress(event)
            elif isinstance(event, Trouble):
                watcher.note(event.message)
            if verified.done():
                verified.result()
            folder.refresh()
        verified.result()


def _compare_versions(
    folder: ResultsFolder,
    started: dict[str, tuple[int, tuple[str, ...]]],
    options: Options,
    watcher: Watcher,
) -> None:
    """Say aloud, or refuse, that results of other versions are continued."""
    here = fingerprint()
    before = {mark for result in folder.results.runs.values() for mark in result.fingerprint}
    before |= {mark for _, marks in started.values() for mark in marks}
    others = sorted(before - {here})
    if not others:
        return
    message = (
        f"{folder.path} was trained with {'; '.join(others)}; this is {here}. "
        "Runs trained now may differ from the others in the last bits"
    )
    if options.strict:
        raise ResultsError(message + ", which --strict refuses; use the old versions, or --fresh")
    watcher.note(message + "; each run's line in the journal records its versions.")


@contextlib.contextmanager
def signals(stop: threading.Event) -> Iterator[list[int]]:
    """While inside, SIGINT and SIGTERM set ``stop``; yields the list of those that came.

    Signals stay as they are in a thread other than the main one, where Python allows no handlers,
    and where they are ignored, as SIGINT is for a job in the background of a shell script.
    """
    caught: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        caught.append(number)
        if len(caught) == 1:  # another one may come while the lock inside ``stop`` is held
            stop.set()

    old: dict[int, Callable[..., object] | int] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not None and handler != signal.SIG_IGN:
                old[number] = handler
                signal.signal(number, handle)
    try:
        yield caught
    finally:
        for changed, handler in old.items():
            signal.signal(changed, handler)
