"""The grid of panels: one axis of the sweep from panel to panel, the arms compared inside each.

The look is that of Fig. 6-18 in "Deep Learning from Scratch": small panels with shared axes, batch
norm solid, no norm dashed, labels on the outer panels only, and one legend for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnexp.errors import ConfigError
from bnexp.plan import AxisValue
from bnexp.plots import draw, frame, layout, style
from bnexp.plots.caption import caption_lines
from bnexp.plots.limits import Scale, x_limits, y_scale
from bnexp.plots.notes import Point, line_points, panel_notes
from bnexp.plots.overlap import line_widths
from bnexp.plots.panels import Panel, Selection, select_panels
from bnexp.plots.style import LineStyle
from bnexp.plots.words import METRIC_WORDS
from bnexp.store.results import Results


def plot_grid(
    results: Results, *, y: str | None = None, panel: str | None = None, arm: str | None = None
) -> Figure:
    """Draw the panels of a sweep, finished or not, as a matplotlib figure.

    ``y`` is a metric (default: the config's ``plot.y``, else the first accuracy recorded);
    ``panel`` and ``arm`` are swept keys (defaults: the config's, else ``norm.kind`` for the arms
    and the axis with most values for the panels; a single axis makes arms if it has at most
    six numbers or eight words).
    No window is opened and no global state touched.

    Raises:
        ConfigError: a metric that is not recorded, a key that is not swept, or more panels or arms
            than one figure shows.
    """
    selection = select_panels(results, y=y, panel=panel, arm=arm)
    _check_size(results, selection)
    with frame.own_style():
        return _draw_grid(results, selection)


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
    raise ConfigError(f"{what}: {remedy} draw with --text")


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


def _draw_grid(results: Results, selection: Selection) -> Figure:
    looks = style.line_styles([found.values for found in selection.arms])
    handles = [
        frame.legend_handle(found.label, look)
        for found, look in zip(selection.arms, looks, strict=True)
        if found.label
    ]
    handles += frame.mark_handles(selection.lines)
    count = len(selection.panels)
    width = layout.page_width(layout.grid_shape(count)[1])
    columns = frame.legend_columns([str(handle.get_label()) for handle in handles], width)
    caption = caption_lines(results, selection, frame.caption_width(width))
    page = layout.make_page(
        count,
        panel_titles=selection.panel_key is not None,
        legend_rows=-(-len(handles) // columns),
        caption_rows=len(caption),
    )
    figure = frame.new_figure(page)
    frame.add_texts(figure, page, results.config.name, caption)
    if handles:
        frame.add_legend(figure, page, handles, columns)
    xlim = x_limits(results, selection.lines)
    scale = y_scale(selection.metric, selection.lines)
    first: Axes | None = None
    for index, shown in enumerate(selection.panels):
        axes = figure.add_axes(page.rect(index), sharex=first, sharey=first)
        if first is None:
            first = axes
            draw.set_scales(axes, xlim, scale)
        _draw_panel(axes, shown, selection, looks, scale, xlim, page)
        label_outer(axes, index, count, page, METRIC_WORDS[selection.metric])
    return figure


def _draw_panel(
    axes: Axes,
    panel: Panel,
    selection: Selection,
    looks: list[LineStyle],
    scale: Scale,
    xlim: tuple[float, float],
    page: layout.Page,
) -> None:
    """Draw lines, marks and counts of one panel."""
    longest = max(len(shown.title) for shown in selection.panels)
    axes.set_title(panel.title, size=frame.title_size(longest, page.panel_width))
    taken: list[float] = []
    points: list[Point] = []
    widths = line_widths(panel.lines, scale)
    for index, line in panel.lines.items():
        label = selection.arms[index].label or METRIC_WORDS[selection.metric]
        if line.x:
            each = selection.panel_key is None
            draw.draw_line(
                axes, line, looks[index], label, scale, each_seed=each, width=widths[index]
            )
        draw.draw_marks(axes, line, looks[index], scale, xlim, taken)
        draw.draw_stops(axes, line, looks[index], scale)
        points.extend(line_points(line, xlim, scale))
    draw.write_notes(axes, panel_notes(panel), points, looks, (page.panel_width, page.panel_height))


def label_outer(axes: Axes, index: int, count: int, page: layout.Page, words: str) -> None:
    """Label the left column, and the panels that have none below them."""
    left = index % page.columns == 0
    lowest = index + page.columns >= count
    axes.tick_params(labelleft=left, labelbottom=lowest)
    if left:
        axes.set_ylabel(words)
    if lowest:
        axes.set_xlabel("epoch")
