"""The driver: a plan, an engine and a results folder put to work together.

It trains what is missing, keeps each result the moment it exists, and turns a signal into a clean
stop. It prints nothing: a ``Watcher`` is told what happens.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bnexp.config.network import facts_of
from bnexp.config.schema import Config
from bnexp.data.files import ensure_data, verify_data
from bnexp.describe import DatasetFacts, DataSpec
from bnexp.engines import EngineChoice, Progress, RunEnded, Trouble, open_engine
from bnexp.engines.base import Workplace, needed_examples
from bnexp.engines.crew import Crew
from bnexp.environment import fingerprint
from bnexp.errors import InterruptedRunError, ResultsError
from bnexp.interrupts import raising_terminate, signals
from bnexp.plan import Plan, Run, cut_stacks, first_of_each
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
    if folder.aside:
        watcher.note(f"older results were set aside as {folder.aside}")
    others = len(folder.results.cells) - len(folder.plan.cells)
    if others and next_round is None:
        watcher.note(
            f"{folder.path} holds {others} cells of earlier sweeps, too; tables and plots show "
            "them all (--output or --fresh keeps sweeps apart)"
        )
    next_round = next_round or _only_round(folder)
    work = next_round()
    pending = work.runs if work else ()
    started = _started(folder, pending)
    if pending:
        _compare_versions(folder, started, options, watcher)
    stop = threading.Event()
    caught: list[int] = []
    with contextlib.ExitStack() as guard:
        try:
            guard.enter_context(raising_terminate())
            _get_data((*pending, *(work.later if work else ())), options, watcher)
            begun_epochs = sum(epoch for epoch, _ in started.values())
            watcher.start(folder.plan, len(folder.finished()), begun_epochs)
            if pending:
                shared = guard.enter_context(_shared(pending, options))
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
    plan, finished = folder.plan, folder.finished()
    done, total = len(finished), max(len(plan.runs), plan.expected)
    if caught and (work or done < total):
        # A file may still hold runs that have ended, beside those that have not.
        begun = len(read_epochs(folder.checkpoints).keys() & plan.runs.keys() - finished.keys())
        raise InterruptedRunError(
            f"stopped; {done} of {total} runs are finished and {begun} more are in checkpoints, "
            f"all kept in {folder.path}. Give the same command again to go on from there.",
            caught[0],
        )
    return folder.results


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


def _get_data(pending: Sequence[Run], options: Options, watcher: Watcher) -> None:
    """Have all files here before any worker starts: downloaded once, and with a bar.

    The workers of a cluster have their own.
    """
    if not options.engine.is_here:
        return
    for _, spec in _wanted(pending):
        ensure_data(spec, data_dir=options.data_dir, notify=watcher.note, progress=True)


def _wanted(pending: Sequence[Run]) -> list[tuple[Config, DataSpec]]:
    """Return the datasets that runs need, each once, with test examples if any run needs them."""
    needs: dict[object, tuple[Config, DataSpec]] = {}
    for run in first_of_each(pending).values():
        config = run.config
        spec = needed_examples(config)
        key = (spec.name, spec.path, spec.test_path)
        if key not in needs or spec.test:
            needs[key] = config, spec
    return list(needs.values())


def _verify(unverified: list[tuple[DataSpec, DatasetFacts]], options: Options) -> None:
    for spec, facts in unverified if options.engine.is_here else ():
        verify_data(spec, facts, data_dir=options.data_dir)


@contextlib.contextmanager
def _shared(pending: Sequence[Run], options: Options) -> Iterator[Path | None]:
    """Decode examples that are too many for every worker to have its own; yield their folder."""
    if options.engine.jobs < 2 or not options.engine.is_here:
        yield None
        return
    # Here, since they take NumPy, which a driver with workers does without.
    from bnexp.data.prepare import is_large
    from bnexp.data.share import shared_rows

    configs = [run.config for run in first_of_each(pending).values()]
    asked = {(needed_examples(config), config.training.dtype) for config in configs}
    large = {spec for spec, dtype in asked if is_large(spec, dtype)}
    with shared_rows(large, data_dir=options.data_dir) as folder:
        yield folder


def _train(
    folder: ResultsFolder,
    work: Round,
    shared: Path | None,
    stop: threading.Event,
    options: Options,
    watcher: Watcher,
) -> None:
    unverified = [(spec, facts_of(config.data)) for config, spec in _wanted(work.runs)]
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
        verified = beside.submit(_verify, unverified, options)
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
