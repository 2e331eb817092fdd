"""What stands in a figure, as the tests of plots ask for it."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def arms(axes: Axes) -> dict[str, Line2D]:
    return {str(li.get_label()): li for li in axes.lines if not str(li.get_label()).startswith("_")}


def marks(axes: Axes, status: str = "diverged") -> list[tuple[float, float]]:
    found = [line for line in axes.lines if line.get_label() == f"_{status}"]
    return [(float(x), float(y)) for line in found for x, y in np.asarray(line.get_xydata())]


def words(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_gid() != "title"]


def title_lines(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_gid() == "title"]


def caption(figure: Figure) -> str:
    (text,) = (text for text in figure.texts if text.get_gid() == "caption")
    return text.get_text()


def visible_texts(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Every text that is drawn, with its place in pixels."""
    figure.canvas.draw()
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()
    hidden = {
        id(label)
        for axes in figure.axes
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if label is tick.label2 or not limits[0] <= tick.get_loc() <= limits[1]
    }
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible() and id(text) not in hidden:
            yield text.get_text(), text.get_window_extent(renderer)


def assert_no_overlap(figure: Figure) -> None:
    page = figure.bbox
    found = []
    for text, box in visible_texts(figure):
        assert page.x0 <= box.x0, text
        assert box.x1 <= page.x1, text
        assert page.y0 <= box.y0, text
        assert box.y1 <= page.y1, text
        found.append((text, box))
    for i, (text, box) in enumerate(found):
        for other, there in found[:i]:
            assert not box.overlaps(there), (text, other, box, there)
    outside = {title for axes in figure.axes for title in (axes.get_title(), *title_lines(axes))}
    outside |= set(caption(figure).splitlines()) | {caption(figure)}
    outside |= {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    for text, box in found:
        if text in outside:
            for axes in figure.axes:
                assert not box.overlaps(axes.bbox), text
