"""The pictures of a search: what stands in the panels, on which axes, and that nothing overlaps."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_results import make_results
from matplotlib.axes import Axes
from see_figure import arms, assert_no_overlap, caption, title_lines, words

from bnexp.config import load_text, resolve
from bnexp.errors import ConfigError
from bnexp.plan import Cell
from bnexp.plots import plot_best, plot_space, save_figure
from bnexp.plots.frame import render_figure
from bnexp.plots.shown import keep_only
from bnexp.records import Record, RunResult, Status
from bnexp.store.results import trial_axes
from bnexp.store.search import SearchResults
from bnexp.trials.draw import draw_values

SPACE = "{optimizer.lr: 'loguniform(1e-6, 1e-2)', regularization.l2: 'loguniform(1e-8, 1e-4)'}"
MANY = """{optimizer.lr: 'loguniform(1e-6, 1e-2)', regularization.dropout: 'uniform(0, 0.5)',
    norm.kind: [batch, none], network.depth: 'int(1, 4)', network.width: [16, 32, 64],
    init.scale: 'logspace(0, -2, 3)', network.activation: [relu, tanh]}"""


def make_search(
    count: int = 30, space: str = SPACE, *, lost: int = 0, pruned: int = 0, **more: Any
) -> SearchResults:
    """A search whose accuracy rises with the learning rate; the last trials ended early."""
    keys = "".join(f", {key}: {value}" for key, value in more.items())
    config = resolve(
        load_text(
            "name: book\ndata: {name: mnist, train: 500, validation: 0.2}\n"
            "training: {epochs: 10}\nevaluate: {train: all}\n"
            f"search: {{trials: {count}{keys}, space: {space}}}\n"
        )
    )
    cells, runs = [], {}
    for number, values in enumerate(draw_values(config, count), 1):
        run = f"run {number}"
        cells.append(Cell(values, 0, run, number, f"report {number}"))
        goal = 0.2 + 0.19 * (math.log10(values["optimizer.lr"]) + 6)
        end: int = 10
        status: Status = "done"
        if number > count - lost:
            end, status = 0, "diverged"
        elif number > count - lost - pruned:
            end, status = 4, "pruned"
        records = tuple(
            Record(epoch, 4 * epoch, metrics_at(goal * (1 - 0.5**epoch)))
            for epoch in range(1, end + 1)
        )
        runs[run] = RunResult(run, status, records, end, 4 * end + (status == "diverged"))
    return SearchResults(Path("results/book"), config, trial_axes(cells), tuple(cells), runs)


def metrics_at(accuracy: float) -> dict[str, float]:
    return {
        "train_accuracy": accuracy,
        "val_accuracy": 0.9 * accuracy,
        "train_loss": 1 - accuracy,
        "val_loss": 1 - 0.9 * accuracy,
    }


def points(axes: Axes, label: str) -> list[tuple[float, float]]:
    """The places of marks."""
    return [
        (float(x), float(y))
        for line in axes.lines
        if line.get_label() == label
        for x, y in np.asarray(line.get_xydata())
    ]


def test_the_best_twenty_stand_in_four_rows_of_five() -> None:
    results = make_search()
    figure = plot_best(results)
    assert len(figure.axes) == 20
    tops = [round(axes.get_position().y0, 6) for axes in figure.axes]
    assert [tops.count(top) for top in sorted(set(tops))] == [5, 5, 5, 5]
    for axes, ranked in zip(figure.axes, results.ranked, strict=False):
        head, *lines = title_lines(axes)
        values = ", ".join(lines)
        assert head.startswith(f"best {ranked.rank} (trial {ranked.cell.trial}): 0.")
        assert values.startswith("lr = ")
        assert ", l2 = " in values
        assert ranked.result
        drawn = arms(axes)
        assert list(drawn) == ["training", "validation"]
        for label, metric in (("training", "train_accuracy"), ("validation", "val_accuracy")):
            curve = [record.metrics[metric] for record in ranked.result.records]
            assert list(np.asarray(drawn[label].get_ydata())) == curve
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
    assert caption(figure).startswith("The best 20 of 30 trials by final validation accuracy\n")
    assert "400 training and 100 validation examples" in caption(figure)
    assert_no_overlap(figure)


def test_fewer_trials_than_panels_and_long_titles_fit() -> None:
    for results in (make_search(1), make_search(7), make_search(20, MANY, pruned=5)):
        figure = plot_best(results)
        assert len(figure.axes) == len(results.cells)
        assert_no_overlap(figure)
    assert "784-" not in caption(figure)  # the layers differ from trial to trial
    assert "pruned" in words(figure.axes[-1])


FIVE = """{optimizer.lr: 'loguniform(1e-6, 1e-2)', regularization.l2: 'loguniform(1e-8, 1e-4)',
    regularization.label_smoothing: 'uniform(0, 0.3)', norm: [batch, batch_renorm, none],
    training.batch_size: [10, 20, 50]}"""
LONG = """{optimizer.lr: 'loguniform(1e-6, 1e-2)', init.scheme: [he_uniform, xavier_uniform],
    network.layers: [[100, 100, 100, 100], [200, 100, 50], [784, 392, 196, 98, 49, 20, 10, 5]],
    network.activation: [relu, leaky_relu]}"""


@pytest.mark.parametrize(
    ("space", "rows"),
    [("{optimizer.lr: 'loguniform(1e-6, 1e-2)'}", 2), (SPACE, 3), (FIVE, 5), (LONG, 5)],
)
def test_titles_have_the_same_keys_in_the_same_line(space: str, rows: int) -> None:
    figure = plot_best(make_search(20, space))
    titles = [title_lines(axes) for axes in figure.axes]
    assert {len(lines) for lines in titles} == {rows}
    for lines in zip(*titles, strict=True):
        parts = [[part for part in line.split(", ") if " = " in part] for line in lines]
        assert len({tuple(part.partition(" = ")[0] for part in line) for line in parts}) == 1
        assert len({line.count(", ") for line in lines}) == 1
    assert_no_overlap(figure)


def test_titles_stand_level_and_begin_at_their_panels() -> None:
    figure = plot_best(make_search(20, FIVE))
    figure.canvas.draw()
    heights = set()
    for axes in figure.axes:
        found = [text for text in axes.texts if text.get_gid() == "title"]
        heights.add(tuple(text.get_position()[1] for text in found))
        for text in found:
            assert text.get_window_extent().x0 == pytest.approx(axes.bbox.x0, abs=2)
    (levels,) = heights
    steps = {round(above - below, 6) for above, below in itertools.pairwise(levels)}
    assert len(steps) == 1


def test_another_metric_is_drawn_of_the_same_trials() -> None:
    results = make_search(24, pruned=5, lost=2)
    best, space = plot_best(results), plot_space(results)
    figure = plot_best(results, y="train_loss")
    assert [title_lines(axes) for axes in figure.axes] == [title_lines(a) for a in best.axes]
    assert list(arms(figure.axes[0])) == ["training", "validation"]
    assert figure.axes[0].get_ylabel() == "loss"
    assert caption(figure).startswith(
        "The best 20 of 24 trials by final validation accuracy, given in the titles\n"
    )
    assert_no_overlap(figure)
    figure = plot_space(results, y="val_loss")
    axes = figure.axes[0]
    assert axes.get_ylabel() == "validation loss"
    assert points(axes, "_best")[0][0] == points(space.axes[0], "_best")[0][0]
    by_rate = {one.cell.values["optimizer.lr"]: one for one in results.ranked}
    done = points(axes, "_done")
    assert len(done) == 17
    for x, y in done:
        result = by_rate[x].result
        assert result
        assert result.final["val_loss"] == pytest.approx(y)
    assert_no_overlap(figure)


def test_the_best_so_far_is_by_the_objective_whatever_is_drawn() -> None:
    results = make_search(12, lost=1, pruned=4)
    figure = plot_space(results, y="train_loss")
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "best so far by validation accuracy" in legend
    line = arms(figure.axes[-1])["best so far"]
    rising = arms(plot_space(results).axes[-1])["best so far"]
    accuracies = np.asarray(rising.get_ydata())
    assert np.asarray(line.get_ydata()) == pytest.approx(1 - accuracies / 0.9)
    assert list(np.asarray(line.get_xdata())) == list(np.asarray(rising.get_xdata()))


def test_the_metric_of_the_record_that_ranks_a_trial_is_drawn() -> None:
    """With ``at: best`` that is seldom the last one."""
    results = make_search(2, at="best")
    runs = {
        run: replace(result, records=result.records[::-1]) for run, result in results.runs.items()
    }
    axes = plot_space(replace(results, runs=runs), y="train_accuracy").axes[0]
    tops = {one.cell.values["optimizer.lr"]: (one.value or 0) / 0.9 for one in results.ranked}
    for x, y in points(axes, "_done"):
        assert tops[x] == pytest.approx(y)


def test_trials_stay_at_their_values_when_limits_change() -> None:
    results = make_search(12)
    axes = plot_space(results).axes[0]
    axes.set_ylim(0.2, 0.9)
    (star,) = (line for line in axes.lines if line.get_label() == "_best")
    x, y = axes.transData.inverted().transform(star.get_transform().transform(star.get_xydata()))[0]
    assert x == pytest.approx(results.ranked[0].cell.values["optimizer.lr"])
    assert y == pytest.approx(results.ranked[0].value)


def test_a_metric_that_cannot_be_drawn_is_refused_with_the_reason() -> None:
    results = make_search(3)
    reports = {
        f"report {n}": replace(
            results.runs[f"run {n}"], records=(Record(10, 40, {"test_accuracy": 0.5}),)
        )
        for n in (1, 2, 3)
    }
    tested = replace(results, runs={**results.runs, **reports})
    recorded = "choose one of train_loss, train_accuracy, val_loss, val_accuracy"
    for y, why in (
        ("test_accuracy", "is measured of the chosen trials only, once they are chosen"),
        ("running_loss", r"is not recorded in results/book \(evaluate.train is all\)"),
        ("val_los", r"is no metric, did you mean val_loss\?"),
    ):
        for draw in (plot_best, plot_space):
            with pytest.raises(ConfigError, match=f"y: '{y}' {why}.*{recorded}$"):
                draw(tested, y=y)
    assert len(plot_best(tested).axes) == 3


def test_losses_are_drawn_where_a_loss_is_the_objective() -> None:
    results = make_search(objective="val_loss", at="best")
    axes = plot_best(results).axes[0]
    assert axes.get_ylabel() == "loss"
    assert results.ranked[0].result
    last = results.ranked[0].result.final["val_loss"]
    assert float(np.asarray(arms(axes)["validation"].get_ydata())[-1]) == last
    assert "by best validation loss" in caption(plot_best(results))


def test_each_key_has_its_own_axis_log_where_it_is_log() -> None:
    results = make_search(24, MANY, lost=2, pruned=6)
    figure = plot_space(results)
    names = [axes.get_xlabel() for axes in figure.axes]
    expected = ["lr", "dropout", "norm", "depth", "width", "gain", "activation", "trial"]
    assert names == expected
    assert [axes.get_xscale() for axes in figure.axes] == [
        *("log", "linear", "linear", "linear"),
        *("linear", "log", "linear", "linear"),
    ]
    ticks = [text.get_text() for text in figure.axes[2].get_xticklabels()]
    assert ticks == ["batch norm", "no norm"]
    assert list(figure.axes[4].get_xticks()) == [16, 32, 64]
    for axes in figure.axes[:2]:
        low, high = axes.get_xlim()
        assert all(low < x < high for x, _ in points(axes, "_done"))
    assert_no_overlap(figure)


def test_many_words_under_an_axis_keep_apart() -> None:
    names = "[normal, he, he_uniform, xavier, xavier_uniform, lecun, lecun_uniform, orthogonal]"
    lists = ", ".join(f"[{n}00, {n}0, 1{n}0, {n}]" for n in range(1, 10))
    space = f"{{optimizer.lr: [0.001], init.scheme: {names}, network.layers: [{lists}]}}"
    figure = plot_space(make_search(12, space))
    assert_no_overlap(figure)
    labels = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert labels[1] == "He init"
    assert labels[0].endswith("…") or labels[0] == "normal init"


def test_trials_stand_where_their_values_and_objectives_are() -> None:
    results = make_search(12, lost=2, pruned=3)
    figure = plot_space(results)
    axes = figure.axes[0]
    by_number = {one.cell.trial: one for one in results.ranked}
    done = points(axes, "_done")
    assert len(done) == 7
    for x, y in done:
        (one,) = [r for r in by_number.values() if r.cell.values["optimizer.lr"] == x]
        assert one.value == pytest.approx(y)
    assert len(points(axes, "_pruned")) == 3
    assert [y for _, y in points(axes, "_diverged")] == [0.0, 0.0]
    first = results.ranked[0]
    assert points(axes, "_best")[0][0] == first.cell.values["optimizer.lr"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("trained to the end", "pruned, where it was then", "diverged", "the best"),
        "best so far",
    ]


@pytest.mark.parametrize("objective", ["val_accuracy", "val_loss"])
def test_best_so_far_is_of_the_trials_trained_to_the_end(objective: str) -> None:
    results = make_search(12, lost=1, pruned=4, objective=objective)
    axes = plot_space(results).axes[-1]
    line = arms(axes)["best so far"]
    better = max if objective == "val_accuracy" else min
    so_far: list[float] = []
    for one in sorted(results.ranked, key=lambda one: one.cell.trial or 0):
        if one.value is not None and one.result and one.result.status == "done":
            so_far.append(better([one.value, *so_far[-1:]]))
    assert list(np.asarray(line.get_ydata())) == [*so_far, so_far[-1]]
    assert so_far[-1] == results.ranked[0].value


def test_an_unfinished_search_is_drawn_and_an_empty_one_refused() -> None:
    results = make_search()
    some = replace(results, runs={run: results.runs[run] for run in ("run 3", "run 9")})
    assert len(plot_best(some).axes) == 2
    assert caption(plot_best(some)).startswith("The best 2 of 2 trials so far by final validation")
    assert caption(plot_space(some)).startswith("2 of 30 trials by random, ranked by final")
    for nothing in (replace(results, runs={}), make_search(3, lost=3)):
        for draw in (plot_best, plot_space):
            with pytest.raises(ConfigError, match="no trial has val_accuracy"):
                draw(nothing)


def test_a_title_stands_in_place_of_the_name() -> None:
    for draw in (plot_best, plot_space):
        figure = draw(make_search(8), title="Where the learning rate should be, " * 9)
        title = figure.get_suptitle()
        assert title.startswith("Where the learning rate should be, Where")
        assert "\n" in title
        assert_no_overlap(figure)


def test_a_search_has_no_cells_to_choose() -> None:
    with pytest.raises(ConfigError, match="is a search, whose best trials are drawn"):
        keep_only(make_search(3), {"optimizer.lr": 0.1})


def test_a_sweep_is_no_search() -> None:
    sweep = make_results({"init.scale": (1.0, 0.1)})
    for draw in (plot_best, plot_space):
        with pytest.raises(ConfigError, match="test-000000 is no search: draw it with plot_grid"):
            draw(sweep)


def test_a_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    results = make_search(8)
    for draw in (plot_best, plot_space):
        assert render_figure(draw(results), "svg") == render_figure(draw(results), "svg")
        assert save_figure(draw(results), tmp_path / "a.pdf").stat().st_size > 5000
