"""Successive halving: which trials go on from rung to rung, decided from records alone.

At each rung, an epoch, all trials that got there are ranked together; a share of them goes on. As
records have the same bits however they were made, the decisions do, too: before a kill and after
it, and when more trials join later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bnexp.config import steps_per_epoch
from bnexp.config.schema import Config
from bnexp.config.schema.search import SearchConfig
from bnexp.plan import Run
from bnexp.records import RunResult
from bnexp.trials.rank import objective_value, records_until, sort_key


@dataclass(frozen=True)
class Standing:
    """How far a search has come: the runs to train now, up to the epoch ``pause`` (None: the end).

    ``pruned`` are the runs that were left behind, each with the epoch of its rung.
    """

    work: tuple[Run, ...]
    pause: int | None
    pruned: Mapping[str, int] = field(default_factory=dict)


def rung_epochs(config: Config) -> tuple[int, ...]:
    """Return the epochs at which trials are ranked; ``auto``: an eighth, a quarter, half of all."""
    search, epochs = config.search, config.training.epochs
    if search.pruner == "none":
        return ()
    if search.rungs != "auto":
        return search.rungs
    rungs = (max(1, round(epochs * share)) for share in (0.125, 0.25, 0.5))
    return tuple(dict.fromkeys(rung for rung in rungs if rung < epochs))


def kept_count(search: SearchConfig, count: int) -> int:
    """Return how many of so many trials go on from a rung: the share, rounded down, or one."""
    return max(1, int(count * search.keep + 1e-9))


def halve(
    config: Config, runs: Sequence[Run], known: Mapping[str, RunResult], failed: frozenset[str]
) -> Standing:
    """Return where the search stands; ``runs`` are in the order of their trials.

    ``known`` holds the longest result of each run so far, wherever its training paused or ended.
    Runs in ``failed`` were tried just now and are not tried again: they rank last.
    """
    alive = list(runs)
    pruned: dict[str, int] = {}
    for rung in rung_epochs(config):
        missing = [run for run in alive if not _reached(run, known, rung) and run.id not in failed]
        if missing:
            return Standing(tuple(missing), rung, pruned)
        lost = {run.id for run in alive if not _reached(run, known, rung)}
        kept = _best(config.search, alive, known, rung, lost)
        left = [run for run in alive if run.id not in kept | failed]
        pruned |= {run.id: rung for run in left if _is_cut(run, known, rung)}
        alive = [run for run in alive if run.id in kept]
    missing = [run for run in alive if not is_ended(known.get(run.id)) and run.id not in failed]
    return Standing(tuple(missing), None, pruned)


def pruned_result(run: Run, result: RunResult, rung: int) -> RunResult:
    """Return how a run ends that is left behind at a rung, however far it has been trained."""
    step = _steps(run, rung)
    records = records_until(result.records, step)
    return replace(result, status="pruned", epoch=rung, step=step, records=records)


def _best(
    search: SearchConfig,
    alive: Sequence[Run],
    known: Mapping[str, RunResult],
    rung: int,
    lost: set[str],
) -> set[str]:
    """Return the ids of the runs that go on: the best ones, ties by trial number, at least one.

    Those that are ``lost`` on the way to the rung have no value.
    """

    def key(place: int) -> tuple[bool, float, int]:
        run = alive[place]
        result = None if run.id in lost else known.get(run.id)
        value = objective_value(search, result, until=_steps(run, rung))
        return sort_key(search, value, place)

    count = kept_count(search, len(alive))
    return {alive[place].id for place in sorted(range(len(alive)), key=key)[:count]}


def _reached(run: Run, known: Mapping[str, RunResult], rung: int) -> bool:
    """Whether a run was trained up to a rung, or has ended before it."""
    result = known.get(run.id)
    if result is None or result.status == "failed":
        return False
    return is_ended(result) or result.epoch >= rung


def is_ended(result: RunResult | None) -> bool:
    """Whether a run needs no more training, whatever is decided about it."""
    return result is not None and result.status in ("done", "diverged", "stopped")


def _is_cut(run: Run, known: Mapping[str, RunResult], rung: int) -> bool:
    """Whether leaving a run behind at a rung cuts it short: it has not ended by then."""
    result = known.get(run.id)
    if result is None or result.status == "failed":
        return False
    return not is_ended(result) or result.step > _steps(run, rung)


def _steps(run: Run, rung: int) -> int:
    return rung * steps_per_epoch(run.config)
