"""Marks in a panel: where runs diverged, and where they stopped early."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.transforms import Transform

from bnexp.plots import style
from bnexp.plots.draw import clip_outside
from bnexp.plots.limits import Scale
from bnexp.plots.lines import Line
from bnexp.plots.style import LineStyle

#: From one mark on the lower edge to the next, in points.
_MARK_STEP = 1.4 * style.MARK_SIZE


def draw_marks(
    axes: Axes,
    line: Line,
    look: LineStyle,
    scale: Scale,
    xlim: tuple[float, float],
    taken: list[float],
) -> None:
    """Mark where each diverged run ended.

    A run without a record has no value: it is marked on the panel's lower edge, at the epoch where
    it ended. ``taken`` are the places there of other arms' marks, which this one's stand beside;
    its own are added.
    """
    grounded: list[tuple[float, float]] = []
    width = axes.bbox.width / axes.figure.dpi * 72
    step = _MARK_STEP / width * ((xlim[1] - xlim[0]) or 1.0)
    ended: list[tuple[float, float]] = []
    for curve in line.curves:
        if curve.status != "diverged":
            continue
        if curve.x:
            ended.append((curve.x[-1], scale.clamp(curve.y[-1])))
        else:
            place = min(max(float(curve.epoch), xlim[0]), xlim[1])
            place = _free_place(place, step, xlim, taken)
            grounded.append((place, 0.0))
    taken.extend({x for x, _ in grounded})
    _draw_spots(axes, grounded, look, "diverged", axes.get_xaxis_transform())
    _draw_spots(axes, ended, look, "diverged")


def draw_stops(axes: Axes, line: Line, look: LineStyle, scale: Scale) -> None:
    """Mark where each run that stopped early had its last record."""
    stopped = [curve for curve in line.curves if curve.status == "stopped" and curve.x]
    spots = [(curve.x[-1], scale.clamp(curve.y[-1])) for curve in stopped]
    _draw_spots(axes, spots, look, "stopped")


def _draw_spots(
    axes: Axes,
    spots: Sequence[tuple[float, float]],
    look: LineStyle,
    status: style.Marked,
    transform: Transform | None = None,
) -> None:
    """Draw marks at points of the data, or of ``transform``."""
    if spots:
        marks = axes.plot(
            [x for x, _ in spots],
            [y for _, y in spots],
            transform=transform or axes.transData,
            color=look.color,
            linestyle="none",
            zorder=style.MARK_ORDER,
            label=f"_{status}",
            **style.MARKS[status],
        )
        clip_outside(axes, marks, style.MARK_SIZE)


def _free_place(x: float, step: float, xlim: tuple[float, float], taken: Sequence[float]) -> float:
    """Return ``x``, or the next place beside it that is at least ``step`` from all in ``taken``."""
    side = 1 if x <= (xlim[0] + xlim[1]) / 2 else -1
    while any(abs(x - other) < 0.99 * step for other in taken):
        x += side * step
    return x
