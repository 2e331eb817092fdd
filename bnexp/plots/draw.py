"""The strokes inside a panel: scales and ticks, lines with bands, marks of divergence, counts."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from bnexp.plots import style
from bnexp.plots.limits import Scale
from bnexp.plots.lines import Line
from bnexp.plots.notes import Note, Point, place_notes
from bnexp.plots.style import LineStyle
from bnexp.plots.words import number_text

#: From one mark on the lower edge to the next, in points.
_MARK_STEP = 1.4 * style.MARK_SIZE


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
    else:
        # One interval to spare: 1 - 0.95 is a little more than five times 0.01.
        intervals = 6 if scale.holds_all else 5
        axes.yaxis.set_major_locator(MaxNLocator(nbins=intervals, steps=[1, 2, 5, 10]))
    # Plain words instead of mathtext, which takes longer to load than the figure to draw.
    axes.yaxis.set_major_formatter(FuncFormatter(_tick_text))
    axes.set_ylim(scale.low, scale.high)
    if (scale.low, scale.high) == (0.0, 1.0):
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])


def _tick_text(value: float, position: int | None) -> str:
    return number_text(float(value))


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
    # On accuracies' limits a line may run along the edge, where clipping would halve it.
    clip = not scale.holds_all
    for curve in line.curves:
        shown = each_seed or curve.status in ("diverged", "stopped")
        if several and shown and len(curve.x) > 1:
            axes.plot(
                curve.x,
                curve.y,
                color=look.color,
                linewidth=style.SEED_WIDTH,
                alpha=style.SEED_ALPHA,
                clip_on=clip,
                label="_seed",
            )
    if several:
        axes.fill_between(
            line.x, line.low, line.high, color=look.color, alpha=style.BAND_ALPHA, linewidth=0
        )
    # One record of runs that all diverged is under their marks already.
    point = len(line.x) == 1 and line.diverged < len(line.curves)
    axes.plot(
        line.x,
        line.median,
        color=look.color,
        linestyle=look.dash,
        linewidth=width,
        marker="o" if point else look.marker,
        markersize=style.POINT_SIZE * width / style.LINE_WIDTH if point else style.ARM_MARK_SIZE,
        markevery=None if point else _mark_every(look),
        clip_on=clip and not point,
        label=label,
    )


def _mark_every(look: LineStyle) -> tuple[float, float] | None:
    """Return where the markers of an arm stand, if it has any: apart from those of other arms."""
    if look.marker is None:
        return None
    return style.MARKERS[look.marker] * style.ARM_MARK_STEP, style.ARM_MARK_STEP


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
    grounded: set[float] = set()
    width = axes.bbox.width / axes.figure.dpi * 72
    step = _MARK_STEP / width * ((xlim[1] - xlim[0]) or 1.0)
    spots: list[tuple[float, float]] = []
    for curve in line.curves:
        if curve.status != "diverged":
            continue
        if curve.x:
            spots.append((curve.x[-1], scale.share(curve.y[-1])))
        else:
            place = min(max(float(curve.epoch), xlim[0]), xlim[1])
            place = _free_place(place, step, xlim, taken)
            spots.append((place, 0.0))
            grounded.add(place)
    taken.extend(grounded)
    _draw_spots(axes, spots, look, "diverged")


def draw_stops(axes: Axes, line: Line, look: LineStyle, scale: Scale) -> None:
    """Mark where each run that stopped early had its last record."""
    stopped = [curve for curve in line.curves if curve.status == "stopped" and curve.x]
    spots = [(curve.x[-1], scale.share(curve.y[-1])) for curve in stopped]
    _draw_spots(axes, spots, look, "stopped")


def _draw_spots(
    axes: Axes,
    spots: Sequence[tuple[float, float]],
    look: LineStyle,
    status: style.Marked,
) -> None:
    if spots:
        # y is a share of the panel: a mark stays in sight where the loss has left the limits.
        axes.plot(
            [x for x, _ in spots],
            [y for _, y in spots],
            transform=axes.get_xaxis_transform(),
            color=look.color,
            linestyle="none",
            clip_on=False,
            zorder=5,
            label=f"_{status}",
            **style.MARKS[status],
        )


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
