"""The strokes inside a panel: scales and ticks, lines with bands, marks of divergence, counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox, Transform, TransformedBbox

from bnexp.plots import style
from bnexp.plots.limits import Scale
from bnexp.plots.lines import Line
from bnexp.plots.notes import Note, Point, place_notes
from bnexp.plots.style import LineStyle
from bnexp.plots.words import number_text

#: From one mark on the lower edge to the next, in points.
_MARK_STEP = 1.4 * style.MARK_SIZE
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
    scale: Scale,
    *,
    each_seed: bool,
    width: float = style.LINE_WIDTH,
) -> None:
    """Draw the median and the band of one arm, and runs that ended before the others.

    Runs that diverged or stopped, and with ``each_seed`` all, are drawn thin under the median.
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
    size = style.POINT_SIZE * width / style.LINE_WIDTH
    median = axes.plot(
        line.x,
        line.median,
        color=look.color,
        linestyle=look.dash,
        linewidth=width,
        marker="o" if point else None,
        markersize=size,
        label=label,
    )
    clip_outside(axes, median, size if point else width)
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
            zorder=5,
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
