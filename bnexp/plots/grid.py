"""The grid of panels: one axis of the sweep from panel to panel, the arms compared inside each.

The look is that of Fig. 6-18 in "Deep Learning from Scratch": small panels with shared axes, batch
norm solid, no norm dashed, labels on the outer panels only, and one legend for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnexp.errors import ConfigError
from bnexp.plan import AxisValue
from bnexp.plots import draw, frame, layout, style
from bnexp.plots.caption import caption_lines
from bnexp.plots.choose import choose_metrics
from bnexp.plots.limits import Scale, x_limits, y_scale
from bnexp.plots.marks import draw_marks, draw_stops
from bnexp.plots.notes import Point, line_points, panel_notes
from bnexp.plots.overlap import has_hidden
from bnexp.plots.panels import Selection, select_panels
from bnexp.plots.shown import Only, keep_only, retitle
from bnexp.plots.strokes import (
    Stroke,
    arm_looks,
    axis_words,
    legend_entries,
    panel_lines,
    panel_strokes,
    plan_strokes,
)
from bnexp.store.results import Results


def plot_grid(
    results: Results,
    *,
    y: str | Sequence[str] | None = None,
    panel: str | None = None,
    arm: str | None = None,
    only: Only | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the panels of a sweep, finished or not, as a matplotlib figure.

    ``y`` is a metric, or several accuracies or losses to draw in one panel (default: the config's
    ``plot.y``, else the first accuracy recorded); ``panel`` and ``arm`` are swept keys (defaults:
    the config's, else ``norm.kind`` for the arms and the axis with most values for the panels; a
    single axis makes arms if it has at most six numbers or eight words). ``only`` maps swept keys
    to the values that are drawn: ``{"init.scale": [1, 0.1]}``. ``title`` stands over the figure in
    place of the name; none does if it is empty.
    No window is opened and no global state touched.

    Raises:
        ConfigError: a metric that is not recorded or not of the kind of the first, a key that is
            not swept or has no such value, or more panels or arms than one figure shows, or a
            title with characters that the font of figures has not.
    """
    results = retitle(keep_only(results, only), title)
    metrics = choose_metrics(results, y)
    selections = [select_panels(results, y=name, panel=panel, arm=arm) for name in metrics]
    _check_size(results, selections[0])
    with frame.own_style():
        return _draw_grid(results, selections)


def _check_size(results: Results, selection: Selection) -> None:
    """Refuse what no reader could tell apart, and say which axis would make a figure."""
    panels, arms = len(selection.panels), len(selection.arms)
    values = [value for found in selection.arms for value in found.values.values()]
    most = _most_arms(values if len(selection.arm_keys) == 1 else ())
    if panels > style.MAX_PANELS:
        what = f"{panels} panels by {selection.panel_key} are more than one figure shows "
        what += f"({style.MAX_PANELS})"
    elif arms > most:
        what = f"{arms} arms ({' x '.join(selection.arm_keys)}) are more than one panel shows "
        what += f"({most})"
    else:
        return
    fit = next((key for key in results.axes if _fits(results.axes, key)), None)
    remedy = f"choose --panel {fit}, or" if fit else "no other --panel helps;"
    raise ConfigError(f"{what}: {remedy} draw with --text, or fewer with --only")


def _fits(axes: Mapping[str, Sequence[AxisValue]], panel: str) -> bool:
    """Whether there is a figure of these axes with panels by one of them."""
    others = [values for key, values in axes.items() if key != panel]
    arms = math.prod(map(len, others))
    most = _most_arms(others[0] if len(others) == 1 else ())
    return len(axes[panel]) <= style.MAX_PANELS and arms <= most


def _most_arms(values: Sequence[AxisValue]) -> int:
    """Return how many arms a panel shows: more of those that are the numbers of an only axis."""
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    return style.MAX_RAMP_ARMS if values and len(numbers) == len(values) else style.MAX_ARMS


