"""The strokes inside a panel: scales and ticks, lines with bands, counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox, TransformedBbox

from bnexp.plots import style
from bnexp.plots.limits import Scale
from bnexp.plots.lines import Line
from bnexp.plots.notes import Note, Point, place_notes
from bnexp.plots.style import LineStyle
from bnexp.plots.words import number_text

#: Points that an edge of a stroke needs to be smooth.
_RIM = 0.5


def set_scales(axes: Axes, xlim: tuple[float, float], scale: Scale) -> None:
    """Give a panel its limits, ticks and grid."""
    low, high = xlim
    axes.set_xlim(low, high) if high > low else axes.set_xlim(low - 0.5, high + 0.5)
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    )
    if scale.log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.minorticks_off()
    elif (scale.low, scale.high) == (0.0, 1.0):
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    else:
        # One interval to spare: 1 - 0.95 is a little more than five times 0.01.
        intervals = 6 if scale.holds_all else 5
        axes.yaxis.set_major_locator(MaxNLocator(nbins=intervals, steps=[1, 2, 5, 10]))
    # Plain words instead of mathtext, which takes longer to load than the figure to draw.
    axes.yaxis.set_major_formatter(FuncFormatter(partial(_tick_text, axes)))
    axes.set_ylim(scale.low, scale.high)


def _tick_text(axes: Axes, value: float, position: int | None) -> str:
    """Return the words of a tick; from 0 to 1 the quarters have none."""
    is_quarter = axes.get_ylim() == (0.0, 1.0) and round(value, 6) in (0.25, 0.75)
    return "" if is_quarter else number_text(float(value))


def draw_line(
    axes: Axes,
    line: Line,
    look: LineStyle,
    label: str,
    *,
    each_seed: bool,
) -> None:
    """Draw the median and the band of one arm, and runs that ended before the others.

    Runs that diverged or stopped, and with ``each_seed`` all, are drawn thin under all medians.
    """
    several = len(line.curves) > 1
    for curve in line.curves:
        shown = each_seed or curve.status in ("diverged", "stopped")
        if several and shown and len(curve.x) > 1:
            thin = axes.plot(
                curve.x,
                curve.y,
                color=look.color,
                linewidth=style.SEED_WIDTH,
                alpha=style.SEED_ALPHA,
                label="_seed",
            )
            clip_outside(axes, thin, style.SEED_WIDTH)
    if several:
        axes.fill_between(
            line.x, line.low, line.high, color=look.color, alpha=style.BAND_ALPHA, linewidth=0
        )
    # One record of runs that all diverged is under their marks already.
    point = len(line.x) == 1 and line.diverged < len(line.curves)
    median = axes.plot(
        line.x,
        line.median,
        color=look.color,
        linestyle=look.dash,
        linewidth=style.LINE_WIDTH,
        marker="o" if point else None,
        markersize=style.POINT_SIZE,
        zorder=style.line_order(look.dash),
        label=label,
    )
    clip_outside(axes, median, style.POINT_SIZE if point else style.LINE_WIDTH)
    if look.marker and not point:
        _draw_markers(axes, line, look, look.marker)


def _draw_markers(axes: Axes, line: Line, look: LineStyle, marker: str) -> None:
    """Draw the markers of an arm along its median, apart from those of other arms."""
    markers = axes.plot(
        line.x,
        line.median,
        color=look.color,
        linestyle="none",
        marker=marker,
        markersize=style.ARM_MARK_SIZE,
        zorder=style.MARKER_ORDER,
        markevery=(style.MARKERS[marker] * style.ARM_MARK_STEP, style.ARM_MARK_STEP),
        label="_marker",
    )
    clip_outside(axes, markers, style.ARM_MARK_SIZE)


def clip_outside(axes: Axes, lines: Sequence[Line2D], size: float) -> None:
    """Clip lines to their panel and a rim around it of half their ``size`` in points.

    A line may run along the edge, where the panel alone would halve it; and it must end there when
    somebody has set other limits.
    """
    rim = size / 2 + _RIM
    x, y = (rim * axes.figure.dpi / 72 / side for side in (axes.bbox.width, axes.bbox.height))
    for line in lines:
        line.set_clip_box(TransformedBbox(Bbox([[-x, -y], [1 + x, 1 + y]]), axes.transAxes))


def write_notes(
    axes: Axes,
    notes: Sequence[Note],
    points: Sequence[Point],
    looks: Sequence[LineStyle],
    size: tuple[float, float],
) -> None:
    """Write the counts of a panel where they hide least of ``points`` (shares of the panel)."""
    if not notes:
        return
    if not points and notes[0].arm is None:
        axes.text(
            0.5,
            0.5,
            notes[0].words,
            transform=axes.transAxes,
            ha="center",
            va="center",
            size=style.LABEL_SIZE,
            color=style.MUTED,
        )
        return
    spot = place_notes(notes, points, size)
    for index, note in enumerate(notes):
        axes.text(
            spot.x,
            spot.y - index * spot.step,
            note.words,
            transform=axes.transAxes,
            ha=spot.side,
            va="top",
            size=style.NOTE_SIZE,
            color=style.MUTED if note.arm is None else looks[note.arm].color,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8},
            zorder=6,
        )
