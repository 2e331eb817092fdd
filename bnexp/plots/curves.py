"""The picture of one run: accuracy and loss side by side, on training, validation and test data.

Several seeds give a median and a band, with each seed thin beneath. A metric that was not recorded
is left out; one that was recorded once, at the end, is a point.
"""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnexp.errors import ConfigError
from bnexp.plots import draw, frame, layout, style
from bnexp.plots.caption import caption_lines
from bnexp.plots.choose import choose_metric, recorded_metrics
from bnexp.plots.limits import x_limits, y_scale
from bnexp.plots.lines import Line
from bnexp.plots.marks import draw_marks, draw_stops
from bnexp.plots.notes import Note, Point, line_points, panel_notes
from bnexp.plots.panels import Panel, Selection, select_panels
from bnexp.plots.shown import retitle
from bnexp.plots.style import LineStyle
from bnexp.store.results import Results

#: What is evaluated, with its words in the legend and its look.
PARTS: Mapping[str, tuple[str, LineStyle]] = {
    "train": ("training", style.PART_LOOKS["train"]),
    "running": ("training (running mean over mini-batches)", style.PART_LOOKS["running"]),
    "val": ("validation", style.PART_LOOKS["val"]),
    "test": ("test", style.PART_LOOKS["test"]),
}
#: Room between the panels: the right one has tick labels and an axis label of its own.
_GAP = 0.75


def plot_curves(results: Results, *, title: str | None = None) -> Figure:
    """Draw accuracy and loss of a run by epoch, as a matplotlib figure.

    ``title`` stands over it in place of the name; none does if it is empty.

    Raises:
        ConfigError: the results are a sweep's, no metric was recorded, or the font of figures has
            not all characters of the title.
    """
    results = retitle(results, title)
    if results.axes:
        raise ConfigError(
            f"these results sweep {', '.join(results.axes)}: draw them with plot_grid"
        )
    choose_metric(results, None)
    chosen = {metric: select_panels(results, y=metric) for metric in recorded_metrics(results)}
    kinds = [kind for kind in ("accuracy", "loss") if any(m.endswith(kind) for m in chosen)]
    with frame.own_style():
        return _draw_curves(results, chosen, kinds)


def _draw_curves(results: Results, chosen: Mapping[str, Selection], kinds: list[str]) -> Figure:
    parts = [part for part in PARTS if any(metric.startswith(part) for metric in chosen)]
    once = {
        part: all(
            len(line.x) == 1
            for metric, selection in chosen.items()
            if metric.startswith(part)
            for line in selection.lines
        )
        for part in parts
    }
    handles = [frame.legend_handle(*PARTS[part], point=once[part]) for part in parts]
    selections = list(chosen.values())
    lines = [line for selection in selections for line in selection.lines]
    handles += frame.mark_handles(lines)
    width = layout.page_width(len(kinds), _GAP)
    columns = frame.legend_columns([str(handle.get_label()) for handle in handles], width)
    # The one with thin lines, which a metric recorded once has not: the caption explains them.
    shown = max(selections, key=lambda s: any(line.has_seed_lines for line in s.lines))
    caption = caption_lines(results, shown, frame.caption_width(width), metrics=list(chosen))
    title = frame.title_lines(results.config.name, width)
    page = layout.make_page(
        len(kinds),
        panel_titles=False,
        legend_rows=-(-len(handles) // columns),
        caption_rows=len(caption),
        heading_rows=len(title),
        column_gap=_GAP,
    )
    figure = frame.new_figure(page)
    frame.add_texts(figure, page, title, caption)
    frame.add_legend(figure, page, handles, columns)
    xlim = x_limits(results, lines)
    for index, kind in enumerate(kinds):
        axes = figure.add_axes(page.rect(index))
        here = {
            part: chosen[f"{part}_{kind}"].panels[0].lines[0]
            for part in parts
            if f"{part}_{kind}" in chosen
        }
        points = _draw_kind(axes, kind, here, xlim)
        if index == 0:
            # All lines are of the same runs, so their counts are told once.
            notes = panel_notes(Panel("", {0: next(iter(here.values()))}))
            size = (page.panel_width, page.panel_height)
            draw.write_notes(axes, [Note(note.words, None) for note in notes], points, [], size)
    return figure


def _draw_kind(
    axes: Axes,
    kind: str,
    lines: Mapping[str, Line],
    xlim: tuple[float, float],
) -> list[Point]:
    """Draw the lines of accuracies or of losses; return the points that they cover."""
    scale = y_scale(kind, lines.values())
    draw.set_scales(axes, xlim, scale)
    axes.set_ylabel(kind)
    axes.set_xlabel("epoch")
    taken: list[float] = []
    points: list[Point] = []
    for part, line in lines.items():
        label, look = PARTS[part]
        if line.x:
            draw.draw_line(axes, line, look, label, each_seed=True)
        # A run that another line marks already needs no mark on the floor as well.
        marked = line if not points else line.recorded
        draw_marks(axes, marked, look, scale, xlim, taken)
        draw_stops(axes, line, look, scale)
        points.extend(line_points(line, xlim, scale))
    return points
