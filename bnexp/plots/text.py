"""The grid for terminals: a line of text for each arm of each panel, with a small curve in it.

Beside the curve stand the final values (medians, with several seeds), of training, validation and
test examples where they were recorded, and how the runs ended. Curves share one scale, as in the
figure. No matplotlib and no NumPy here, so it is there at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bnexp.plots.choose import choose_metrics, metric_kind, recorded_metrics
from bnexp.plots.limits import Scale, y_scale
from bnexp.plots.lines import Line, count_note
from bnexp.plots.panels import Selection, seed_counts, select_panels
from bnexp.plots.shown import Only, keep_only, retitle
from bnexp.plots.words import METRIC_WORDS, join_words, number_text, part_words
from bnexp.records import Status
from bnexp.store.results import Results

#: Levels of a curve from low to high, and the mark where it ends in divergence.
_BLOCKS, _BLOCK_MARK = "▁▂▃▄▅▆▇█", "×"
_LETTERS, _LETTER_MARK = "_.-~=+*#", "x"
#: Fewest and most characters that a curve takes.
_NARROWEST, _WIDEST = 8, 40
_GAP = 2


def text_grid(
    results: Results,
    *,
    y: str | Sequence[str] | None = None,
    panel: str | None = None,
    arm: str | None = None,
    only: Only | None = None,
    title: str | None = None,
    width: int = 80,
    ascii: bool = False,
) -> str:
    """Return the panels of a sweep as text, at most ``width`` columns wide (40 or more).

    ``y``, ``panel``, ``arm``, ``only`` and ``title`` are those of ``plot_grid``; any number of
    panels and arms is shown, each with a line for every metric of ``y``.
    With ``ascii`` curves are of ASCII characters, for terminals that cannot show blocks.

    Raises:
        ConfigError: a metric that is not recorded or not of the kind of the first, or a key that
            is not swept or has no such value.
    """
    width = max(width, 40)
    results = retitle(keep_only(results, only), title)
    metrics = choose_metrics(results, y)

    def select(metric: str) -> Selection:
        return select_panels(results, y=metric, panel=panel, arm=arm, plain=True)

    grids = [select(metric) for metric in metrics]
    lines = [line for grid in grids for line in grid.lines]
    scale = y_scale(metrics[0], lines)
    epochs = sorted({x for line in lines for x in line.x})
    columns = [metrics[0]]
    if len(metrics) == 1:
        kind = metric_kind(metrics[0])
        columns += [
            n for n in recorded_metrics(results) if metric_kind(n) == kind and n != columns[0]
        ]
        rows = _rows([*grids, *map(select, columns[1:])])
    else:
        rows = _metric_rows(grids)
    names, widths = _fitting(columns, rows, width, min(_NARROWEST, max(len(epochs), 1)))
    gaps = _GAP * sum(column > 0 for column in widths)
    size = max(1, min(width - sum(widths) - gaps, len(epochs), _WIDEST))
    text = [_clip(_heading(results, metrics, scale, epochs), width)]
    if len(names) > 1:
        text.append(_row_text(("", "", ""), names, " " * size, widths))
    for row in rows:
        curve = _spark(row.line, epochs, scale, size, ascii)
        text.append(_row_text(row.words, row.values[: len(names)], curve, widths))
    return "\n".join(text)


@dataclass(frozen=True)
class _Row:
    """One line of the grid: panel, arm and status in words, final values, and what is drawn."""

    words: tuple[str, str, str]
    values: tuple[str, ...]
    line: Line


def _rows(grids: Sequence[Selection]) -> list[_Row]:
    """Return a row for each arm of each panel, with its final value in each of ``grids``."""
    shown = grids[0]
    uneven = len(seed_counts(shown.lines)) > 1
    rows = []
    for place, panel in enumerate(shown.panels):
        for index, line in panel.lines.items():
            title = panel.title if index == min(panel.lines) else ""
            words = (title, shown.arms[index].label, _status(line, uneven))
            values = (_final(grid.panels[place].lines[index]) for grid in grids)
            rows.append(_Row(words, tuple(values), line))
    return rows


def _metric_rows(grids: Sequence[Selection]) -> list[_Row]:
    """Return a row for each arm and metric of each panel, with its own final value."""
    rows = []
    for of_arm in zip(*map(_own_rows, grids), strict=True):
        for grid, row in zip(grids, of_arm, strict=True):
            title, arm, status = row.words
            label = ", ".join(filter(None, (arm, part_words(grid.metric))))
            words = (title, label, status) if grid is grids[0] else ("", label, "")
            rows.append(replace(row, words=words))
    return rows


def _own_rows(grid: Selection) -> list[_Row]:
    return _rows([grid])


def _fitting(
    metrics: Sequence[str], rows: Sequence[_Row], width: int, curve: int
) -> tuple[list[str], list[int]]:
    """Return the names of the columns of values that have room, and the widths of all columns.

    These are panel, arm, status and the values; ``curve`` columns are left free. A single column of
    values has no name.
    """
    words = [max((len(row.words[i]) for row in rows), default=0) for i in range(3)]
    for count in range(len(metrics), 0, -1):
        names = [name.partition("_")[0] for name in metrics[:count]] if count > 1 else [""]
        sizes = [
            max([len(name), *(len(row.values[i]) for row in rows)]) for i, name in enumerate(names)
        ]
        if sum(words) + sum(sizes) + _GAP * (len(words) + count) + curve <= width:
            break
    while sum(words) + sum(sizes) + _GAP * 4 + curve > width:
        # Values are short and never cut.
        words[words.index(max(words))] -= 1
    return names, words + sizes


def _row_text(
    words: Sequence[str], values: Sequence[str], curve: str, widths: Sequence[int]
) -> str:
    """Return a line of panel, arm, curve, values and status; an empty column takes no room."""
    title, label, status = (
        _clip(text, width).ljust(width) for text, width in zip(words, widths[:3], strict=True)
    )
    numbers = [value.rjust(width) for value, width in zip(values, widths[3:], strict=True)]
    columns = [title, label, curve, *numbers, status]
    return (" " * _GAP).join(filter(None, columns)).rstrip()


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 2, 0)] + ".."[:width]


def _heading(
    results: Results, metrics: Sequence[str], scale: Scale, epochs: Sequence[float]
) -> str:
    words = join_words([*map(part_words, metrics[:-1]), METRIC_WORDS[metrics[-1]]])
    parts = [" ".join(results.config.name.split()), words]
    if epochs:
        low, high = (number_text(float(limit), plain=True) for limit in (scale.low, scale.high))
        parts[1] += f" {low} to {high}" + (" (log)" if scale.log else "")
        parts.append(f"epochs {epochs[0]:g} to {epochs[-1]:g}")
    ids = {cell.run for cell in results.cells}
    ended = sum(run in results.runs for run in ids)
    if ended < len(ids):
        parts.append(f"{ended} of {len(ids)} runs")
    return ", ".join(filter(None, parts))


def _final(line: Line) -> str:
    """Return the median of the runs' last values; nothing where all runs diverged."""
    value = line.final
    if value is None:
        return ""
    return number_text(value, plain=True) if abs(value) >= 1000 else f"{value:.3f}"