def _draw_grid(results: Results, selections: Sequence[Selection]) -> Figure:
    strokes = plan_strokes(selections)
    lines = [line for selection in selections for line in selection.lines]
    xlim, scale = x_limits(results, lines), y_scale(selections[0].metric, lines)
    figure, page = _make_frame(results, selections, strokes, scale)
    first: Axes | None = None
    for index in range(len(selections[0].panels)):
        axes = figure.add_axes(page.rect(index), sharex=first, sharey=first)
        if first is None:
            first = axes
            draw.set_scales(axes, xlim, scale)
        _draw_panel(axes, selections, strokes, index, scale, xlim, page)
        label_outer(axes, index, len(selections[0].panels), page, axis_words(selections))
    return figure


def _make_frame(
    results: Results, selections: Sequence[Selection], strokes: Sequence[Stroke], scale: Scale
) -> tuple[Figure, layout.Page]:
    """Return a figure with its title, legend and caption, and where its panels go."""
    lines = [line for selection in selections for line in selection.lines]
    handles = [
        frame.legend_handle(entry.label, entry.look)
        for entry in legend_entries(selections, strokes)
    ]
    handles += frame.mark_handles(lines)
    count = len(selections[0].panels)
    width = layout.page_width(layout.grid_shape(count)[1])
    columns = frame.legend_columns([str(handle.get_label()) for handle in handles], width)
    hidden = any(
        has_hidden(panel_strokes(selections, strokes, place), scale) for place in range(count)
    )
    caption = _caption(results, selections, frame.caption_width(width), hidden)
    title = frame.title_lines(results.config.name, width)
    page = layout.make_page(
        count,
        panel_titles=selections[0].panel_key is not None,
        legend_rows=-(-len(handles) // columns),
        caption_rows=len(caption),
        heading_rows=len(title),
    )
    figure = frame.new_figure(page)
    frame.add_texts(figure, page, title, caption)
    if handles:
        frame.add_legend(figure, page, handles, columns)
    return figure, page


def _caption(
    results: Results, selections: Sequence[Selection], width: int, hidden: bool
) -> list[str]:
    """Return the caption, of the metric that has lines of single seeds if one has."""
    shown = max(selections, key=lambda one: any(line.has_seed_lines for line in one.lines))
    metrics = [one.metric for one in selections]
    return caption_lines(results, shown, width, metrics=metrics, hidden=hidden)


def _draw_panel(
    axes: Axes,
    selections: Sequence[Selection],
    strokes: Sequence[Stroke],
    place: int,
    scale: Scale,
    xlim: tuple[float, float],
    page: layout.Page,
) -> None:
    """Draw lines, marks and counts of one panel."""
    panels = selections[0].panels
    longest = max(len(shown.title) for shown in panels)
    axes.set_title(panels[place].title, size=frame.title_size(longest, page.panel_width))
    taken: list[float] = []
    points: list[Point] = []
    lines = panel_lines(selections, strokes, place)
    for index, line in lines.items():
        label, look = strokes[index].label, strokes[index].look
        if line.x:
            each = selections[0].panel_key is None
            draw.draw_line(axes, line, look, label, each_seed=each)
        # A run that the line of another metric marks needs no mark on the floor as well.
        marked = line if not strokes[index].metric else line.recorded
        draw_marks(axes, marked, look, scale, xlim, taken)
        draw_stops(axes, line, look, scale)
        points.extend(line_points(line, xlim, scale))
    size = (page.panel_width, page.panel_height)
    names = [arm.label for arm in selections[0].arms]
    notes = panel_notes(panels[place], names, page.panel_width)
    if len(selections) > 1 and len(names) == 1:
        notes = [replace(note, arm=None) for note in notes]  # colours are those of metrics
    draw.write_notes(axes, notes, points, arm_looks(selections), size)


def label_outer(axes: Axes, index: int, count: int, page: layout.Page, words: str) -> None:
    """Label the left column, and the panels that have none below them."""
    left = index % page.columns == 0
    lowest = index + page.columns >= count
    axes.tick_params(labelleft=left, labelbottom=lowest)
    if left:
        axes.set_ylabel(words)
    if lowest:
        axes.set_xlabel("epoch")
