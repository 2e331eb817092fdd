"""Where in its ranges a search found what: the objective of all trials against each searched key.

One panel for each key, on a log axis where the range is one, and one with the best objective so far
against the number of trials, which says whether more of them would be worth it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from bnexp.config.ranges import Range, range_of
from bnexp.errors import ConfigError
from bnexp.plots import draw, frame, layout, style
from bnexp.plots.best import nothing_to_draw, ranking_words, search_caption
from bnexp.plots.choose import choose_search_metric
from bnexp.plots.limits import Scale, value_scale
from bnexp.plots.shown import retitle
from bnexp.plots.style import LineStyle
from bnexp.plots.words import METRIC_WORDS, key_name, number_text, value_text
from bnexp.store.search import SearchResults
from bnexp.trials.rank import Ranked, ranking_record

#: How trials that ended in each way are drawn, and what the legend calls them.
_LOOKS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "done": ("trained to the end", {"marker": "o", "color": style.BLUE, "alpha": 0.65}),
    "stopped": ("stopped early", {"marker": "s", "color": style.GREEN, "alpha": 0.65}),
    "pruned": (
        "pruned, where it was then",
        {"marker": "o", "color": style.GREY, "markerfacecolor": "none"},
    ),
    "diverged": ("diverged", {"marker": "x", "color": style.VERMILLION}),
}
_BEST: dict[str, Any] = {"marker": "*", "color": style.VERMILLION, "markersize": 10.0, "zorder": 6}
_POINT: dict[str, Any] = {"linestyle": "none", "markersize": 4.0, "markeredgewidth": 0.9}
#: What the axis of a kind is called.
_NAMES = {"norm.kind": "norm", "optimizer.kind": "optimizer", "init.scheme": "initial weights"}
#: Most values that are all named under their axis.
_MOST_TICKS = 6
#: Estimated width of a character as a share of its size, and the smallest size of words.
_CHARACTER, _SMALLEST = 0.66, 4.5
#: Room beside the ends of a range, as a share of its length.
_MARGIN = 0.05


def plot_space(results: SearchResults, *, y: str | None = None, title: str | None = None) -> Figure:
    """Draw the objective of all trials against each searched key, as a matplotlib figure.

    With the metric ``y`` that is drawn, as it was when the objective was what a trial is ranked by;
    the best trial stays the best by the objective. ``title`` is that of ``plot_best``.

    Raises:
        ConfigError: no trial has an objective yet, ``y`` is not recorded, or the font of figures
            has not all characters of the title.
    """
    metric = choose_search_metric(results, y)
    results = retitle(results, title)
    ended = [ranked for ranked in results.ranked if ranked.result is not None]
    if all(ranked.value is None for ranked in ended):
        raise ConfigError(nothing_to_draw(results))
    with frame.own_style():
        return _draw(results, [_shown(results, one, metric) for one in ended], metric)


def _shown(results: SearchResults, ranked: Ranked, metric: str) -> Ranked:
    """Return a trial with the metric to draw as its value."""
    record = ranking_record(results.config.search, ranked.result)
    return replace(ranked, value=record.metrics.get(metric) if record else None)


def _draw(results: SearchResults, ended: Sequence[Ranked], metric: str) -> Figure:
    keys, search = list(results.axes), results.config.search
    count = len(keys) + 1
    statuses = [s for s in _LOOKS if any(one.result and one.result.status == s for one in ended)]
    handles = [_handle(*_LOOKS[status]) for status in statuses]
    handles.append(_handle("the best", _BEST))
    by = "" if metric == results.objective else f" by {METRIC_WORDS[results.objective]}"
    so_far = LineStyle(style.VERMILLION, style.SOLID)
    handles.append(frame.legend_handle(f"best so far{by}", so_far))
    width = layout.page_width(layout.grid_shape(count)[1])
    columns = frame.legend_columns([str(handle.get_label()) for handle in handles], width)
    total = len(results.cells)
    trials = f"{total}" if len(ended) == total else f"{len(ended)} of {total}"
    first = f"{trials} trials by {search.sampler}, ranked by {ranking_words(results)}"
    text = search_caption(results, first, [metric], frame.caption_width(width))
    title = frame.title_lines(results.config.name, width)
    page = layout.make_page(
        count,
        panel_titles=False,
        legend_rows=-(-len(handles) // columns),
        caption_rows=text.count("\n") + 1,
        own_x=True,
        heading_rows=len(title),
    )
    figure = frame.new_figure(page)
    frame.add_texts(figure, page, title, text.split("\n"))
    frame.add_legend(figure, page, handles, columns)
    values = [one.value for one in ended if one.value is not None]
    scale = value_scale(metric, values)
    for index in range(count):
        axes = figure.add_axes(page.rect(index))
        draw.set_scales(axes, (0.0, 1.0), scale)
        if index < len(keys):
            key = keys[index]
            _draw_key(axes, results, key, range_of(search.space[key]), ended, scale)
        else:
            _draw_progress(axes, results, ended, scale)
        axes.tick_params(labelleft=index % page.columns == 0)
        if index % page.columns == 0:
            axes.set_ylabel(METRIC_WORDS[metric])
    return figure


def _handle(label: str, look: Mapping[str, Any]) -> Line2D:
    return Line2D([], [], label=label, **{**_POINT, **look})


def _draw_key(
    axes: Axes,
    results: SearchResults,
    key: str,
    found: Range,
    ended: Sequence[Ranked],
    scale: Scale,
) -> None:
    """Draw all trials over the values of a key."""
    places = _set_x(axes, key, found)
    axes.set_xlabel(_NAMES.get(key) or key_name(results.config, results.axes, key))
    points = [(places(one.cell.values[key]), one) for one in ended]
    _draw_points(axes, points, scale)


def _set_x(axes: Axes, key: str, found: Range) -> Callable[[Any], float]:
    """Give a panel the x axis of a range; return what places a value on it."""
    points = found.points
    numbers = points is None or all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in points
    )
    if not numbers:
        values = list(points or ())
        axes.set_xlim(-0.5, len(values) - 0.5)
        _name_values(axes, [value_text(key, value) for value in values])
        return values.index
    ends = (min(points), max(points)) if points else (found.low, found.high)
    if found.is_log:
        ratio = (ends[1] / ends[0]) ** _MARGIN
        axes.set_xscale("log")
        axes.set_xlim(ends[0] / ratio, ends[1] * ratio)
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.minorticks_off()
    else:
        room = (ends[1] - ends[0]) * _MARGIN or 0.5
        axes.set_xlim(ends[0] - room, ends[1] + room)
        axes.xaxis.set_major_locator(
            MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=found.kind == "int")
        )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(float(value))))
    if found.kind == "choice" and len(found.values) <= _MOST_TICKS:
        axes.set_xticks(found.values)
    return float


def _name_values(axes: Axes, labels: Sequence[str]) -> None:
    """Write a word under each place, all of one size that keeps them apart, cut if they must be."""
    slot = axes.bbox.width / axes.figure.dpi * 72 / len(labels)
    longest = max(map(len, labels))
    size = min(style.TICK_SIZE, max(_SMALLEST, slot / (longest * _CHARACTER)))
    fits = max(1, int(slot / (size * _CHARACTER)))
    shown = [label if len(label) <= fits else f"{label[: fits - 1]}…" for label in labels]
    axes.set_xticks(range(len(labels)), shown, fontsize=size)


def _draw_points(axes: Axes, points: Sequence[tuple[float, Ranked]], scale: Scale) -> None:
    for status, (_, look) in _LOOKS.items():
        here = [(x, one) for x, one in points if one.result and one.result.status == status]
        shown = [(x, _height(one, scale)) for x, one in here]
        if shown:
            drawn = axes.plot(
                [x for x, _ in shown],
                [y for _, y in shown],
                label=f"_{status}",
                **{**_POINT, **look},
            )
            draw.clip_outside(axes, drawn, _POINT["markersize"])
    x, best = min(points, key=lambda point: point[1].rank)
    star = axes.plot([x], [_height(best, scale)], label="_best", **{**_POINT, **_BEST})
    draw.clip_outside(axes, star, _BEST["markersize"])


def _height(ranked: Ranked, scale: Scale) -> float:
    """Return where a trial stands in a panel; one without an objective lies on its floor."""
    return scale.low if ranked.value is None else scale.clamp(ranked.value)


def _draw_progress(
    axes: Axes, results: SearchResults, ended: Sequence[Ranked], scale: Scale
) -> None:
    """Draw the trials by number and the best objective among those trained to the end so far."""
    total = len(results.cells)
    axes.set_xlim(1 - _MARGIN * total, total + _MARGIN * total)
    axes.set_xlabel("trial")
    by_number = sorted(ended, key=lambda one: one.cell.trial or 0)
    _draw_points(axes, [(float(one.cell.trial or 0), one) for one in by_number], scale)
    whole = [
        one
        for one in by_number
        if one.value is not None and one.result and one.result.status != "pruned"
    ]
    best = list(accumulate(whole, _better))
    numbers = [one.cell.trial or 0 for one in whole]
    end = total if len(ended) == total else max(one.cell.trial or 0 for one in ended)
    so_far = axes.step(
        [*numbers, end],
        [one.value or 0.0 for one in (*best, best[-1])],
        where="post",
        color=style.VERMILLION,
        linewidth=style.LINE_WIDTH,
        label="best so far",
    )
    draw.clip_outside(axes, so_far, style.LINE_WIDTH)


def _better(one: Ranked, other: Ranked) -> Ranked:
    return min(one, other, key=lambda ranked: ranked.rank)
