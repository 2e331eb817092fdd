"""Some of the cells of a sweep, by value or by what titles show; and another title."""

from dataclasses import replace

import numpy as np
import pytest
from make_results import ARMS, SCALES, book_config, diverging_scales, make_results
from see_figure import arms, assert_no_overlap, caption

from bnexp.errors import ConfigError
from bnexp.plots import plot_curves, plot_grid, text_grid
from bnexp.plots.shown import keep_only
from bnexp.store.results import Results


def book(**options) -> Results:
    axes = {"init.scale": SCALES, "norm.kind": ARMS}
    return make_results(axes, fate=diverging_scales, **options)


@pytest.mark.parametrize(
    "values",
    [
        [SCALES[0], SCALES[4]],
        [1, 0.0858],
        np.array([SCALES[4], 1.0]),
        "1,0.0858",
        "logspace(0, -1.0666666666666667, 2)",
    ],
    ids=repr,
)
def test_values_are_named_as_they_are_or_as_titles_show_them(values):
    kept = keep_only(book(seeds=2), {"init.scale": values})
    assert kept.axes == {"init.scale": (SCALES[0], SCALES[4]), "norm.kind": ARMS}
    assert len(kept.cells) == 8
    assert {cell.values["init.scale"] for cell in kept.cells} == {SCALES[0], SCALES[4]}
    assert kept.runs.keys() == {cell.run for cell in kept.cells}


def test_several_keys_and_single_values():
    results = book()
    for only in (
        {"init.scale": 1, "norm": True},
        {"init.scale": "1", "norm.kind": "batch"},
        {"norm.kind": ["batch"], "init.scale": np.float64(1)},
        {"norm": ["on"], "init.scale": [1]},
    ):
        kept = keep_only(results, only)
        assert [dict(cell.values) for cell in kept.cells] == [
            {"init.scale": 1.0, "norm.kind": "batch"}
        ]
    layers = make_results({"network.layers": ((100,), (100, 100), ("conv 8", 9))})
    kept = keep_only(layers, {"network.layers": [[100, 100], ["conv 8", 9]]})
    assert kept.axes == {"network.layers": ((100, 100), ("conv 8", 9))}
    assert keep_only(layers, {"network.layers": "[[conv 8, 9]]"}).axes == {
        "network.layers": (("conv 8", 9),)
    }


def test_an_exact_value_is_not_taken_for_one_that_looks_alike():
    results = make_results({"optimizer.lr": (0.1, 0.10001)})
    assert keep_only(results, {"optimizer.lr": 0.1}).axes == {"optimizer.lr": (0.1,)}
    assert len(keep_only(results, {"optimizer.lr": 0.10002}).cells) == 2


def test_pictures_and_text_show_them_alone():
    figure = plot_grid(book(), only={"init.scale": [1, 0.541, 0.293]})
    assert [axes.get_title() for axes in figure.axes] == ["W = 1", "W = 0.541", "W = 0.293"]
    figure = plot_grid(book(), only={"norm.kind": "batch"})
    assert len(figure.axes) == 16
    assert all(list(arms(axes)) == ["batch norm"] for axes in figure.axes)
    _, *lines = text_grid(book(), only={"init.scale": 1e-4}).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("W = 1e-4  batch norm")


def test_what_is_missing_is_counted_among_them():
    def fate(values, seed):
        return ("done", 99) if values["norm.kind"] == "batch" else (None, 0)

    results = make_results({"init.scale": SCALES, "norm.kind": ARMS}, fate=fate)
    assert caption(plot_grid(results)).endswith("16 of 32 runs")
    some = plot_grid(results, only={"init.scale": [1, 0.541]})
    assert caption(some).endswith("2 of 4 runs")
    assert "runs" not in caption(plot_grid(results, only={"norm.kind": "batch"}))


