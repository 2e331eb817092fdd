"""Which trial is better: a number for each from its records, and one order of all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bnexp.config.schema.search import SearchConfig
from bnexp.plan import Cell
from bnexp.records import Record, RunResult


@dataclass(frozen=True)
class Ranked:
    """A trial in the order of all: ``rank`` from 1 on, ``value`` None where it has none."""

    rank: int
    cell: Cell
    value: float | None
    result: RunResult | None


def objective_value(
    search: SearchConfig, result: RunResult | None, *, until: int | None = None
) -> float | None:
    """Return the objective of a run, after ``until`` updates where that is given.

    None for a run that diverged by then, failed, or has no record of the objective.
    """
    record = ranking_record(search, result, until=until)
    return None if record is None else record.metrics[search.objective]


def ranking_record(
    search: SearchConfig, result: RunResult | None, *, until: int | None = None
) -> Record | None:
    """Return the record whose objective a run is ranked by; see ``objective_value``."""
    if result is None or result.status == "failed":
        return None
    if result.status == "diverged" and (until is None or result.step <= until):
        return None
    records = [
        record
        for record in records_until(result.records, until)
        if math.isfinite(record.metrics.get(search.objective, math.nan))
    ]
    if not records or search.at == "final":
        return records[-1] if records else None
    choose = max if search.is_maximized else min
    return choose(records, key=lambda record: record.metrics[search.objective])


def records_until(records: Sequence[Record], until: int | None) -> tuple[Record, ...]:
    """Return the records of the first ``until`` updates, or all."""
    return tuple(record for record in records if until is None or record.step <= until)


def sort_key(search: SearchConfig, value: float | None, number: int) -> tuple[bool, float, int]:
    """Order trials, the best first: by objective, those without one last, ties by number."""
    if value is None:
        return (True, 0.0, number)
    return (False, -value if search.is_maximized else value, number)


def rank_trials(
    search: SearchConfig, cells: Iterable[Cell], runs: Mapping[str, RunResult]
) -> list[Ranked]:
    """Return all trials in order, the best first.

    Trials that were pruned come after those that were not, the longer trained before the shorter;
    diverged and failed ones come last, and after them those that have not ended.
    """
    entries = []
    for cell in cells:
        result = runs.get(cell.run)
        value = objective_value(search, result)
        cut = result.epoch if result is not None and result.status == "pruned" else 0
        place = sort_key(search, value, cell.trial or 0)
        key = (result is None, place[0], -cut if cut else -math.inf, *place)
        entries.append((key, cell, value, result))
    entries.sort(key=lambda entry: entry[0])
    return [
        Ranked(rank, cell, value, result)
        for rank, (_, cell, value, result) in enumerate(entries, 1)
    ]
