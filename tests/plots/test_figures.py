"""What stands in a figure, and that nothing stands over anything else."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from make_results import ARMS, SCALES, all_done, book_config, diverging_scales, make_results
from see_figure import arms, assert_no_overlap, caption, marks, words

from bnexp.errors import ConfigError
from bnexp.plan import AxisValue
from bnexp.plots import plot_curves, plot_grid
from bnexp.plots.frame import PageFigure
from bnexp.plots.style import LINE_WIDTH, MARK_SIZE
from bnexp.records import RunResult
from bnexp.store.results import Results


def book(seeds=1, fate=diverging_scales, scales=SCALES) -> Results:
    return make_results({"init.scale": scales, "norm.kind": ARMS}, seeds=seeds, fate=fate)


def test_the_book():
    figure = plot_grid(book())
    assert len(figure.axes) == 16
    assert [axes.get_title() for axes in figure.axes][:4] == [
        "W = 1",
        "W = 0.541",
        "W = 0.293",
        "W = 0.158",
    ]
    for axes in figure.axes:
        assert axes.get_ylim() == (0.0, 1.0)
        assert axes.get_xlim() == (0.0, 19.0)
    styles = {label: line.get_linestyle() for label, line in arms(figure.axes[4]).items()}
    assert styles == {"batch norm": "-", "no norm": "--"}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "batch norm",
        "no norm",
        "a run diverged",
    ]
    assert all(axes.get_legend() is None for axes in figure.axes)
    assert figure.get_suptitle() == "fig6-18"
    text = caption(figure).replace("\n", " · ")
    for part in (
        "MNIST, 1,000 training examples",
        "784-100×5-10 ReLU",
        "SGD, lr 0.01, batch 100",
        "normal init",
        "seed 0",
    ):
        assert part in text.split(" · ") or f"{part}, W is its std" in text.split(" · ")
    assert "of 32 runs" not in text


def test_lines_show_the_records():
    results = book()
    figure = plot_grid(results)
    cell = next(
        cell
        for cell in results.cells
        if cell.values == {"init.scale": SCALES[6], "norm.kind": "none"}
    )
    line = arms(figure.axes[6])["no norm"]
    values = [record.metrics["train_accuracy"] for record in results.runs[cell.run].records]
    np.testing.assert_array_equal(line.get_xdata(), range(20))
    np.testing.assert_array_equal(line.get_ydata(), values)


def test_labels_stand_on_the_outer_panels_only():
    figure = plot_grid(book(scales=SCALES[:5]))
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "training accuracy",
        "",
        "",
        "training accuracy",
        "",
    ]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "epoch", "epoch", "epoch"]
    shown = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes]
    assert shown == [False, False, True, True, True]
    assert [axes.yaxis.get_tick_params()["labelleft"] for axes in figure.axes] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_diverged_runs_end_in_a_mark_and_a_count():
    def fate(values, seed):
        lost = values["init.scale"] == 1.0 and values["norm.kind"] == "none" and seed < 2
        return ("diverged", 4 * seed) if lost else ("done", 99)

    results = book(seeds=3, fate=fate)
    axes = plot_grid(results).axes[0]
    cell = next(c for c in results.cells if c.values["norm.kind"] == "none" and c.seed == 1)
    last = results.runs[cell.run].records[-1]
    (left, floor), (x, y) = marks(axes)
    assert (left, floor) == (0.0, 0.0)
    assert (x, y) == (last.epoch, last.metrics["train_accuracy"])
    assert words(axes) == ["no norm: 2 of 3 diverged"]
    assert axes.texts[0].get_color() == arms(axes)["no norm"].get_color()
    assert marks(plot_grid(results).axes[5]) == []


def test_one_diverged_run_of_one_says_so():
    axes = plot_grid(book()).axes[0]
    assert words(axes) == ["no norm: diverged"]
    assert marks(axes) == [(0.0, 0.0)]
    assert set(arms(axes)) == {"batch norm"}


def test_marks_of_two_arms_without_records_do_not_hide_each_other():
    axes = plot_grid(book(fate=lambda values, seed: ("diverged", 0))).axes[0]
    (x0, y0), (x1, y1) = marks(axes)
    assert y0 == y1 == 0
    assert x0 == 0
    pixels = axes.get_xaxis_transform().transform([(x0, 0), (x1, 0)])[:, 0]
    assert MARK_SIZE / 72 * axes.figure.dpi < pixels[1] - pixels[0] < 0.1 * axes.bbox.width
    assert len(words(axes)) == 2


def test_marks_at_the_right_edge_stay_in_the_panel():
    def fate(values, seed):
        return "diverged", 0

    results = book(fate=fate, scales=SCALES[:1])
    late = {key: replace(run, epoch=19) for key, run in results.runs.items()}
    axes = plot_grid(replace(results, runs=late)).axes[0]
    (x0, _), (x1, _) = marks(axes)
    assert x1 < x0 == 19.0


def test_several_seeds_have_a_median_and_a_band():
    results = book(seeds=4, fate=all_done, scales=SCALES[:4])
    figure = plot_grid(results)
    axes = figure.axes[2]
    cells = [
        c for c in results.cells if c.values == {"init.scale": SCALES[2], "norm.kind": "batch"}
    ]
    values = np.array(
        [[r.metrics["train_accuracy"] for r in results.runs[c.run].records] for c in cells]
    )
    median = np.asarray(arms(axes)["batch norm"].get_ydata())
    np.testing.assert_allclose(median, np.median(values, axis=0))
    band = np.asarray(axes.collections[0].get_paths()[0].vertices)
    assert band[:, 1].min() == pytest.approx(values.min())
    assert band[:, 1].max() == pytest.approx(values.max())
    assert "4 seeds: line median, band min to max" in caption(figure)
    many = plot_grid(book(seeds=5, fate=all_done, scales=SCALES[:4]))
    assert "5 seeds: line median, band 10 % to 90 % quantiles" in caption(many)


def test_an_unfinished_sweep_shows_what_is_there():
    def fate(values, seed):
        if values["init.scale"] > 0.2:
            return "done", 99
        if values["init.scale"] > 0.1 and seed == 0:
            return "done", 99
        return None, 0

    figure = plot_grid(book(seeds=2, fate=fate, scales=SCALES[:6]))
    assert words(figure.axes[0]) == []
    assert words(figure.axes[3]) == [
        "batch norm: 1 of 2 missing",
        "no norm: 1 of 2 missing",
    ]
    assert words(figure.axes[5]) == ["no runs yet"]
    assert not figure.axes[5].lines
    assert figure.axes[5].get_xlim() == (0.0, 19.0)
    assert caption(figure).endswith("14 of 24 runs")


def stopping(values, seed):
    return ("stopped", 6 + 3 * seed) if values["norm.kind"] == "batch" else ("done", 99)


def test_runs_that_stopped_early_end_in_a_mark():
    results = book(seeds=3, fate=stopping, scales=SCALES[:2])
    figure = plot_grid(results)
    axes = figure.axes[1]
    cells = [
        c for c in results.cells if c.values == {"init.scale": SCALES[1], "norm.kind": "batch"}
    ]
    ends = [results.runs[cell.run].records[-1] for cell in cells]
    assert marks(axes, "stopped") == [(r.epoch, r.metrics["train_accuracy"]) for r in ends]
    assert marks(axes) == []
    assert words(axes) == []
    assert np.asarray(arms(axes)["batch norm"].get_xdata())[-1] == 11
    assert sum(line.get_label() == "_seed" for line in axes.lines) == 3
    assert axes.get_xlim() == (0.0, 19.0)
    said = "median, band min to max, over the runs not stopped by then; thin: those that had"
    assert said in caption(figure).replace("\n", " ")
    assert caption(figure).endswith("6 of 12 runs stopped early")
    (legend,) = figure.legends
    assert legend.get_texts()[-1].get_text() == "a run stopped early"
    assert_no_overlap(figure)


def test_where_all_stopped_the_axis_ends_with_the_last():
    def fate(values, seed):
        return "stopped", 6 + seed

    figure = plot_grid(book(seeds=2, fate=fate, scales=SCALES[:2]))
    assert figure.axes[0].get_xlim() == (0.0, 6.0)
    some = book(seeds=2, fate=lambda v, s: ("stopped", 6) if s else (None, 0), scales=SCALES[:2])
    assert plot_grid(some).axes[0].get_xlim() == (0.0, 19.0)


def test_four_norms_in_five_panels():
    axes: dict[str, tuple[AxisValue, ...]] = {
        "training.batch_size": (2, 4, 8, 16, 32),
        "norm.kind": ("batch", "batch_renorm", "group", "layer"),
    }
    figure = plot_grid(make_results(axes, seeds=3), y="train_loss")
    lines = arms(figure.axes[0])
    assert list(lines) == ["batch norm", "batch renorm", "group norm", "layer norm"]
    assert len({line.get_color() for line in lines.values()}) == 4
    assert len(figure.axes) == 5
    assert_no_overlap(figure)


def test_long_titles_stay_over_their_panels():
    layers: tuple[AxisValue, ...] = tuple(
        ("conv 8", *["conv 16", "pool 2"] * n, "conv 99", 100) for n in range(7)
    )
    axes: dict[str, tuple[AxisValue, ...]] = {"network.layers": layers, "norm.kind": ARMS}
    figure = plot_grid(make_results(axes))
    assert len(figure.axes) == 7
    assert_no_overlap(figure)


def test_failed_runs_are_counted():
    figure = plot_grid(book(fate=lambda v, s: ("failed", 3), scales=SCALES[:2]))
    assert words(figure.axes[0]) == ["batch norm: failed", "no norm: failed"]
    assert caption(figure).endswith("4 failed")


def test_losses_share_limits_from_the_data():
    figure = plot_grid(book(), y="train_loss")
    limits = {axes.get_ylim() for axes in figure.axes}
    assert len(limits) == 1
    assert figure.axes[0].get_ylabel() == "training loss"
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}


def test_a_run_is_one_panel_with_a_line_for_each_seed():
    figure = plot_grid(make_results({}, seeds=3))
    (axes,) = figure.axes
    assert list(arms(axes)) == ["training accuracy"]
    assert sum(line.get_label() == "_seed" for line in axes.lines) == 3
    assert not figure.legends
    said = "3 seeds: line median, band min to max; thin: each seed"
    assert said in caption(figure).replace("\n", " · ").split(" · ")
    assert "thin" not in caption(plot_grid(make_results({})))
    assert "thin" not in caption(plot_grid(book(seeds=3, scales=SCALES[:2], fate=all_done)))


def test_a_single_axis_of_few_values_is_compared_in_one_panel():
    figure = plot_grid(make_results({"optimizer.lr": (0.1, 0.03, 0.01, 0.001)}, seeds=2))
    (axes,) = figure.axes
    assert list(arms(axes)) == ["lr = 0.1", "lr = 0.03", "lr = 0.01", "lr = 0.001"]
    assert axes.get_title() == ""
    assert axes.get_ylim() == (0.0, 1.0)
    assert_no_overlap(figure)


HIDES = "where lines coincide, one hides the other"


@pytest.mark.parametrize("kinds", [("batch", "none", "group"), ("group", "none", "batch")])
def test_lines_that_coincide_are_all_seen(kinds):
    """The dashes of the upper one let the lower one through, whichever arm comes first."""
    results = make_results({"norm.kind": kinds})
    first = next(iter(results.runs.values()))
    figure = plot_grid(replace(results, runs=dict.fromkeys(results.runs, first)))
    lines = arms(figure.axes[0])
    assert {line.get_linewidth() for line in lines.values()} == {LINE_WIDTH}
    assert len({(line.get_color(), line.get_linestyle()) for line in lines.values()}) == 3
    by_height = sorted(lines, key=lambda label: lines[label].get_zorder())
    assert by_height == ["batch norm", "no norm", "group norm"]
    assert HIDES not in caption(figure)


def test_an_arm_has_one_width_in_all_panels():
    results = make_results({"norm.kind": ARMS, "regularization.dropout": (0.2, 0.0)})
    runs = dict(results.runs)
    runs["run-0001-0"] = runs["run-0000-0"]
    figure = plot_grid(replace(results, runs=runs), panel="norm.kind", arm="regularization.dropout")
    assert {line.get_linewidth() for axes in figure.axes for line in axes.lines} == {LINE_WIDTH}


def test_the_caption_says_where_a_line_is_hidden():
    lrs = tuple(i / 10 for i in range(1, 13))
    results = make_results({"optimizer.lr": lrs})
    apart = {key: scaled(run, 1 - 0.02 * n) for n, (key, run) in enumerate(results.runs.items())}
    assert HIDES not in caption(plot_grid(replace(results, runs=apart), arm="optimizer.lr"))
    same = {**apart, "run-0007-0": apart["run-0003-0"]}
    figure = plot_grid(replace(results, runs=same), arm="optimizer.lr")
    assert HIDES in caption(figure).replace("\n", " ")
    nearly = {**apart, "run-0007-0": scaled(apart["run-0003-0"], 1.002)}
    assert HIDES in caption(plot_grid(replace(results, runs=nearly), arm="optimizer.lr"))
    both = ("train_accuracy", "test_accuracy")
    equal = make_results({"norm.kind": ARMS}, metrics=both)
    assert HIDES not in caption(plot_grid(equal, y=both)).replace("\n", " ")
    runs = {key: with_test_as_train(run) for key, run in equal.runs.items()}
    assert HIDES in caption(plot_grid(replace(equal, runs=runs), y=both)).replace("\n", " ")


def scaled(run: RunResult, factor: float) -> RunResult:
    """A run whose metrics are ``factor`` times as large."""
    records = (
        replace(record, metrics={name: factor * value for name, value in record.metrics.items()})
        for record in run.records
    )
    return replace(run, records=tuple(records))


def with_test_as_train(run: RunResult) -> RunResult:
    """A run whose test accuracy is its training accuracy."""
    records = (
        replace(record, metrics=dict.fromkeys(record.metrics, record.metrics["train_accuracy"]))
        for record in run.records
    )
    return replace(run, records=tuple(records))


def test_points_that_coincide_are_told_of():
    results = make_results({"norm.kind": ARMS}, metrics=(), last=["train_accuracy"])
    first = next(iter(results.runs.values()))
    figure = plot_grid(replace(results, runs=dict.fromkeys(results.runs, first)))
    assert HIDES in caption(figure).replace("\n", " ")


@pytest.mark.parametrize("lost", [False, True])
def test_one_record_at_the_end_has_room_on_both_sides(lost):
    config = book_config(
        training={"epochs": 1}, evaluate={"at": "epoch_end", "train": "all", "test": "none"}
    )

    def fate(values, seed):
        return ("diverged", 0) if lost and values["norm.kind"] == "none" else ("done", 9)

    results = make_results({"norm.kind": ARMS}, config=config, fate=fate)
    (axes,) = plot_grid(results).axes
    low, high = axes.get_xlim()
    assert low < 1 < high
    assert [x for x in axes.get_xticks() if low <= x <= high] == ([0, 1] if lost else [1])
    assert [x for x, _ in marks(axes)] == ([0] if lost else [])
    assert all(low <= x <= high for x, _ in marks(axes))
    if not lost:
        (axes, _) = plot_curves(make_results({}, config=config)).axes
        assert axes.get_xlim() == (0.5, 1.5)


def test_the_legend_is_read_row_by_row():
    lrs = tuple(i / 10 for i in range(1, 8))
    figure = plot_grid(make_results({"optimizer.lr": lrs}), arm="optimizer.lr")
    (legend,) = figure.legends
    figure.canvas.draw()
    places = {text.get_text(): text.get_window_extent() for text in legend.get_texts()}
    read = sorted(places, key=lambda label: (-round(places[label].y0), places[label].x0))
    assert len({round(box.y0) for box in places.values()}) == 2
    assert read == [f"lr = {lr}" for lr in lrs]


@pytest.mark.parametrize(
    ("axes", "panel", "said"),
    [
        (
            {"optimizer.lr": tuple(i / 100 for i in range(1, 66))},
            None,
            "65 panels by optimizer.lr are more than one figure shows (64): no other --panel "
            "helps; draw with --text, or fewer with --only",
        ),
        (
            {
                "optimizer.lr": tuple(i / 10 for i in range(1, 11)),
                "norm.kind": ARMS,
                "regularization.l2": (0.0, 0.1, 0.2, 0.3, 0.4),
            },
            None,
            "10 arms (norm.kind x regularization.l2) are more than one panel shows (8): no other "
            "--panel helps; draw with --text, or fewer with --only",
        ),
        (
            {"optimizer.lr": tuple(i / 10 for i in range(1, 31)), "norm.kind": ARMS},
            "norm.kind",
            "30 arms (optimizer.lr) are more than one panel shows (24): choose --panel "
            "optimizer.lr, or draw with --text, or fewer with --only",
        ),
        (
            {
                "optimizer.lr": tuple(i / 100 for i in range(1, 66)),
                "init.scale": tuple(i / 100 for i in range(1, 25)),
            },
            "optimizer.lr",
            "65 panels by optimizer.lr are more than one figure shows (64): no other --panel "
            "helps; draw with --text, or fewer with --only",
        ),
        (
            {
                "optimizer.lr": tuple(i / 100 for i in range(1, 66)),
                "norm.kind": ARMS,
            },
            "norm.kind",
            "65 arms (optimizer.lr) are more than one panel shows (24): no other --panel helps; "
            "draw with --text, or fewer with --only",
        ),
    ],
)
def test_too_much_for_one_figure_is_refused_with_a_remedy(axes, panel, said):
    with pytest.raises(ConfigError) as caught:
        plot_grid(make_results(axes), panel=panel)
    assert str(caught.value) == said


def test_the_remedy_makes_a_figure():
    axes = {"optimizer.lr": tuple(i / 10 for i in range(1, 31)), "norm.kind": ARMS}
    assert len(plot_grid(make_results(axes), panel="optimizer.lr").axes) == 30


def test_ordered_arms_may_be_many():
    lrs = tuple(i / 10 for i in range(1, 13))
    figure = plot_grid(make_results({"optimizer.lr": lrs}), arm="optimizer.lr")
    lines = arms(figure.axes[0])
    assert len(lines) == 12
    assert len({line.get_color() for line in lines.values()}) == 12
    assert_no_overlap(figure)


@pytest.mark.parametrize("count", [1, 4, 16, 17])
def test_nothing_overlaps(count):
    scales = (*SCALES, 5e-5)[:count]
    assert_no_overlap(plot_grid(book(seeds=3, scales=scales), panel="init.scale"))


def test_nothing_overlaps_with_many_arms_and_with_losses():
    axes: dict[str, tuple[AxisValue, ...]] = {
        "optimizer.lr": (0.1, 0.01),
        "norm.kind": ARMS,
        "norm.momentum": (0.9, 0.99, 0.999),
    }
    assert_no_overlap(plot_grid(make_results(axes), y="train_loss"))
    assert_no_overlap(plot_grid(make_results({"norm.kind": ARMS}, seeds=3)))


def test_the_users_settings_change_nothing_and_are_left_alone():
    with mpl.rc_context({"axes.facecolor": "black", "lines.linewidth": 9, "font.size": 30}):
        before = dict(mpl.rcParams)
        changed = plot_grid(book(scales=SCALES[:2]))
        assert dict(mpl.rcParams) == before
    plain = plot_grid(book(scales=SCALES[:2]))
    assert changed.axes[0].get_facecolor() == plain.axes[0].get_facecolor()
    assert changed.axes[0].title.get_fontsize() == plain.axes[0].title.get_fontsize()


def test_a_notebook_shows_the_figure():
    figure = plot_grid(make_results({}))
    assert isinstance(figure, PageFigure)
    assert figure._repr_png_().startswith(b"\x89PNG")
