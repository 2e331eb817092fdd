"""Several metrics in one panel: which line is which, and what does not go together."""

from dataclasses import replace

import numpy as np
import pytest
from make_results import ARMS, SCALES, book_config, diverging_scales, make_results
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from see_figure import arms, assert_no_overlap, caption, marks, words

from bnexp.errors import ConfigError
from bnexp.plots import plot_grid, text_grid
from bnexp.plots.choose import choose_metrics
from bnexp.store.results import Results

BOTH = ("train_accuracy", "test_accuracy")
METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
L2 = {"regularization.l2": (0.1, 0.0)}


def made(axes, **options) -> Results:
    config = book_config(evaluate={"at": "first_step", "train": "all", "test": "all"})
    return make_results(axes, config=config, metrics=METRICS, **options)


def legend(figure) -> list[str]:
    return [text.get_text() for one in figure.legends for text in one.get_texts()]


def markers(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_label() == "_marker"]


def test_an_arm_keeps_its_colour_and_dashes_tell_the_metric():
    results = made(L2)
    figure = plot_grid(results, y=BOTH)
    lines = arms(figure.axes[0])
    assert list(lines) == [
        *("l2 = 0.1, training", "l2 = 0, training", "l2 = 0.1, test", "l2 = 0, test"),
    ]
    for l2 in ("0.1", "0"):
        train, test = lines[f"l2 = {l2}, training"], lines[f"l2 = {l2}, test"]
        assert train.get_color() == test.get_color()
        assert (train.get_linestyle(), test.get_linestyle()) == ("-", "--")
        assert (train.get_marker(), test.get_marker()) == ("None", "None")
        run = results.runs["run-0000-0" if l2 == "0.1" else "run-0001-0"]
        for line, metric in ((train, "train_accuracy"), (test, "test_accuracy")):
            values = [record.metrics[metric] for record in run.records]
            np.testing.assert_array_equal(line.get_ydata(), values)
    marked = [(line.get_color(), line.get_marker()) for line in markers(figure.axes[0])]
    assert marked[:2] == marked[2:]
    assert len({marker for _, marker in marked} - {"s", "x", "None"}) == 2
    assert legend(figure) == ["l2 = 0.1", "l2 = 0", "training", "test"]
    samples = figure.legends[0].get_lines()
    assert [sample.get_linestyle() for sample in samples] == ["-", "-", "-", "--"]
    assert figure.axes[0].get_ylabel() == "accuracy"
    assert "10,000 test examples" in caption(figure)
    assert_no_overlap(figure)


def test_the_order_of_metrics_changes_no_look():
    there, back = plot_grid(made(L2), y=BOTH), plot_grid(made(L2), y=BOTH[::-1])
    looks = [
        {
            label: (line.get_color(), line.get_linestyle())
            for label, line in arms(figure.axes[0]).items()
        }
        for figure in (there, back)
    ]
    assert looks[0] == looks[1]


def test_one_arm_has_a_colour_for_each_metric():
    figure = plot_grid(made({}, seeds=3), y=["train_loss", "test_loss"])
    lines = arms(figure.axes[0])
    assert list(lines) == legend(figure) == ["training", "test"]
    assert len({line.get_color() for line in lines.values()}) == 2
    assert figure.axes[0].get_ylabel() == "loss"
    assert_no_overlap(figure)


def test_a_count_of_an_only_arm_has_the_colour_of_no_metric():
    figure = plot_grid(made({}, seeds=3, fate=lambda v, seed: ("diverged", 5 + seed)), y=BOTH)
    (note,) = figure.axes[0].texts
    assert note.get_text() == "3 of 3 diverged"
    assert note.get_color() not in {line.get_color() for line in arms(figure.axes[0]).values()}


