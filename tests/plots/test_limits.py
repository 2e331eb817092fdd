"""Lines and marks where a panel ends: whole on its edge, and gone beyond limits set by hand."""

from dataclasses import replace

import numpy as np
import pytest
from make_results import book_config, make_results
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from see_figure import arms

from bnexp.plots import plot_curves, plot_grid

LRS = {"optimizer.lr": (0.1, 0.01)}
BOTH = ("train_accuracy", "test_accuracy")


def pixels(figure: Figure) -> np.ndarray:
    """The figure as rows of pixels from the top, in which colours count and greys do not."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    image = np.asarray(canvas.buffer_rgba())[:, :, :3].astype(int)
    return image.max(axis=2) - image.min(axis=2) > 60


def colored_beside(figure: Figure, axes: Axes, points: float) -> tuple[int, int]:
    """Count coloured pixels within ``points`` above and below the edges of a panel."""
    colored = pixels(figure)
    box, height = axes.bbox, figure.bbox.height
    across = slice(round(box.x0) + 1, round(box.x1))
    rim = round(points * figure.dpi / 72)
    top, floor = round(height - box.y1), round(height - box.y0)
    above = colored[top - rim : top, across].sum()
    below = colored[floor + 1 : floor + 1 + rim, across].sum()
    return int(above), int(below)


def level(value: float, **options):
    """Results whose accuracies are all ``value``."""

    def flatten(record):
        return replace(record, metrics=dict.fromkeys(record.metrics, value))

    made = make_results(LRS, metrics=BOTH, **options)
    runs = {
        key: replace(run, records=tuple(map(flatten, run.records)))
        for key, run in made.runs.items()
    }
    return replace(made, runs=runs)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_line_along_the_edge_is_whole(value):
    figure = plot_grid(level(value), y="train_accuracy")
    (axes,) = figure.axes
    axes.set_ylim(0, 1)
    figure.set_dpi(288)
    assert max(colored_beside(figure, axes, 0.7)) > 0.3 * axes.bbox.width


@pytest.mark.parametrize("y", ["train_accuracy", BOTH, "train_loss"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_lines_end_where_limits_set_by_hand_do(y, seeds):
    metrics = (*BOTH, "train_loss")

    def fate(values, seed):
        return ("diverged", 3) if values["optimizer.lr"] == 0.1 and seed == 0 else ("done", 99)

    figure = plot_grid(make_results(LRS, seeds=seeds, fate=fate, metrics=metrics), y=y)
    (axes,) = figure.axes
    middle = float(np.asarray(next(iter(arms(axes).values())).get_ydata())[2])
    axes.set_xlim(1.5, 2.5)
    axes.set_ylim(0.99 * middle, 1.01 * middle)
    for text in axes.texts:
        text.set_visible(False)
    colored = pixels(figure)
    box, height = axes.bbox, figure.bbox.height
    rim = round(3 * figure.dpi / 72)
    inside = np.zeros_like(colored)
    inside[
        round(height - box.y1) - rim : round(height - box.y0) + rim,
        round(box.x0) - rim : round(box.x1) + rim,
    ] = True
    (legend,) = figure.legends
    assert (colored & inside).any()
    under_legend = round(height - legend.get_window_extent().y0)
    assert not (colored & ~inside)[under_legend:].any()


def test_marks_stay_on_their_lines_when_limits_change():
    config = book_config(evaluate={"at": "first_step", "train": "all", "test": "none"})
    results = make_results({}, config=config, fate=lambda values, seed: ("diverged", 6))
    for figure in (plot_grid(results), plot_curves(results)):
        axes = figure.axes[0]
        (mark,) = (line for line in axes.lines if line.get_label() == "_diverged")
        axes.set_ylim(0, 0.5)
        end = max(axes.lines, key=lambda line: len(np.asarray(line.get_xdata()))).get_xydata()
        there = mark.get_transform().transform(mark.get_xydata())
        np.testing.assert_allclose(there[-1], axes.transData.transform(np.asarray(end)[-1]))


def test_ticks_follow_limits_set_by_hand():
    (axes,) = plot_grid(make_results(LRS)).axes

    def shown() -> list[str]:
        axes.figure.canvas.draw()
        low, high = axes.get_ylim()
        ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
        return [label.get_text() for place, label in ticks if low <= place <= high]

    assert shown() == ["0", "", "0.5", "", "1"]
    axes.set_ylim(0.5, 0.8)
    assert shown() == ["0.5", "0.6", "0.7", "0.8"]
