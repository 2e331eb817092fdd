"""The best trials of a search: a panel each, training and validation curves, the best first.

The look is that of Fig. 6-24 in "Deep Learning from Scratch": twenty panels in four rows, each
titled with its rank and the values that the trial drew.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnexp.errors import ConfigError
from bnexp.plots import draw, frame, layout
from bnexp.plots.caption import caption_lines
from bnexp.plots.choose import choose_search_metric, metric_kind, recorded_metrics
from bnexp.plots.curves import PARTS
from bnexp.plots.grid import label_outer
from bnexp.plots.limits import Scale, x_limits, y_scale
from bnexp.plots.lines import Line, make_line
from bnexp.plots.marks import draw_stops
from bnexp.plots.notes import line_points, panel_notes
from bnexp.plots.panels import Panel, Selection
from bnexp.plots.shown import retitle
from bnexp.plots.titles import draw_titles, trial_titles
from bnexp.plots.words import METRIC_WORDS
from bnexp.store.search import SearchResults
from bnexp.trials import rung_epochs
from bnexp.trials.rank import Ranked

#: Panels of the figure: four rows of five.
MOST = 20


def plot_best(results: SearchResults, *, y: str | None = None, title: str | None = None) -> Figure:
    """Draw training and validation curves of the best 20 trials, as a matplotlib figure.

    They are the best by the objective; the curves are of its kind, or of that of the metric ``y``.
    ``title`` stands over the figure in place of the name; none does if it is empty.

    Raises:
        ConfigError: no trial has a record yet, ``y`` is not recorded, or the font of figures has
            not all characters of the title.
    """
    metric = choose_search_metric(results, y)
    results = retitle(results, title)
    shown = [ranked for ranked in results.ranked if ranked.value is not None][:MOST]
    if not shown:
        raise ConfigError(nothing_to_draw(results))
    with frame.own_style():
        return _draw(results, shown, metric_kind(metric))


def search_caption(results: SearchResults, first: str, metrics: Sequence[str], width: int) -> str:
    """Return the caption of a figure of a search: ``first``, then what all trials share."""
    known = results
    if {"network.depth", "network.width"} & results.axes.keys():
        known = replace(results, axes={**results.axes, "network.layers": ()})
    nothing = Selection(metrics[0], None, (), (), (), 1, False)
    lines = textwrap.wrap(first, width)
    return "\n".join([*lines, *caption_lines(known, nothing, width, metrics=metrics)])


def ranking_words(results: SearchResults) -> str:
    """Say by what trials are ranked: ``final validation accuracy``."""
    search = results.config.search
    words = f"{search.at} {METRIC_WORDS[search.objective]}"
    rungs = rung_epochs(results.config)
    if not rungs:
        return words
    epochs = ", ".join(map(str, rungs))
    return f"{words}; halving after epoch {epochs}, what it pruned ranks by how far it came"


def nothing_to_draw(results: SearchResults) -> str:
    """Say why there is no picture of a search."""
    done, total = results.finished
    when = " yet" if done < total else ": all of them diverged or failed"
    return f"{results.folder}: no trial has {results.objective}{when}"


def _metrics(results: SearchResults, kind: str) -> dict[str, str]:
    """Return the metric to draw of each part: its accuracy, or its loss."""
    recorded = recorded_metrics(results)
    found = {part: f"{part}_{kind}" for part in PARTS if f"{part}_{kind}" in recorded}
    if not results.objective.startswith("test"):
        found.pop("test", None)  # of the chosen trials alone, and after the choice
    return found


def _first_words(results: SearchResults, count: int, kind: str) -> str:
    """Return what the caption begins with: which trials these are."""
    ended = sum(ranked.result is not None for ranked in results.ranked)
    far = "" if ended == len(results.cells) else " so far"
    words = f"The best {count} of {ended} trials{far} by {ranking_words(results)}"
    return words if results.objective.endswith(kind) else f"{words}, given in the titles"


def _draw(results: SearchResults, shown: Sequence[Ranked], kind: str) -> Figure:
    metrics, titles = _metrics(results, kind), trial_titles(results, shown)
    panels = [
        {
            part: make_line([ranked.cell], results.runs, metric, quantiles=False)
            for part, metric in metrics.items()
        }
        for ranked in shown
    ]
    lines = [line for panel in panels for line in panel.values()]
    once = {part: all(len(panel[part].x) == 1 for panel in panels) for part in metrics}
    handles = [frame.legend_handle(*PARTS[part], point=once[part]) for part in metrics]
    handles += frame.mark_handles(lines)
    count = len(shown)
    width = layout.page_width(layout.grid_shape(count)[1])
    columns = frame.legend_columns([str(handle.get_label()) for handle in handles], width)
    first = _first_words(results, count, kind)
    text = search_caption(results, first, [*metrics.values()], frame.caption_width(width))
    caption = text.split("\n")
    title = frame.title_lines(results.config.name, width)
    page = layout.make_page(
        count,
        panel_titles=True,
        legend_rows=-(-len(handles) // columns),
        caption_rows=len(caption),
        heading_rows=len(title),
        title_rows=len(titles[0]),
    )
    figure = frame.new_figure(page)
    frame.add_texts(figure, page, title, caption)
    frame.add_legend(figure, page, handles, columns)
    xlim, scale = x_limits(results, lines), y_scale(kind, lines)
    axes: Axes | None = None
    for index, panel in enumerate(panels):
        axes = figure.add_axes(page.rect(index), sharex=axes, sharey=axes)
        if index == 0:
            draw.set_scales(axes, xlim, scale)
        _draw_panel(axes, panel, xlim, scale, (page.panel_width, page.panel_height))
        label_outer(axes, index, count, page, kind)
    draw_titles(figure.axes, titles, page.panel_width)
    return figure


def _draw_panel(
    axes: Axes,
    panel: Mapping[str, Line],
    xlim: tuple[float, float],
    scale: Scale,
    size: tuple[float, float],
) -> None:
    points = []
    for part, line in panel.items():
        label, look = PARTS[part]
        if line.x:
            draw.draw_line(axes, line, look, label, each_seed=False)
        draw_stops(axes, line, look, scale)
        points.extend(line_points(line, xlim, scale))
    notes = panel_notes(Panel("", {0: next(iter(panel.values()))}))
    draw.write_notes(axes, [replace(note, arm=None) for note in notes], points, [], size)
