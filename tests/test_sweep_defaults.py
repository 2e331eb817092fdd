"""Which axes a sweep gets: what is named, what the config says, and what is added by itself."""

from __future__ import annotations

import re

import pytest

from bnexp.config import Config, ConfigMistakesError, load_config, load_sweep

SCALES = (1.0, 0.1)
ARMS = ("batch", "none")


@pytest.fixture
def write(tmp_path):
    """Write a config with this sweep and plot and return its path."""

    def write(more=""):
        path = tmp_path / "c.yaml"
        path.write_text(f"name: c\ndata: {{name: digits, train: 100}}\n{more}")
        return path

    return write


def axes(*arguments, **options):
    return dict(load_sweep(*arguments, **options).sweep.axes)


def test_no_config_and_nothing_named_is_the_built_in_sweep():
    config = load_sweep(None)
    assert config == load_config(None)
    assert list(config.sweep.axes) == ["init.scale", "norm.kind"]
    assert len(config.sweep.axes["init.scale"]) == 16
    assert load_sweep(None, seeds=3).sweep.axes == config.sweep.axes
    assert load_sweep(None, seeds=3).sweep.seeds == 3


def test_weights_without_a_config_compare_batch_norm_with_none():
    config = load_sweep(None, weights="1,0.1")
    assert dict(config.sweep.axes) == {"init.scale": SCALES, "norm.kind": ARMS}
    assert (config.data.name, config.data.train) == ("digits", 1000)
    assert config.name == load_config(None).name


def test_weights_logspace_is_the_built_in_sweep():
    assert axes(None, weights="logspace") == dict(load_sweep(None).sweep.axes)
    assert axes(None, weights="logspace(0, -4, 16)") == axes(None, weights="logspace:0:-4:16")


def test_axes_without_a_config_replace_those_of_the_built_in_one():
    assert axes(None, axes=["optimizer.lr=1,0.1"]) == {"optimizer.lr": SCALES}
    # The scale is an axis like any other when it is named as one.
    assert axes(None, axes=["init.scale=1,0.1"]) == {"init.scale": SCALES}


def test_weights_beside_another_axis_are_what_was_asked():
    both = axes(None, weights="1,0.1", axes=["optimizer.lr=1,0.1"])
    assert both == {"optimizer.lr": SCALES, "init.scale": SCALES}
    arms = axes(None, weights="1,0.1", axes=["norm=off,on"])
    assert arms == {"norm.kind": ("none", "batch"), "init.scale": SCALES}


@pytest.mark.parametrize("sweep", ["", "sweep: {seeds: 2}", "sweep: {axes: {init.scale: [5]}}"])
def test_weights_with_a_config_that_sweeps_nothing_else(sweep, write):
    config = load_sweep(write(sweep), weights="1,0.1")
    assert dict(config.sweep.axes) == {"init.scale": SCALES, "norm.kind": ARMS}
    assert config.sweep.seeds == (2 if "seeds" in sweep else 1)


def test_weights_with_a_config_that_sweeps_something_else(write):
    path = write("sweep: {axes: {optimizer.lr: [1, 0.1]}}")
    assert axes(path, weights="1,0.1") == {"optimizer.lr": SCALES, "init.scale": SCALES}
    path = write("sweep: {axes: {init.scale: [5, 6], norm.place: [before, after]}, seeds: 2}")
    assert axes(path, weights="1,0.1") == {"init.scale": SCALES, "norm.place": ("before", "after")}


def test_an_axis_of_a_config_is_replaced_and_keeps_its_position(write):
    path = write("sweep: {axes: {init.scale: [5], norm.kind: [on, off]}}")
    named = axes(path, axes=["optimizer.lr=1", "init.scale=1,0.1"])
    assert list(named) == ["init.scale", "norm.kind", "optimizer.lr"]
    assert named["init.scale"] == SCALES


def test_the_plot_of_the_config_stays_and_that_of_the_built_in_goes(write):
    path = write("sweep: {axes: {init.scale: [5], norm: [on, off]}}\nplot: {panel: init.scale}")
    assert load_sweep(path, weights="1,0.1").plot.panel == "init.scale"
    assert load_sweep(None, axes=["optimizer.lr=1,0.1"]).plot.panel is None


def test_a_config_object_is_as_good_as_its_file(write):
    path = write("sweep: {axes: {init.scale: [5], norm.kind: [on, off]}}")
    config = load_config(path)
    assert load_sweep(config) is config
    for arguments in (
        {"weights": "1,0.1"},
        {"axes": ["optimizer.lr=1"], "seeds": 2},
        {"overrides": ["optimizer.lr=0.5"], "seed": 0},
    ):
        found, expected = load_sweep(config, **arguments), load_sweep(path, **arguments)
        assert isinstance(found, Config)
        assert dict(found.sweep.axes) == dict(expected.sweep.axes)
        assert (found.optimizer, found.sweep.seeds, found.seed) == (
            expected.optimizer,
            expected.sweep.seeds,
            expected.seed,
        )


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"axes": ["optimizer.lr=1", "optimizer.lr=2"]}, "--axis optimizer.lr=2: optimizer.lr"),
        ({"axes": ["norm=on", "norm.kind=off"]}, "--axis norm.kind=off: norm.kind"),
        ({"axes": ["init.scale=1"], "weights": "2"}, "--weights 2: init.scale"),
    ],
)
def test_an_axis_named_twice_is_refused(arguments, place):
    with pytest.raises(ConfigMistakesError, match=re.escape(f"{place}: this axis is named before")):
        load_sweep(None, **arguments)


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("init.scale=0.5", "init.scale"),
        ("norm=off", "norm.kind"),
        ("norm.kind = batch", "norm.kind"),
    ],
)
def test_setting_a_swept_key_is_refused(override, key):
    with pytest.raises(ConfigMistakesError, match=f"{key} is swept, so this has no effect"):
        load_sweep(None, overrides=[override])


def test_setting_beside_the_axes_is_fine():
    config = load_sweep(None, overrides=["norm={eps: 1e-3}", "optimizer.lr=0.5"])
    assert (config.norm.eps, config.optimizer.lr) == (1e-3, 0.5)


def test_a_mapping_is_as_good_as_a_file(write):
    mapping = {
        "name": "c",
        "data": {"name": "digits", "train": 100},
        "norm": "batch",
        "optimizer": {"lr": 1e-3},
        "sweep": {"axes": {"init.scale": "1,2"}},
    }
    path = write("norm: batch\noptimizer: {lr: 1e-3}\nsweep: {axes: {init.scale: '1,2'}}")
    assert load_sweep(mapping) == load_sweep(path)
    with pytest.raises(ConfigMistakesError, match="-1 is out of range"):
        load_sweep({"optimizer": {"lr": -1}})
    with pytest.raises(ConfigMistakesError, match="allowed: a mapping of names"):
        load_sweep({"optimizer": object()})
