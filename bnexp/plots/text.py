"""The grid for terminals: a line of text for each arm of each panel, with a small curve in it.

Beside the curve stand the final value (the median, with several seeds) and how the runs ended.
Curves share one scale, as in the figure. No matplotlib and no NumPy here, so it is there at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnexp.plots.limits import Scale, y_scale
from bnexp.plots.lines import Line, count_note
from bnexp.plots.panels import Selection, seed_counts, select_panels
from bnexp.plots.words import METRIC_WORDS, number_text
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
    y: str | None = None,
    panel: str | None = None,
    arm: str | None = None,
    width: int = 80,
    ascii: bool = False,
) -> str:
    """Return the panels of a sweep as text, at most ``width`` columns wide (40 or more).

    ``y``, ``panel`` and ``arm`` are those of ``plot_grid``; any number of panels and arms is shown.
    With ``ascii`` curves are of ASCII characters, for terminals that cannot show blocks.

    Raises:
        ConfigError: a metric that is not recorded, or a key that is not swept.
    """
    width = max(width, 40)
    selection = select_panels(results, y=y, panel=panel, arm=arm, plain=True)
    scale = y_scale(selection.metric, selection.lines)
    epochs = sorted({x for line in selection.lines for x in line.x})
    words: list[_Words] = []
    lines: list[Line] = []
    uneven = len(seed_counts(selection.lines)) > 1
    for found in selection.panels:
        for index, line in found.lines.items():
            title = found.title if index == min(found.lines) else ""
            words.append((title, selection.arms[index].label, _final(line), _status(line, uneven)))
            lines.append(line)
    widths = _column_widths(words, width, min(_NARROWEST, max(len(epochs), 1)))
    gaps = _GAP * sum(column > 0 for column in widths)
    size = max(1, min(width - sum(widths) - gaps, len(epochs), _WIDEST))
    curves = [_spark(line, epochs, scale, size, ascii) for line in lines]
    head = _clip(_heading(results, selection, scale, epochs), width)
    return "\n".join([head, *_table(words, curves, widths)])


_Words = tuple[str, str, str, str]


def _column_widths(rows: Sequence[_Words], width: int, curve: int) -> list[int]:
    """Return widths for panel, arm, value and status that leave ``curve`` columns free."""
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
    while sum(widths) + _GAP * 4 + curve > width:
        # The value is short and never cut.
        widest = max((0, 1, 3), key=lambda column: widths[column])
        widths[widest] -= 1
    return widths


def _table(rows: Sequence[_Words], curves: Sequence[str], widths: Sequence[int]) -> list[str]:
    text = []
    for (title, label, value, status), curve in zip(rows, curves, strict=True):
        columns = [
            _clip(title, widths[0]).ljust(widths[0]),
            _clip(label, widths[1]).ljust(widths[1]),
            curve,
            value.rjust(widths[2]),
            _clip(status, widths[3]),
        ]
        sizes = (widths[0], widths[1], 1, widths[2], widths[3])
        shown = [column for column, size in zip(columns, sizes, strict=True) if size]
        text.append((" " * _GAP).join(shown).rstrip())
    return text


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 2, 0)] + ".."[:width]


def _heading(results: Results, selection: Selection, scale: Scale, epochs: Sequence[float]) -> str:
    parts = [results.config.name, METRIC_WORDS[selection.metric]]
    if epochs:
        low, high = (number_text(float(limit), plain=True) for limit in (scale.low, scale.high))
        parts[1] += f" {low} to {high}" + (" (log)" if scale.log else "")
        parts.append(f"epochs {epochs[0]:g} to {epochs[-1]:g}")
    ids = {cell.run for cell in results.cells}
    ended = sum(run in results.runs for run in ids)
    if ended < len(ids):
        parts.append(f"{ended} of {len(ids)} runs")
    return ", ".join(parts)


def _final(line: Line) -> str:
    """Return the last median; nothing where all runs diverged."""
    if not line.x or line.diverged == len(line.curves):
        return ""
    value = line.median[-1]
    return number_text(value, plain=True) if abs(value) >= 1000 else f"{value:.3f}"


def _status(line: Line, uneven: bool) -> str:
    """Say how the runs ended; nothing where all ended well.

    Where lines are of ``uneven`` numbers of seeds, each says how many it has.
    """
    seeds = f"{line.seeds} seed{'s' if line.seeds > 1 else ''}" if uneven else ""
    return ": ".join(filter(None, (seeds, _endings(line))))


def _endings(line: Line) -> str:
    note = count_note(line)
    epochs = sorted({curve.epoch for curve in line.curves if curve.status == "diverged"})
    if not epochs:
        return note
    first, last = epochs[0], epochs[-1]
    where = f"at epoch {first}" if first == last else f"at epoch {first}-{last}"
    return note.replace("diverged", f"diverged {where}", 1)


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
