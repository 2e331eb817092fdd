"""Titles of trials, in lines that can be compared: in every panel a line has the same keys.

Lines are texts of their own, each a fixed step above the one below: where matplotlib writes several
lines as one text, a line with a power of ten is higher than one without.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from bnexp.plots import layout, style
from bnexp.plots.frame import title_size
from bnexp.plots.words import number_text, value_labels
from bnexp.store.search import SearchResults
from bnexp.trials.rank import Ranked

#: Characters of a line.
_WIDTH = 31
#: Points from one line to the next, from a panel to the lowest, and the size of the letters.
_STEP, _ABOVE, _SIZE = layout.PANEL_TITLE_ROW * 72, 4.5, 7.8
#: Bold letters are wider.
_BOLD = 1.1


def trial_titles(results: SearchResults, shown: Sequence[Ranked]) -> list[list[str]]:
    """Return the lines of each title: rank, trial and objective, then the values."""
    columns = {}
    for key in results.axes:
        values = [one.cell.values[key] for one in shown]
        labels = value_labels(results.config, {key: values}, key)
        columns[key] = [labels[value] for value in values]
    rows = _fill({key: max(map(len, labels)) for key, labels in columns.items()})
    return [
        [_head(one), *(", ".join(columns[key][place] for key in keys) for keys in rows)]
        for place, one in enumerate(shown)
    ]


def draw_titles(panels: Sequence[Axes], titles: Sequence[Sequence[str]], width: float) -> None:
    """Write titles over panels ``width`` inches wide, from their left edges, all of one size."""
    longest = max(max(_BOLD * len(head), *map(len, values)) for head, *values in titles)
    size = min(_SIZE, title_size(longest, width))
    for axes, lines in zip(panels, titles, strict=True):
        for row, line in enumerate(lines):
            axes.annotate(
                line,
                (0, 1),
                (0, _ABOVE + _STEP * (len(lines) - 1 - row)),
                xycoords="axes fraction",
                textcoords="offset points",
                size=size,
                weight="normal" if row else "bold",
                color=style.TEXT,
                gid="title",
            )


def _head(ranked: Ranked) -> str:
    value = number_text(ranked.value) if ranked.value is not None else ""
    return f"best {ranked.rank} (trial {ranked.cell.trial}): {value}"


def _fill(lengths: dict[str, int]) -> list[list[str]]:
    """Put keys in lines by their longest labels, so that they break at the same place for all."""
    rows: list[list[str]] = []
    left = 0
    for key, length in lengths.items():
        if rows and length + len(", ") <= left:
            rows[-1].append(key)
            left -= length + len(", ")
        else:
            rows.append([key])
            left = _WIDTH - length
    return rows