@pytest.mark.parametrize(
    ("only", "said"),
    [
        (
            {"scale": 1},
            "only: 'scale' is not swept in these results, did you mean init.scale?; swept: "
            "init.scale, norm.kind",
        ),
        (
            {"init.scale": [1, 0.5]},
            "only: init.scale has no value 0.5 in these results; it has 1, 0.541, 0.293",
        ),
        ({"norm.kind": "layer"}, "only: norm.kind has no value layer in these results; it has"),
        (
            {"norm.kind": "bach"},
            "only: norm.kind: bach is not known, did you mean batch?; allowed: none, batch",
        ),
        ({"init.scale": "many"}, "only: init.scale: many is not a number; allowed: a number > 0"),
        ({"init.scale": []}, "only: init.scale: 0 values; allowed: 1 to 10,000"),
        (["init.scale"], "only: ['init.scale'] is no mapping; allowed: keys and their values"),
        ({"init.scale": [{1}]}, "only: init.scale: [{1}] is no list of values"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(only, said):
    results = make_results({"init.scale": SCALES[:3], "norm.kind": ARMS})
    for draw in (plot_grid, text_grid):
        with pytest.raises(ConfigError) as caught:
            draw(results, only=only)
        assert str(caught.value).startswith(said)


def test_values_that_no_cell_has_together_are_refused():
    results = make_results({"init.scale": SCALES[:3], "norm.kind": ARMS})
    cells = tuple(
        c
        for c in results.cells
        if (c.values["init.scale"] == 1) == (c.values["norm.kind"] == "none")
    )
    some = replace(results, cells=cells)
    kept = keep_only(some, {"init.scale": 1})
    assert kept.axes == {"init.scale": (1.0,), "norm.kind": ("none",)}
    with pytest.raises(ConfigError, match=r"no cell has init\.scale = 1; norm\.kind = batch:"):
        keep_only(some, {"init.scale": 1, "norm.kind": "batch"})


def test_a_run_has_no_cells_to_choose():
    with pytest.raises(ConfigError, match="is not swept in these results; swept: nothing"):
        keep_only(make_results({}), {"optimizer.lr": 0.1})
    results = book()
    assert keep_only(results, None) is keep_only(results, {}) is results


def title_of(figure) -> str:
    return figure.get_suptitle()


def test_a_title_stands_in_place_of_the_name():
    results = book()
    assert title_of(plot_grid(results)) == "fig6-18"
    assert title_of(plot_grid(results, title="Why $W$ matters")) == "Why $W$ matters"
    assert results.config.name == "fig6-18"
    assert title_of(plot_curves(make_results({}), title="One run")) == "One run"
    assert text_grid(results, title="Why\n it matters").startswith("Why it matters, training acc")
    assert text_grid(results, title="").startswith("training accuracy 0 to 1")


@pytest.mark.parametrize("draw", [plot_grid, plot_curves])
def test_a_long_title_takes_the_lines_that_it_needs(draw):
    results = make_results({}, seeds=3)
    title = "What it takes to learn 1,000 images of digits, and WHY IT MATTERS HOW ONE BEGINS; " * 3
    figure = draw(results, title=title + "\nthe end")
    lines = title_of(figure).splitlines()
    assert len(lines) >= 4
    assert lines[-1] == "the end"
    assert " ".join(lines[:-1]) == title.strip()
    assert_no_overlap(figure)
    plain, none = draw(results), draw(results, title="")
    assert figure.get_figheight() > plain.get_figheight() > none.get_figheight()
    assert title_of(none) == ""
    assert_no_overlap(none)


def test_the_longest_name_stays_on_the_page():
    name = "Overfitting-of-300-MNIST-images-with-and-without-L2-PENALTY1"
    results = make_results({}, config=book_config(name=name))
    assert_no_overlap(plot_grid(results))
    assert title_of(plot_grid(results)).replace("\n", "") == name


def test_characters_that_the_font_has_not_are_refused():
    with pytest.raises(ConfigError) as caught:
        plot_grid(book(), title="Ωmega \u6df1")
    assert str(caught.value) == (
        "title: the font of figures has no \\u6df1 (\u6df1); use other characters, or in Python "
        "figure.suptitle(TEXT, family=FONT)"
    )
