"""The values of trials: the same whatever ran before, inside their ranges, and never repeated."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnexp.config import load_text
from bnexp.config.ranges import Range
from bnexp.config.schema import Config
from bnexp.trials.draw import draw_trial, draw_values, pick, trial_count

RANGES = {
    "optimizer.lr": "loguniform(1e-6, 1e-2)",
    "regularization.dropout": "uniform(0, 0.5)",
    "network.depth": "int(1, 6)",
    "norm.kind": ["batch", "none", "layer"],
}
GRID = {"optimizer.lr": [1.0, 0.1, 0.01], "norm.kind": ["batch", "none"], "init.scale": "int(1, 4)"}


def make_config(space: dict[str, Any], seed: int = 0, **search: Any) -> Config:
    text = f"data: {{validation: 0.2}}\nseed: {seed}\nsearch:\n"
    text += "".join(f"  {key}: {value}\n" for key, value in search.items())
    text += "  space:\n" + "".join(f"    {key}: {said}\n" for key, said in space.items())
    return load_text(text)


def test_a_trial_is_the_same_whatever_ran_before_and_in_whatever_order_keys_stand() -> None:
    config = make_config(RANGES)
    trials = draw_values(config, 40)
    assert trials[16] == draw_trial(config, 17)
    assert draw_values(config, 17) == trials[:17]
    turned = draw_values(make_config(dict(reversed(RANGES.items()))), 40)
    assert turned == trials
    fewer = make_config({key: RANGES[key] for key in ("optimizer.lr", "network.depth")})
    assert draw_trial(fewer, 17).items() <= trials[16].items()
    assert len({tuple(trial.items()) for trial in trials}) == 40
    assert draw_values(make_config(RANGES, seed=1), 40) != trials


def test_the_drawn_numbers_stay_what_they_are() -> None:
    """Changing them would change every search that somebody has made."""
    config = make_config(RANGES)
    assert [draw_trial(config, number) for number in (1, 17)] == GOLDEN


def test_draws_fill_their_ranges_evenly() -> None:
    trials = draw_values(make_config(RANGES), 2000)
    decades = [sum(trial["optimizer.lr"] < 10.0**power for trial in trials) for power in (-5, -4)]
    assert decades == [pytest.approx(500, abs=80), pytest.approx(1000, abs=90)]
    rates = [trial["regularization.dropout"] for trial in trials]
    assert sum(rates) / len(rates) == pytest.approx(0.25, abs=0.01)
    assert 0 <= min(rates) < 0.005
    assert 0.495 < max(rates) <= 0.5
    for key, values in (("network.depth", range(1, 7)), ("norm.kind", ("batch", "none", "layer"))):
        found = [trial[key] for trial in trials]
        assert set(found) == set(values)
        for value in values:
            share = len(trials) / len(values)
            assert found.count(value) == pytest.approx(share, abs=0.2 * share)


def test_numbers_are_rounded_to_what_a_table_can_bear() -> None:
    trials = draw_values(make_config(RANGES), 200)
    assert all(len(f"{t['optimizer.lr']:.10e}".rstrip("0e-")) for t in trials)
    assert all(float(f"{t['optimizer.lr']:.3e}") == t["optimizer.lr"] for t in trials)
    assert all(round(t["regularization.dropout"], 4) == t["regularization.dropout"] for t in trials)


positive = st.floats(1e-12, 1e12)


@given(st.sampled_from(["uniform", "loguniform"]), positive, positive, st.floats(0, 1))
def test_no_draw_is_outside_its_range(kind: Any, one: float, other: float, share: float) -> None:
    low, high = sorted([one, other])
    if low < high and share < 1:
        assert low <= pick(Range(kind, low, high), share) <= high


def test_a_grid_has_all_points_the_last_key_fastest() -> None:
    config = make_config(GRID, sampler="grid")
    assert trial_count(config) == 24
    points = list(itertools.product([1.0, 0.1, 0.01], ["batch", "none"], [1, 2, 3, 4]))
    assert [tuple(trial.values()) for trial in draw_values(config, 24)] == points
    assert list(draw_values(config, 1)[0]) == list(GRID)


def test_a_random_grid_draws_points_without_repetition() -> None:
    config = make_config(GRID, sampler="random-grid", trials=24)
    trials = [tuple(trial.values()) for trial in draw_values(config, 24)]
    every = [tuple(t.values()) for t in draw_values(make_config(GRID, sampler="grid"), 24)]
    assert sorted(map(repr, trials)) == sorted(map(repr, every))
    assert trials != every
    assert [tuple(t.values()) for t in draw_values(config, 10)] == trials[:10]
    large = make_config({"training.batch_size": "int(1, 1000000000)"}, sampler="random-grid")
    assert trial_count(large) == 20
    assert len({trial["training.batch_size"] for trial in draw_values(large, 20)}) == 20


def test_how_many_trials_there_are() -> None:
    assert trial_count(make_config(RANGES)) == 20
    assert trial_count(make_config(RANGES, trials=7)) == 7
    assert trial_count(make_config({"norm.kind": ["batch", "none"]}, sampler="random-grid")) == 2


GOLDEN: list[dict[str, Any]] = [
    {
        "optimizer.lr": 0.005803,
        "regularization.dropout": 0.4255,
        "network.depth": 4,
        "norm.kind": "none",
    },
    {
        "optimizer.lr": 0.00361,
        "regularization.dropout": 0.0207,
        "network.depth": 1,
        "norm.kind": "batch",
    },
]
