"""The picture of one run: accuracy and loss, training and test."""

from dataclasses import replace

import numpy as np
import pytest
from make_results import ARMS, book_config, make_results
from matplotlib.figure import Figure
from see_figure import arms, assert_no_overlap, caption, marks, words

from bnexp.errors import ConfigError
from bnexp.plots import plot_curves

RUNNING = ("running_loss", "running_accuracy", "test_loss", "test_accuracy")


def curves(**options) -> Figure:
    config = book_config(evaluate={"train": "running", "test": "all"})
    return plot_curves(make_results({}, config=config, metrics=RUNNING, **options))


def test_curves_of_a_run():
    figure = curves()
    assert [axes.get_ylabel() for axes in figure.axes] == ["accuracy", "loss"]
    for axes in figure.axes:
        assert list(arms(axes)) == ["training (running mean over mini-batches)", "test"]
        assert axes.get_xlabel() == "epoch"
        assert axes.get_xlim() == (0.0, 20.0)
    assert figure.axes[0].get_ylim() == (0.0, 1.0)
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 2
    assert "10,000 test examples" in caption(figure)
    assert_no_overlap(figure)


def test_validation_has_a_line_of_its_own():
    config = book_config(
        data={"name": "mnist", "train": 1000, "validation": 0.1},
        evaluate={"train": "running", "test": "all"},
    )
    metrics = (*RUNNING, "val_loss", "val_accuracy")
    figure = plot_curves(make_results({}, config=config, metrics=metrics, seeds=2))
    for axes in figure.axes:
        lines = arms(axes)
        assert list(lines) == ["training (running mean over mini-batches)", "validation", "test"]
        assert len({line.get_color() for line in lines.values()}) == 3
        assert len({line.get_linestyle() for line in lines.values()}) == 3
    assert "900 training, 100 validation and 10,000 test examples" in caption(figure)
    assert_no_overlap(figure)


def test_a_run_that_stopped_early_is_marked_on_every_line():
    figure = curves(fate=lambda v, seed: ("stopped", 8))
    for axes in figure.axes:
        assert [x for x, _ in marks(axes, "stopped")] == [8.0, 8.0]
        assert axes.get_xlim() == (0.0, 8.0)
        assert words(axes) == []
    assert caption(figure).endswith("stopped early")
    assert_no_overlap(figure)


def high_curves(lowest: float) -> Figure:
    """Curves whose accuracies go from ``lowest`` up to 0.99."""

    def lift(record):
        values = {
            name: lowest + (0.99 - lowest) * (record.epoch - 1) / 19 if "accuracy" in name else loss
            for name, loss in record.metrics.items()
        }
        return replace(record, metrics=values)

    config = book_config(evaluate={"train": "running", "test": "all"})
    results = make_results({}, config=config, metrics=RUNNING)
    runs = {
        key: replace(run, records=tuple(map(lift, run.records)))
        for key, run in results.runs.items()
    }
    return plot_curves(replace(results, runs=runs))


@pytest.mark.parametrize(
    ("lowest", "start"),
    [
        (0.94, 0.9),
        (0.9, 0.8),
        (0.955, 0.95),
        (0.985, 0.98),
        (0.75, 0.7),
        (0.65, 0.6),
        (0.51, 0.5),
        (0.5, 0.0),
        (0.1, 0.0),
    ],
)
def test_curves_of_high_accuracies_start_below_the_lowest(lowest, start):
    figure = high_curves(lowest)
    accuracy = figure.axes[0]
    assert accuracy.get_ylim() == (start, 1.0)
    low, high = accuracy.get_ylim()
    ticks = [tick for tick in accuracy.get_yticks() if low - 1e-9 <= tick <= high + 1e-9]
    assert 4 <= len(ticks) <= 7
    assert (ticks[0], ticks[-1]) == (pytest.approx(start), pytest.approx(1.0))
    assert_no_overlap(figure)


def test_the_caption_explains_seeds_where_only_one_metric_has_lines():
    config = book_config(evaluate={"train": "all", "test": "last"})
    results = make_results({}, config=config, seeds=3, last=["test_accuracy"])
    text = caption(plot_curves(results))
    assert "thin: each seed" in text
    assert "10,000 test examples" in text


def test_curves_mark_each_diverged_run():
    figure = curves(seeds=3, fate=lambda v, seed: ("diverged", 5) if seed == 1 else ("done", 99))
    assert words(figure.axes[0]) == ["1 of 3 diverged"]
    assert [x for x, _ in marks(figure.axes[0])] == [5.0, 5.0]
    assert figure.axes[0].collections
    assert_no_overlap(figure)


def test_curves_without_any_record_still_show_the_divergence():
    figure = curves(fate=lambda v, seed: ("diverged", 0))
    assert words(figure.axes[0]) == ["diverged"]
    assert marks(figure.axes[0]) == [(0.0, 0.0)]


def test_a_metric_recorded_once_is_a_point_and_one_not_recorded_is_left_out():
    config = book_config(evaluate={"train": "all", "test": "last"})
    results = make_results({}, config=config, last=["test_accuracy"])
    figure = plot_curves(results)
    point = arms(figure.axes[0])["test"]
    assert point.get_marker() == "o"
    assert list(np.asarray(point.get_xdata())) == [20.0]
    assert list(arms(figure.axes[1])) == ["training"]


def test_curves_of_a_sweep_are_refused():
    with pytest.raises(ConfigError, match=r"sweep norm\.kind"):
        plot_curves(make_results({"norm.kind": ARMS}))
