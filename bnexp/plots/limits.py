"""The limits that all panels share: epochs along x, and y so that panels can be compared.

Accuracies go from 0 to 1, or where all are over 0.5 from a round value to 1, since a few hundredths
are what is compared then. Losses take their limits from the runs that did not diverge, on a log
scale when they span decades; the last losses of a diverging run, which may reach 1e30, are given
one decade above and then cut off. No matplotlib here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnexp.config.schema import Config
from bnexp.plots.lines import Curve, Line
from bnexp.store.results import Results

#: Where the axis of accuracies may start if none is lower: round values, highest first.
_STARTS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
#: Losses whose largest value is this many times the smallest are drawn on a log scale.
LOG_RATIO = 50.0


@dataclass(frozen=True)
class Scale:
    """The limits of y, whether it is a log scale, and whether no value can be outside them."""

    low: float
    high: float
    log: bool = False
    holds_all: bool = False

    def clamp(self, value: float) -> float:
        """Return ``value``, or the limit that it is beyond: what stands there stays in sight."""
        return min(max(value, self.low), self.high)

    def share(self, value: float) -> float:
        """Return where ``value`` stands between the limits: 0 at the low one, 1 at the high one."""
        value = self.clamp(value)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def y_scale(metric: str, lines: Iterable[Line]) -> Scale:
    """Return the limits of ``metric`` for all ``lines`` together."""
    if metric.endswith("accuracy"):
        return _accuracy_scale(lines)
    kept: list[float] = []
    lost: list[float] = []
    for line in lines:
        for curve in line.curves:
            (lost if curve.status == "diverged" else kept).extend(curve.y)
    if not kept and not lost:
        return Scale(0.0, 1.0)
    # A run that diverges starts like any other: its first values are as good a limit as any.
    high = min(max(kept + lost), 10 * max(kept)) if kept else max(lost)
    low = min(kept + lost)
    if low > 0 and high / low >= LOG_RATIO:
        return Scale(low / 1.3, high * 1.3, log=True)
    return Scale(min(low, 0.0), high * 1.05 if high > 0 else 1.0)


def _accuracy_scale(lines: Iterable[Line]) -> Scale:
    """Return limits that start close below the lowest accuracy, if all are over 0.5."""
    lowest = min((y for line in lines for curve in line.curves for y in curve.y), default=0.0)
    low = next((start for start in _STARTS if start < lowest), 0.0)
    return Scale(low, 1.0, holds_all=True)


def value_scale(metric: str, values: Sequence[float]) -> Scale:
    """Return the limits of single values of ``metric``, one for each trial of a search."""
    curve = Curve(0, "done", tuple(map(float, range(len(values)))), tuple(values), 0, 0)
    line = Line((), (), (), (), (curve,), 1, 0, 0)
    return y_scale(metric, [line])


def x_limits(results: Results, lines: Sequence[Line]) -> tuple[float, float]:
    """Return the first and the last epoch that a finished run has a record of.

    Taken from the config, so that an unfinished sweep has the axes of the finished one; wider
    where records go further, and only as wide as they go where every run has stopped early. With
    records of the last epoch only there is room around it.
    """
    ended = [result.status for result in results.runs.values()]
    reached = [x for line in lines for x in line.x]
    is_complete = all(line.missing == 0 for line in lines)
    if "stopped" in ended and "done" not in ended and is_complete and reached:
        return 0.0, max(reached)
    last = max(_epochs(results.config, results)) - (
        results.config.evaluate.at == "first_step" and not _has_later_end(results)
    )
    if set(reached) == {float(last)}:
        # Points at the right edge of an empty panel would look like an accident.
        ended_before = any(not curve.x for line in lines for curve in line.curves)
        return (0.0, 1.1 * last) if ended_before else (last - 0.5, last + 0.5)
    return 0.0, max([float(last), *reached])


def _epochs(config: Config, results: Results) -> list[int]:
    swept = results.axes.get("training.epochs", ())
    return [int(value) for value in swept if isinstance(value, int)] or [config.training.epochs]


def _has_later_end(results: Results) -> bool:
    """Whether metrics are recorded once more at the very end."""
    evaluate = results.config.evaluate
    return "last" in (evaluate.train, evaluate.validation, evaluate.test)
