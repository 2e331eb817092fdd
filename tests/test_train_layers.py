"""What a layer has of its own acts there, and what all layers have acts as if each had it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_runs import follow, load, make_image_run

#: What a layer may have of its own, and the key that gives it to every layer.
OWN = {
    "activation": ("network__activation", "tanh"),
    "norm": ("norm__kind", "layer"),
    "dropout": ("regularization__dropout", 0.4),
}


def theta_of(layers: list[dict[str, Any]], **changes: Any) -> Any:
    """Train two epochs of three and return the parameters."""
    run = make_image_run(
        network__layers=layers, **{"norm__kind": "none", "training__batch_size": 50, **changes}
    )
    return follow([run], load(run)).states[run.id, 2].arrays["theta"]


def layers(conv: dict[str, Any], dense: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"conv": 8, **conv}, {"pool": 2}, {"dense": 50, **dense}]


@pytest.mark.parametrize("name", OWN)
def test_own_and_common(name: str) -> None:
    key, value = OWN[name]
    own = {name: value}
    everywhere = theta_of(layers({}, {}), **{key: value})
    assert np.array_equal(theta_of(layers(own, own)), everywhere)
    different = {
        everywhere.tobytes(),
        *(theta_of(layers(*each)).tobytes() for each in (({}, {}), (own, {}), ({}, own))),
    }
    assert len(different) == 4


@pytest.mark.parametrize(
    ("name", "off"), [("activation", "relu"), ("norm", "none"), ("dropout", 0.0)]
)
def test_a_layer_goes_without_what_the_others_have(name: str, off: Any) -> None:
    key, value = OWN[name]
    without = theta_of(layers({name: off}, {}), **{key: value})
    assert np.array_equal(without, theta_of(layers({}, {name: value})))


def test_a_layer_without_bias_has_none() -> None:
    with_both = theta_of(layers({}, {}))
    assert len(with_both) - len(theta_of(layers({"bias": False}, {}))) == 8
    assert len(with_both) - len(theta_of(layers({}, {"bias": False}))) == 50


def test_a_norm_of_its_own_takes_the_numbers_of_all() -> None:
    own = layers({"norm": "batch"}, {})
    thetas = [
        theta_of(own),
        theta_of(own, norm__eps=0.1),
        theta_of(own, norm__place="after"),
        theta_of(own, norm__gamma="none"),
    ]
    assert len({theta.tobytes() for theta in thetas}) == 4


def test_spatial_dropout_is_another_dropout_of_images_alone() -> None:
    base: dict[str, Any] = {"regularization__dropout": 0.4}
    images, alone = layers({}, {"dropout": 0.0}), layers({"dropout": 0.0}, {})
    for network, differs in ((images, True), (alone, False)):
        pixels, channels = (
            theta_of(network, **base, regularization__spatial_dropout=spatial)
            for spatial in (False, True)
        )
        assert np.array_equal(pixels, channels) != differs


def test_batch_renorm_is_batch_norm_up_to_its_share_of_all_updates() -> None:
    thetas = {}
    for kind in ("batch", "batch_renorm"):
        run = make_image_run(
            network__layers=layers({"bias": False}, {"bias": False}),
            norm={"kind": kind, "renorm_start": 0.5, "renorm_end": 0.5},
            training__epochs=4,
        )
        states = follow([run], load(run)).states
        thetas[kind] = [states[run.id, epoch].arrays["theta"] for epoch in (1, 2, 3)]
    equal = [np.array_equal(*pair) for pair in zip(*thetas.values(), strict=True)]
    assert equal == [True, True, False]
