"""Final metrics over the seeds of a sweep: a row for runs that differ in nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from statistics import fmean, median, stdev
from typing import Any

_Row = Mapping[str, Any]
#: What stands in a row after the values of the axes, before the metrics.
COUNTS = ("seeds", "diverged", "failed", "missing")
_STATISTICS: Mapping[str, Callable[[list[float]], float | None]] = {
    "median": median,
    "min": min,
    "max": max,
    "mean": fmean,
    "std": lambda values: stdev(values) if len(values) > 1 else None,
}


def summary_columns(metrics: Sequence[str]) -> list[str]:
    """Return the names of the columns after those of the axes."""
    return [*COUNTS, *(f"{metric}_{name}" for metric in metrics for name in _STATISTICS)]


def by_values(rows: Iterable[_Row], axes: Sequence[str]) -> Iterator[list[_Row]]:
    """Yield rows of ``Results.cell_rows`` with equal values together, which follow each other."""
    for _, group in groupby(rows, key=lambda row: [row[key] for key in axes]):
        yield list(group)


def summarise(rows: Sequence[_Row], axes: Sequence[str], metrics: Sequence[str]) -> dict[str, Any]:
    """Return one row for runs that differ in seed only, given as rows of ``Results.cell_rows``.

    Each metric's ``median``, ``min``, ``max``, ``mean`` and ``std`` (that of a sample, divided by n
    - 1) are over the last values of the runs that neither diverged nor failed; None without any, as
    is ``std`` of one.
    """
    summary = {key: rows[0][key] for key in axes}
    summary["seeds"] = len(rows)
    for status in COUNTS[1:]:
        summary[status] = sum(row["status"] == status for row in rows)
    well = [row for row in rows if row["status"] not in COUNTS[1:]]
    for metric in metrics:
        values = [row[metric] for row in well if row[metric] is not None]
        for name, statistic in _STATISTICS.items():
            summary[f"{metric}_{name}"] = statistic(values) if values else None
    return summary