def test_norms_keep_their_colours_and_arms_of_two_keys_get_one_each():
    norms = plot_grid(made({"init.scale": SCALES[:7], "norm.kind": ARMS}), y=BOTH).axes[0]
    alone = plot_grid(made({"init.scale": SCALES[:7], "norm.kind": ARMS})).axes[0]
    for label, line in arms(alone).items():
        assert arms(norms)[f"{label}, training"].get_color() == line.get_color()
    axes = {"init.scale": SCALES[:7], "norm.kind": ARMS, **L2}
    four = arms(plot_grid(made(axes), y=BOTH).axes[0])
    assert len(four) == 8
    assert len({line.get_color() for line in four.values()}) == 4


def test_a_run_that_diverged_is_marked_on_both_lines_and_counted_once():
    def fate(values, seed):
        return ("diverged", 4 if seed else 0) if values["norm.kind"] == "none" else ("done", 99)

    figure = plot_grid(made({"norm.kind": ARMS}, seeds=2, fate=fate), y=BOTH)
    (axes,) = figure.axes
    assert sorted(x for x, _ in marks(axes)) == [0.0, 3.0, 3.0]
    assert sum("2 of 2 diverged" in said for said in words(axes)) == 1
    assert_no_overlap(figure)


def test_the_caption_explains_thin_lines_where_one_metric_has_them():
    results = make_results(L2, seeds=3, metrics=("train_accuracy",), last=("test_accuracy",))
    assert "thin: each seed" in caption(plot_grid(results, y=BOTH[::-1])).replace("\n", " ")


def test_the_config_may_ask_for_several():
    wish = book_config(plot={"y": list(BOTH)})
    results = make_results(L2, config=wish, metrics=METRICS)
    assert choose_metrics(results, None) == BOTH
    assert list(arms(plot_grid(results).axes[0])) == list(arms(plot_grid(results, y=BOTH).axes[0]))
    assert choose_metrics(results, "train_loss") == ("train_loss",)
    some = make_results(L2, config=wish)
    assert choose_metrics(some, None) == ("train_accuracy",)
    assert choose_metrics(results, ("test_loss", "test_loss")) == ("test_loss",)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (
            ("train_accuracy", "test_loss"),
            "y: train_accuracy and test_loss are of two kinds, and a panel has one scale; choose "
            "of train_accuracy, test_accuracy or of train_loss, test_loss",
        ),
        (
            ("train_accuracy", "test_acuracy"),
            "y: 'test_acuracy' is no metric, did you mean test_accuracy?; choose one of train_loss",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(y, said):
    for draw in (plot_grid, text_grid):
        with pytest.raises(ConfigError) as caught:
            draw(made(L2), y=y)
        assert str(caught.value).startswith(said)


def test_text_grid_has_a_line_for_each_metric():
    results = made({"init.scale": SCALES[:7], "norm.kind": ARMS}, seeds=2, fate=diverging_scales)
    head, *lines = text_grid(results, y=BOTH, width=100).splitlines()
    assert head == "fig6-18, training and test accuracy 0 to 1, epochs 0 to 19"
    assert len(lines) == 7 * 2 * 2
    assert lines[0].startswith("W = 1       batch norm, training")
    assert lines[1].startswith("            batch norm, test  ")
    assert lines[2].endswith("2 of 2 diverged at epoch 0")
    assert lines[3].strip().startswith("no norm, test")
    assert "diverged" not in lines[3]
    finals = [results.runs[f"run-0006-{seed}"].final["test_accuracy"] for seed in range(2)]
    assert lines[13].rstrip().endswith(f"{np.median(finals):.3f}")
    assert max(map(len, text_grid(results, y=BOTH, width=50).splitlines())) <= 50


def test_a_metric_recorded_once_is_a_point_among_lines():
    results = make_results(L2, metrics=("train_accuracy",), last=("test_accuracy",))
    lines = arms(plot_grid(results, y=BOTH).axes[0])
    assert lines["l2 = 0, test"].get_marker() == "o"
    runs = {key: replace(run, records=run.records[-1:]) for key, run in results.runs.items()}
    assert plot_grid(replace(results, runs=runs), y=BOTH).axes[0].lines
