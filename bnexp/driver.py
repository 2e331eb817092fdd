"""The driver: a plan, an engine and a results folder put to work together.

It trains what is missing, keeps each result the moment it exists, and turns a signal into a clean
stop. It prints nothing: a ``Watcher`` is told what happens.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bnexp.engines import EngineChoice, Progress, RunEnded, Trouble, open_engine
from bnexp.engines.base import Workplace
from bnexp.engines.crew import Crew
from bnexp.engines.supply import get_data, shared_examples, verifier
from bnexp.environment import fingerprint
from bnexp.errors import InterruptedRunError, ResultsError
from bnexp.interrupts import raising_terminate, signals
from bnexp.plan import Plan, Run, cut_stacks
from bnexp.records import RunResult
from bnexp.store.checkpoints import read_epochs
from bnexp.store.folder import ResultsFolder
from bnexp.store.results import Results


class Watcher:
    """Told what the driver does; this one does nothing with it."""

    def start(self, plan: Plan, finished: int, epochs: int) -> None:
        """Work begins: so many runs are finished, and so many epochs of the others."""

    def grow(self, plan: Plan) -> None:
        """More runs are planned than work began with."""

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

    ``engine`` says which engine trains, and on how many workers: by itself, in this process.
    ``strict`` refuses to go on from work of other versions. Worker processes come from ``crew``,
    which keeps them for later.
    """

    engine: EngineChoice = field(default_factory=EngineChoice)
    data_dir: Path | None = None
    strict: bool = False
    checkpoint_seconds: float = 3.0
    crew: Crew | None = None


@dataclass(frozen=True)
class Round:
    """Runs to train now, together: to their end, or as far as the epoch ``pause``.

    ``later`` are runs of rounds to come whose data should be here by now.
    """

    runs: tuple[Run, ...]
    pause: int | None = None
    later: tuple[Run, ...] = ()


#: Says from what the folder holds which round comes next; None when there is none.
NextRound = Callable[[], Round | None]


def train_plan(
    folder: ResultsFolder,
    options: Options,
    watcher: Watcher,
    next_round: NextRound | None = None,
) -> Results:
    """Train what the folder's plan lacks and return all its results.

    ``next_round`` says what that is, again after every round; without it, all runs of the plan.
    Raises InterruptedRunError after a signal (everything finished is kept), DatasetError,
    OutputError, and ResultsError under ``strict``.
    """
    _tell_of_folder(folder, watcher, is_search=next_round is not None)
    next_round = next_round or _only_round(folder)
    work = next_round()
    pending = work.runs if work else ()
    started = _started(folder, pending)
    if pending:
        _compare_versions(folder, started, options, watcher)
    stop = threading.Event()
    caught: list[int] = []
    shared: Path | None = None
    with contextlib.ExitStack() as guard:
        try:
            guard.enter_context(raising_terminate())
            if work and options.engine.is_here:  # the workers of a cluster have their own
                get_data((*pending, *work.later), options.data_dir, notify=watcher.note)
            begun_epochs = sum(epoch for epoch, _ in started.values())
            watcher.start(folder.plan, len(folder.finished()), begun_epochs)
            if pending:
                if options.engine.is_here and options.engine.jobs > 1:
                    shared = guard.enter_context(shared_examples(pending, options.data_dir))
                # From here until the views are written; before it, a signal raises at once.
                caught = guard.enter_context(signals(stop))
            while work:
                _train(folder, work, shared, stop, options, watcher)
                work = next_round()
                if stop.is_set():
                    break
        finally:
            watcher.close()
            folder.write_views()
    again, otherwise = folder.repeated
    if again:
        watcher.note(f"{again} runs were trained again; {otherwise} gave other records than before")
    if caught:
        _refuse_unfinished(folder, caught[0], is_over=work is None)
    return folder.results


def _tell_of_folder(folder: ResultsFolder, watcher: Watcher, *, is_search: bool) -> None:
    """Say what the folder held before that somebody may not think of."""
    if folder.aside:
        watcher.note(f"older results were set aside as {folder.aside}")
    others = len(folder.results.cells) - len(folder.plan.cells)
    if others and not is_search:
        watcher.note(
            f"{folder.path} holds {others} cells of earlier sweeps, too; tables and plots show "
            "them all (--output or --fresh keeps sweeps apart)"
        )


def _refuse_unfinished(folder: ResultsFolder, signal: int, *, is_over: bool) -> None:
    """Raise InterruptedRunError after a signal, unless everything was finished by then."""
    plan, finished = folder.plan, folder.finished()
    done, total = len(finished), max(len(plan.runs), plan.expected)
    if is_over and done >= total:
        return
    # A file may still hold runs that have ended, beside those that have not.
    begun = len(read_epochs(folder.checkpoints).keys() & plan.runs.keys() - finished.keys())
    raise InterruptedRunError(
        f"stopped; {done} of {total} runs are finished and {begun} more are in checkpoints, "
        f"all kept in {folder.path}. Give the same command again to go on from there.",
        signal,
    )


def _only_round(folder: ResultsFolder) -> NextRound:
    """Return what asks once for all runs that the folder lacks."""
    finished = folder.finished()
    missing = tuple(run for run in folder.plan.runs.values() if run.id not in finished)
    rounds = iter([Round(missing)] if missing else [])
    return lambda: next(rounds, None)


def _started(
    folder: ResultsFolder, pending: Sequence[Run]
) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return for each of these runs with a checkpoint its epoch and its fingerprints."""
    started = read_epochs(folder.checkpoints) if folder.checkpoints.is_dir() else {}
    return {run.id: started[run.id] for run in pending if run.id in started}


def _train(
    folder: ResultsFolder,
    work: Round,
    shared: Path | None,
    stop: threading.Event,
    options: Options,
    watcher: Watcher,
) -> None:
    verify = verifier(work.runs if options.engine.is_here else (), options.data_dir)
    epochs = {run: epoch for run, (epoch, _) in _started(folder, work.runs).items()}
    workplace = Workplace(
        options.data_dir and options.data_dir.resolve(),
        folder.checkpoints.resolve(),
        options.checkpoint_seconds,
        verified=True,
        shared=shared,
    )
    with contextlib.ExitStack() as guard:
        engine = guard.enter_context(
            open_engine(options.engine, workplace, stop, strict=options.strict, crew=options.crew)
        )
        stacks = cut_stacks(work.runs, jobs=engine.jobs, started=epochs, pause=work.pause)
        beside = guard.enter_context(ThreadPoolExecutor(1))
        events = guard.enter_context(contextlib.closing(engine.train(stacks, stop)))
        # Once, beside the training; no result is kept before its data are known to be right.
        verified = beside.submit(verify)
        for event in events:
            if isinstance(event, RunEnded):
                verified.result()
                if event.result.status == "paused":
                    folder.pause(event.result)
                    continue
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
    before = {mark for result in folder.results.runs.values() for mark in result.fingerprint}
    before |= {mark for _, marks in started.values() for mark in marks}
    if not before:
        return
    here = fingerprint()
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
