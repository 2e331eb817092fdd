"""The frame of every figure: page, title, legend, caption, and matplotlib's parameters.

Figures are made with matplotlib's objects and never with pyplot: no global state, no window, and
nothing of the user's own settings, so that a figure looks the same wherever it is drawn.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D

from bnexp.errors import ConfigError
from bnexp.plots import layout, style
from bnexp.plots.lines import Line
from bnexp.plots.style import LineStyle

#: What each format is told to leave out, so that bytes do not depend on the moment.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": "bnexp"},
    "pdf": {"CreationDate": None, "Creator": "bnexp"},
}
#: Parameters that belong to the process, not to a figure's look.
_NOT_LOOKS = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "timezone"})
_CHARACTER = 0.54
_BOLD_CHARACTER = 0.68


@contextmanager
def own_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and ours on top, whatever the user's settings are."""
    looks: dict[Any, Any] = {
        key: value for key, value in dict.items(mpl.rcParamsDefault) if key not in _NOT_LOOKS
    }
    with mpl.rc_context(looks | dict(style.RC)):
        yield


def render_figure(figure: Figure, format: str) -> bytes:
    """Return the bytes of ``figure`` in one of the formats of ``METADATA``."""
    buffer = BytesIO()
    with own_style():
        figure.savefig(buffer, format=format, dpi=style.DPI, metadata=METADATA[format])
    return buffer.getvalue()


class PageFigure(Figure):
    """A figure that a notebook shows by itself, without pyplot."""

    def _repr_png_(self) -> bytes:
        return render_figure(self, "png")


def caption_width(page_width: float) -> int:
    """Return how many characters of the caption fit on a page of ``page_width`` inches."""
    inches = page_width - layout.EDGE * 2
    return int(inches * 72 / (style.CAPTION_SIZE * _CHARACTER))


def new_figure(page: layout.Page) -> Figure:
    """Return an empty figure of the page's size, with a canvas that draws in memory."""
    figure = PageFigure(figsize=(page.width, page.height))
    FigureCanvasAgg(figure)
    return figure


def title_lines(title: str, page_width: float) -> list[str]:
    """Return the title of a page ``page_width`` inches wide in lines.

    Raises ConfigError when the figures' font has not all of its characters.
    """
    font = get_font(findfont(FontProperties(family=style.RC["font.family"], weight="bold")))
    missing = [char for char in title if not char.isspace() and not font.get_char_index(ord(char))]
    if missing:
        raise ConfigError(
            f"title: the font of figures has no {ascii(missing[0])[1:-1]} ({missing[0]}); use "
            "other characters, or in Python figure.suptitle(TEXT, family=FONT)"
        )
    most = int((page_width - 2 * layout.EDGE) * 72 / (style.TITLE_SIZE * _BOLD_CHARACTER))
    return [line for part in title.splitlines() for line in textwrap.wrap(part, most)]


def add_texts(
    figure: Figure, page: layout.Page, title: Sequence[str], caption: Sequence[str]
) -> None:
    """Write the title at the top left and the caption at the bottom left."""
    left = layout.EDGE / page.width
    if title:
        figure.suptitle(
            "\n".join(title),
            x=left,
            y=1 - layout.EDGE / page.height,
            ha="left",
            va="top",
            size=style.TITLE_SIZE,
            weight="bold",
            linespacing=1.2,
            parse_math=False,
        )
    figure.text(
        left,
        layout.EDGE / page.height,
        "\n".join(caption),
        ha="left",
        va="bottom",
        size=style.CAPTION_SIZE,
        color=style.MUTED,
        linespacing=1.25,
        gid="caption",
    )


def title_size(length: float, width: float) -> float:
    """Return the size in points of titles of up to ``length`` characters over panels so wide."""
    return min(style.PANEL_TITLE_SIZE, width * 72 / (max(length, 1) * _CHARACTER * 1.1))


def legend_columns(labels: Sequence[str], width: float) -> int:
    """Return in how many columns legend entries fit on a page ``width`` inches wide."""
    inch = style.LEGEND_SIZE / 72
    for columns in range(len(labels), 1, -1):
        longest = [max(map(len, labels[start::columns])) for start in range(columns)]
        if sum(0.62 * length + 5.5 for length in longest) * inch <= width - 2 * layout.EDGE:
            return columns
    return 1


def legend_handle(label: str, look: LineStyle, *, point: bool = False) -> Line2D:
    """Return the legend's sample of a line, or of a ``point`` that stands alone."""
    return Line2D(
        [],
        [],
        color=look.color,
        linestyle="none" if point else look.dash,
        linewidth=style.LINE_WIDTH,
        marker="o" if point else look.marker,
        markersize=style.POINT_SIZE if point else style.ARM_MARK_SIZE,
        label=label,
    )


def mark_handles(lines: Sequence[Line]) -> list[Line2D]:
    """Return the legend's samples of the marks of runs that diverged or stopped, where any did."""
    labels: dict[style.Marked, str] = {
        "diverged": "a run diverged",
        "stopped": "a run stopped early",
    }
    return [
        Line2D([], [], color=style.MUTED, linestyle="none", label=label, **style.MARKS[status])
        for status, label in labels.items()
        if any(line.count(status) for line in lines)
    ]


def add_legend(figure: Figure, page: layout.Page, handles: Sequence[Line2D], columns: int) -> None:
    """Add the figure's one legend under the title, above all panels, in the order of reading."""
    # matplotlib fills column by column.
    ordered = [handle for column in range(columns) for handle in handles[column::columns]]
    top = 1 - (layout.EDGE + page.heading) / page.height
    figure.legend(
        handles=ordered,
        loc="upper left",
        bbox_to_anchor=(layout.EDGE / page.width, top),
        ncols=columns,
        borderpad=0,
        borderaxespad=0,
        handlelength=2.4,
        handletextpad=0.6,
        columnspacing=1.8,
        labelspacing=0.45,
    )
