"""What the caption says of seeds and losses."""

from dataclasses import replace

import pytest
from make_results import book_config, make_results
from see_figure import caption

from bnexp.plots import plot_curves, plot_grid
from bnexp.store.results import Results


def uneven(seeds: int, first: int, **options) -> Results:
    """Results with ``first`` seeds of the first value of the axis and ``seeds`` of the others."""
    results = make_results({"optimizer.lr": (0.1, 0.01, 0.001)}, seeds=seeds, **options)
    kept = (c for c in results.cells if c.values["optimizer.lr"] != 0.1 or c.seed < first)
    return replace(results, cells=tuple(kept))


def test_uneven_seeds_are_told_as_a_range():
    assert "1 to 3 seeds: line median, band" in caption(plot_grid(uneven(3, 1)))
    assert "2 to 6 seeds: line median, band 10 %" in caption(plot_grid(uneven(6, 2)))
    assert "· 3 seeds: line median" in caption(plot_grid(uneven(3, 3))).replace("\n", " · ")


def test_lines_of_one_seed_each_but_not_the_same_have_no_band():
    results = uneven(2, 1)
    kept = (c for c in results.cells if c.values["optimizer.lr"] == 0.1 or c.seed == 1)
    text = caption(plot_grid(replace(results, cells=tuple(kept)))).replace("\n", " · ")
    assert "1 seed for each line, of seeds 0, 1" in text
    assert "median" not in text


@pytest.mark.parametrize(
    ("weights", "axes", "said"),
    [
        ({}, {}, ""),
        ({"dropout": 0.5}, {}, ""),
        ({"l2": 1e-4}, {}, "losses include the l2 penalty"),
        ({"l1": 1e-4}, {}, "losses include the l1 penalty"),
        ({"l1": 1e-4, "l2": 0.1}, {}, "losses include the l1 and l2 penalties"),
        ({"l1": 1e-4}, {"regularization.l2": (0.0, 0.1)}, "losses include the l1 and l2 penalties"),
        ({"l2": 0.1}, {"regularization.l2": (0.0,)}, ""),
    ],
)
def test_losses_say_what_they_include(weights, axes, said):
    results = make_results(axes, config=book_config(regularization=weights))
    text = caption(plot_grid(results, y="train_loss")).replace("\n", " · ").split(" · ")
    assert [part for part in text if "penal" in part] == ([said] if said else [])
    assert "penal" not in caption(plot_grid(results, y="train_accuracy"))
    if not axes:
        both = caption(plot_curves(results)).replace("\n", " · ").split(" · ")
        assert [part for part in both if "penal" in part] == ([said] if said else [])
