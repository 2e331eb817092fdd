"""What searches cost and find: stacks against one trial at a time, TPE against random, halving.

Each command prints its numbers: ``stacked`` compares times and wants a quiet machine, ``tpe`` and
``halving`` compare what is found over several seeds. MNIST is looked for as ``bnexp`` does.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import click

import bnexp
from bnexp.config import load_search
from bnexp.engines import InlineEngine, RunEnded
from bnexp.engines.base import Workplace
from bnexp.environment import available_cores, fingerprint
from bnexp.plan import Stack
from bnexp.records import Record
from bnexp.store.search import SearchResults
from bnexp.trials import plan_search

BOOK = Path(__file__).parent.parent / "configs" / "hyperparameter-search.yaml"
#: Networks of 64-32-10 on the embedded digits.
DIGITS: dict[str, Any] = {
    "name": "digits-search",
    "data": {"name": "digits", "validation": 0.2},
    "network": {"layers": [32]},
    "training": {"epochs": 50, "batch_size": 100},
    "search": {
        "trials": 100,
        "space": {
            "optimizer.lr": "loguniform(1e-3, 1)",
            "regularization.l2": "loguniform(1e-8, 1e-2)",
        },
    },
}
CONFIGS: Mapping[str, Any] = {"digits": DIGITS, "book": BOOK}
seeds_option = click.option("--seeds", default=10, show_default=True, help="Seeds from 0 on.")


def search(config: Any, **options: Any) -> tuple[SearchResults, float]:
    """Return the results of a search in a new folder, and the seconds of all of it."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        results = bnexp.search(config, output=Path(folder) / "results", **options)
        return results, time.perf_counter() - started


def one_at_a_time(config: Any, trials: int) -> tuple[dict[str, Sequence[Record]], float]:
    """Train the trials of a search one after another in this process; its start is not counted."""
    plan = plan_search(load_search(config, trials=trials))
    engine, records = InlineEngine(Workplace()), {}
    stacks = [Stack((run,)) for run in plan.runs.values()]
    started = time.perf_counter()
    for event in engine.train(stacks, threading.Event()):
        if isinstance(event, RunEnded):
            records[event.result.run] = event.result.records
    return records, time.perf_counter() - started


@click.group()
def main() -> None:
    """Measure searches."""
    print(fingerprint())


@main.command()
@click.argument("name", type=click.Choice(list(CONFIGS)))
@click.option("--trials", default=100, show_default=True, help="Trials of the search.")
@click.option("--rounds", default=3, show_default=True, help="How often each takes its turn.")
@click.option("--jobs", default=available_cores(), show_default=True, help="Worker processes.")
def stacked(name: str, trials: int, rounds: int, jobs: int) -> None:
    """Time a whole search against its trials one at a time, which must have the same records."""
    ours, alone = [], []
    for _ in range(rounds):
        results, seconds = search(CONFIGS[name], trials=trials, jobs=jobs)
        ours.append(seconds)
        records, seconds = one_at_a_time(CONFIGS[name], trials)
        alone.append(seconds)
        if any(records[cell.run] != results.runs[cell.run].records for cell in results.cells):
            raise SystemExit("the records differ")
    for label, times in (("stacked", ours), ("one at a time", alone)):
        print(f"{label:14} {statistics.median(times):6.2f} s ({min(times):.2f}-{max(times):.2f})")
    print(f"ratio {statistics.median(alone) / statistics.median(ours):.2f}, {jobs} workers")


@main.command()
@click.option("--trials", default=40, show_default=True, help="Trials of each search.")
@seeds_option
def tpe(trials: int, seeds: int) -> None:
    """Compare the best trial of TPE with that of random on the book's search, seed by seed."""
    gains = []
    for seed in range(seeds):
        best: dict[str, tuple[float, float]] = {}
        for sampler in ("random", "tpe"):
            results, _ = search(BOOK, trials=trials, sampler=sampler, seed=seed)
            first = results.ranked[0]
            report = results.report(first)
            assert first.value is not None and report is not None
            best[sampler] = (first.value, report.final["test_accuracy"])
        gains.append(best["tpe"][0] - best["random"][0])
        shown = "  ".join(f"{name} {val:.2f} (test {t:.3f})" for name, (val, t) in best.items())
        print(f"seed {seed}: {shown}", flush=True)
    wins = sum(gain > 0 for gain in gains)
    ties = sum(gain == 0 for gain in gains)
    print(f"tpe wins {wins}, draws {ties}, loses {seeds - wins - ties} of {seeds}")
    print(f"median gain {statistics.median(gains):.3f}")


@main.command()
@click.option("--trials", default=100, show_default=True, help="Trials of each search.")
@seeds_option
def halving(trials: int, seeds: int) -> None:
    """Compare the winner and the work of halving with the full search, seed by seed."""
    same = 0
    shares, times = [], []
    for seed in range(seeds):
        full, whole = search(BOOK, trials=trials, seed=seed)
        cut, less = search(BOOK, trials=trials, seed=seed, pruner="halving")
        one, other = full.ranked[0], cut.ranked[0]
        same += one.cell.trial == other.cell.trial
        shares.append(epochs(cut) / epochs(full))
        times.append(less / whole)
        place = next(r.rank for r in full.ranked if r.cell.trial == other.cell.trial)
        print(
            f"seed {seed}: full trial {one.cell.trial} ({one.value:.2f}), halving trial "
            f"{other.cell.trial} ({other.value:.2f}, rank {place} of the full search), "
            f"{shares[-1]:.0%} of the epochs, {times[-1]:.0%} of the time",
            flush=True,
        )
    print(f"the same winner in {same} of {seeds} seeds")
    work, took = statistics.median(shares), statistics.median(times)
    print(f"median {work:.0%} of the epochs, {took:.0%} of the time")


def epochs(results: SearchResults) -> int:
    """Return the epochs that all trials of a search were trained."""
    return sum(results.runs[run].epoch for run in {cell.run for cell in results.cells})


if __name__ == "__main__":
    main()
