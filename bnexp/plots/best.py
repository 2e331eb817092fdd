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
from bnexp.plots.choose import recorded_metrics
from bnexp.plots.curves import PARTS
from bnexp.plots.grid import label_outer
from bnexp.plots.limits import Scale, x_limits, y_scale
from bnexp.plots.lines import Line, make_line
from bnexp.plots.notes import line_points, panel_notes
from bnexp.plots.panels import Panel, Selection
from bnexp.plots.words import METRIC_WORDS, number_text, value_labels
from bnexp.store.search import SearchResults
from bnexp.trials import rung_epochs
from bnexp.trials.rank import Ranked

#: Panels of the figure: four rows of five.
MOST = 20
#: Characters of a line in a panel's title.
_TITLE_WIDTH = 31


def plot_best(results: SearchResults) -> Figure:
    """Draw training and validation curves of the best 20 trials, as a matplotlib figure.

    Raises:
        ConfigError: no trial has a record yet.
    """
    shown = [ranked for ranked in results.ranked if ranked.value is not None][:MOST]
    if not shown:
        raise ConfigError(nothing_to_draw(results))
    with frame.own_style():
        return _draw(results, shown)


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


def _metrics(results: SearchResults) -> dict[str, str]:
    """Return the metric to draw of each part: those of the objective's kind."""
    objective, recorded = results.objective, recorded_metrics(results)
    kind = objective.partition("_")[2]
    found = {part: f"{part}_{kind}" for part in PARTS if f"{part}_{kind}" in recorded}
    if not objective.startswith("test"):
        found.pop("test", None)  # of the chosen trials alone, and after the choice
    return found


def _draw(results: SearchResults, shown: Sequence[Ranked]) -> Figure:
    metrics = _metrics(results)
    panels = [
        {
            part: make_line([ranked.cell], results.runs, metric, quantiles=False)
            for part, metric in metrics.items()
        }
        for ranked in shown
    ]
    lines = [line for panel in panels for line in panel.values()]
    titles = [_title(results, ranked, shown) for ranked in shown]
    rows = max(title.count("\n") + 1 for title in titles)
    once = {part: all(len(panel[part].x) == 1 for panel in panels) for part in metrics}
    handles = [frame.legend_handle(*PARTS[part], point=once[part]) for part in metrics]
    handles += frame.mark_handles(lines)
    count, kind = len(shown), results.objective.partition("_")[2]
    width = layout.page_width(layout.grid_shape(count)[1])
    columns = frame.legend_columns([str(handle.get_label()) for handle in handles], width)
    first = f"The best {count} of {len(results.cells)} trials by {ranking_words(results)}"
    text = search_caption(results, first, [*metrics.values()], frame.caption_width(width))
    caption = text.split("\n")
    page = layout.make_page(
        count,
        panel_titles=True,
        legend_rows=-(-len(handles) // columns),
        caption_rows=len(caption),
        title_rows=rows,
    )
    figure = frame.new_figure(page)
    frame.add_texts(figure, page, results.config.name, caption)
    frame.add_legend(figure, page, handles, columns)
    longest = max(len(line) for title in titles for line in title.split("\n"))
    size = frame.title_size(longest, page.panel_width)
    xlim, scale = x_limits(results, lines), y_scale(kind, lines)
    axes: Axes | None = None
    for index, (title, panel) in enumerate(zip(titles, panels, strict=True)):
        axes = figure.add_axes(page.rect(index), sharex=axes, sharey=axes)
        if index == 0:
            draw.set_scales(axes, xlim, scale)
        axes.set_title(title, size=size, linespacing=1.15)
        _draw_panel(axes, panel, xlim, scale, (page.panel_width, page.panel_height))
        label_outer(axes, index, count, page, kind)
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
            draw.draw_line(axes, line, look, label, scale, each_seed=False)
        draw.draw_stops(axes, line, look, scale)
        points.extend(line_points(line, xlim, scale))
    notes = panel_notes(Panel("", {0: next(iter(panel.values()))}))
    draw.write_notes(axes, [replace(note, arm=None) for note in notes], points, [], size)


def _title(results: SearchResults, ranked: Ranked, shown: Sequence[Ranked]) -> str:
    """Return a title in lines: rank, trial and objective, then the values."""
    value = number_text(ranked.value) if ranked.value is not None else ""
    head = f"best {ranked.rank} (trial {ranked.cell.trial}): {value}"
    labels = [
        value_labels(results.config, {key: [one.cell.values[key] for one in shown]}, key)[
            ranked.cell.values[key]
        ]
        for key in results.axes
    ]
    lines = [""]
    for label in labels:
        joined = f"{lines[-1]}, {label}" if lines[-1] else label
        if lines[-1] and len(joined) > _TITLE_WIDTH:
            lines.append(label)
        else:
            lines[-1] = joined
    return "\n".join([head, *lines])
