"""Where things stand on the page, in inches: how many columns, how big each panel, which margins.

Sizes are computed, not searched for: matplotlib's own layout engines draw the figure several times
to find margins that are known beforehand. No matplotlib here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Width and height of a panel by the number of columns; wider grids have smaller panels.
_SIZES = {
    1: (5.4, 3.4),
    2: (3.3, 2.4),
    3: (2.7, 1.95),
    4: (2.15, 1.55),
    5: (1.9, 1.4),
    6: (1.75, 1.3),
}
_SMALLEST = (1.6, 1.2)

LEFT = 0.66
RIGHT = 0.22
COLUMN_GAP = 0.2
ROW_GAP = 0.36
#: Tick labels and the axis label under the lowest panels.
X_LABELS = 0.46
TITLE_ROW = 0.32
#: A line more in the title of the page.
TITLE_LINE = 0.19
LEGEND_ROW = 0.23
#: Above the panels, with and without titles of their own.
PANEL_TITLE, NO_TITLE = 0.26, 0.1
#: A line more in the titles of panels.
PANEL_TITLE_ROW = 0.14
CAPTION_ROW = 0.145
EDGE = 0.1


def grid_shape(count: int) -> tuple[int, int]:
    """Return (rows, columns) for ``count`` panels: nearly square, rather wide, few gaps."""
    start = max(1, math.ceil(math.sqrt(count)))

    def cost(columns: int) -> tuple[float, int]:
        rows = math.ceil(count / columns)
        return rows * columns - count + 0.4 * (columns - rows), columns

    columns = min(range(start, start + 3), key=cost)
    return math.ceil(count / columns), min(columns, count)


@dataclass(frozen=True)
class Page:
    """A grid of equal panels on a page with margins; lengths in inches, y upwards.

    ``heading`` is the height of the title, which ``top`` includes.
    """

    rows: int
    columns: int
    panel_width: float
    panel_height: float
    top: float
    bottom: float
    column_gap: float = COLUMN_GAP
    row_gap: float = ROW_GAP
    heading: float = TITLE_ROW

    @property
    def width(self) -> float:
        """Width of the page."""
        between = self.column_gap * (self.columns - 1)
        return LEFT + self.columns * self.panel_width + between + RIGHT

    @property
    def height(self) -> float:
        """Height of the page."""
        between = self.row_gap * (self.rows - 1)
        return self.bottom + self.rows * self.panel_height + between + self.top

    def rect(self, index: int) -> tuple[float, float, float, float]:
        """Return the place of a panel as shares of the page: left, bottom, width, height."""
        row, column = divmod(index, self.columns)
        left = LEFT + column * (self.panel_width + self.column_gap)
        down = self.top + (row + 1) * self.panel_height + row * self.row_gap
        return (
            left / self.width,
            (self.height - down) / self.height,
            self.panel_width / self.width,
            self.panel_height / self.height,
        )


def panel_size(columns: int) -> tuple[float, float]:
    """Return width and height of one of ``columns`` panels side by side."""
    return _SIZES.get(columns, _SMALLEST)


def page_width(columns: int, column_gap: float = COLUMN_GAP) -> float:
    """Return the width of a page of ``columns`` panels, which no margin changes."""
    width, _ = panel_size(columns)
    return LEFT + columns * width + column_gap * (columns - 1) + RIGHT


def make_page(
    count: int,
    *,
    panel_titles: bool,
    legend_rows: int,
    caption_rows: int,
    column_gap: float = COLUMN_GAP,
    title_rows: int = 1,
    own_x: bool = False,
    heading_rows: int = 1,
) -> Page:
    """Lay out ``count`` panels under a title and a legend, over a caption.

    The title has ``heading_rows`` lines, those of panels ``title_rows``; with ``own_x`` each panel
    has an x axis of its own.
    """
    rows, columns = grid_shape(count)
    width, height = panel_size(columns)
    more = PANEL_TITLE_ROW * (title_rows - 1)
    heading = TITLE_ROW + TITLE_LINE * (heading_rows - 1) if heading_rows else 0.0
    top = EDGE + heading + LEGEND_ROW * legend_rows + more
    top += PANEL_TITLE if panel_titles else NO_TITLE
    bottom = X_LABELS + CAPTION_ROW * caption_rows + EDGE
    row_gap = ROW_GAP + more + (X_LABELS - ROW_GAP / 2 if own_x else 0)
    return Page(rows, columns, width, height, top, bottom, column_gap, row_gap, heading)
