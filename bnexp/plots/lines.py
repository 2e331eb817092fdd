"""From the runs of one arm in one panel to a line: median, band, and counts of what is not in it.

At each epoch the median and the band are over the runs that have a record there. A run that
diverged has none after, so it leaves the median at that epoch; it stays in ``curves`` and in the
counts, and whoever draws a line must show both. No matplotlib and no NumPy here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from bnexp.plan import Cell
from bnexp.records import RunResult, Status

#: From this many seeds on, the band is between two quantiles instead of the extremes.
QUANTILE_SEEDS = 5
#: The quantiles of the band from ``QUANTILE_SEEDS`` seeds on.
QUANTILES = (0.1, 0.9)


@dataclass(frozen=True)
class Curve:
    """One metric of one run: ``y`` at the epochs ``x``, and where and how the run ended."""

    seed: int
    status: Status
    x: tuple[float, ...]
    y: tuple[float, ...]
    epoch: int
    step: int


@dataclass(frozen=True)
class Line:
    """One arm in one panel: ``median`` and the band ``low`` to ``high`` at the epochs ``x``.

    ``curves`` are the runs behind it, by seed. ``seeds`` counts all cells: those of failed runs and
    those still ``missing`` have no curve.
    """

    x: tuple[float, ...]
    median: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    curves: tuple[Curve, ...]
    seeds: int
    failed: int
    missing: int

    def count(self, status: Status) -> int:
        """Return how many runs ended with ``status``."""
        if status == "failed":
            return self.failed
        return sum(curve.status == status for curve in self.curves)

    @property
    def diverged(self) -> int:
        """How many runs diverged."""
        return self.count("diverged")

    @property
    def final(self) -> float | None:
        """The median of the last values of the runs that did not diverge; None without any.

        A run that stopped early has its last value where it stopped.
        """
        last = [curve.y[-1] for curve in self.curves if curve.y and curve.status != "diverged"]
        return median(last) if last else None

    @property
    def has_seed_lines(self) -> bool:
        """Whether there are lines of single seeds to draw under the median."""
        return len(self.curves) > 1 and any(len(curve.x) > 1 for curve in self.curves)

    @property
    def recorded(self) -> Line:
        """The line without the runs that ended before they had a record."""
        return replace(self, curves=tuple(curve for curve in self.curves if curve.x))

    @property
    def finished(self) -> int:
        """How many runs ended, well or not."""
        return self.seeds - self.missing


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of sorted ``values``, linear between neighbors (NumPy's default)."""
    position = share * (len(values) - 1)
    index = min(int(position), max(len(values) - 2, 0))
    above = values[min(index + 1, len(values) - 1)]
    return values[index] + (position - index) * (above - values[index])


def make_line(
    cells: Sequence[Cell], runs: Mapping[str, RunResult], metric: str, *, quantiles: bool
) -> Line:
    """Summarise ``metric`` over the runs of ``cells``, which differ in nothing but the seed.

    The band is min to max, or from ``QUANTILES[0]`` to ``QUANTILES[1]`` when ``quantiles``.
    """
    curves: list[Curve] = []
    failed = missing = 0
    for cell in sorted(cells, key=lambda cell: cell.seed):
        result = runs.get(cell.run)
        if result is None:
            missing += 1
        elif result.status == "failed":
            failed += 1
        else:
            curves.append(_curve(cell, result, metric))
    at: dict[float, list[float]] = {}
    for curve in curves:
        for x, y in zip(curve.x, curve.y, strict=True):
            at.setdefault(x, []).append(y)
    epochs = tuple(sorted(at))
    columns = [sorted(at[x]) for x in epochs]
    low, high = QUANTILES if quantiles else (0.0, 1.0)
    return Line(
        x=epochs,
        median=tuple(float(median(column)) for column in columns),
        low=tuple(quantile(column, low) for column in columns),
        high=tuple(quantile(column, high) for column in columns),
        curves=tuple(curves),
        seeds=len(cells),
        failed=failed,
        missing=missing,
    )


def _curve(cell: Cell, result: RunResult, metric: str) -> Curve:
    # Keyed by epoch: where a run has two records of one epoch, the later one counts.
    points = {
        float(record.epoch): record.metrics[metric]
        for record in result.records
        if math.isfinite(record.metrics.get(metric, math.nan))
    }
    x = tuple(sorted(points))
    y = tuple(points[epoch] for epoch in x)
    return Curve(cell.seed, result.status, x, y, result.epoch, result.step)


def count_note(line: Line, *, stopped: bool = True) -> str:
    """Say in words what the median does not show: "2 of 3 diverged", "1 of 3 missing".

    Empty when every run ended well. Runs that stopped early are counted where ``stopped``.
    """
    if line.missing == line.seeds:
        return "no run yet" if line.seeds == 1 else "no runs yet"
    parts = []
    endings: tuple[tuple[Status, str], ...] = (
        ("diverged", "diverged"),
        ("failed", "failed"),
        ("stopped", "stopped"),
        ("pruned", "pruned"),
    )
    for status, word in endings:
        count = line.count(status)
        if count and (stopped or status != "stopped"):
            parts.append(word if line.seeds == 1 else f"{count} of {line.finished} {word}")
    if line.missing:
        share = str(line.missing) if parts else f"{line.missing} of {line.seeds}"
        parts.append(f"{share} missing")
    return ", ".join(parts)