def _status(line: Line, uneven: bool) -> str:
    """Say how the runs ended; nothing where all ended well.

    Where lines are of ``uneven`` numbers of seeds, each says how many it has.
    """
    seeds = f"{line.seeds} seed{'s' if line.seeds > 1 else ''}" if uneven else ""
    return ": ".join(filter(None, (seeds, _endings(line))))


def _endings(line: Line) -> str:
    """Say how many runs diverged, stopped early or failed, and at which epochs."""
    note = count_note(line)
    ends: tuple[Status, ...] = ("diverged", "stopped")
    for status in ends:
        epochs = sorted({curve.epoch for curve in line.curves if curve.status == status})
        if epochs:
            first, last = epochs[0], epochs[-1]
            where = f"at epoch {first}" if first == last else f"at epoch {first}-{last}"
            note = note.replace(status, f"{status} {where}", 1)
    return note


def _spark(line: Line, epochs: Sequence[float], scale: Scale, size: int, ascii: bool) -> str:
    """Draw the median in ``size`` characters: the last value of each stretch of epochs."""
    levels, mark = (_LETTERS, _LETTER_MARK) if ascii else (_BLOCKS, _BLOCK_MARK)
    place = {x: index * size // len(epochs) for index, x in enumerate(epochs)}
    cells = [" "] * size
    for x, value in zip(line.x, line.median, strict=True):
        cells[place[x]] = levels[min(int(scale.share(value) * len(levels)), len(levels) - 1)]
    for curve in line.curves:
        if curve.status == "diverged":
            end = min(place[curve.x[-1]] + 1, size - 1) if curve.x else 0
            if cells[end] == " ":
                cells[end] = mark
    return "".join(cells)
