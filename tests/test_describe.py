"""What a network is: layers in order, and counts worked out by hand."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Literal

import numpy as np
import pytest

from bnexp.describe import (
    DATASETS,
    Activation,
    Affine,
    Dense,
    Dropout,
    Hidden,
    NetworkSpec,
    Norm,
    Pooling,
    describe_network,
)
from bnexp.nn import Network
from bnexp.nn.build import Numbers

Place = Literal["before", "after"]


def book_network(
    place: Place | None = None, *, affine: Affine = "vector", dropout: bool = False
) -> NetworkSpec:
    """784-100-100-100-100-100-10."""
    norm = None if place is None else Norm("batch", (), affine, affine, 0.0)
    return describe_network(
        784,
        10,
        [100] * 5,
        activation="relu",
        norm=norm,
        norm_place=place or "before",
        dropout=dropout,
    )


def actual_parameters(spec: NetworkSpec) -> int:
    one = np.ones(1)
    numbers = Numbers(seeds=[0], scale=one, dropout=0 * one, eps=one, momentum=one)
    return int(Network(spec, numbers, np.float32).theta.shape[1])


WEIGHTS = 784 * 100 + 4 * 100 * 100 + 100 * 10
BIASES = 5 * 100 + 10
COUNTS: list[tuple[Place | None, Affine, int]] = [
    (None, "none", 119_910),  # 78,500 + 4 * 10,100 + 1,010
    ("before", "vector", 120_410),  # five biases of 100 go, five gammas and betas of 100 come
    ("before", "scalar", 119_420),
    ("before", "none", 119_410),
    ("after", "vector", 120_910),
    ("after", "scalar", 119_920),
    ("after", "none", 119_910),
]


@pytest.mark.parametrize(("place", "affine", "expected"), COUNTS)
def test_parameters_by_hand_and_as_allocated(
    place: Place | None, affine: Affine, expected: int
) -> None:
    spec = book_network(place, affine=affine)
    assert spec.parameters == expected
    assert actual_parameters(spec) == expected
    assert actual_parameters(book_network(place, affine=affine, dropout=True)) == expected
    biases = BIASES if place != "before" else 10
    norms = 0 if place is None else 10 * {"vector": 100, "scalar": 1, "none": 0}[affine]
    assert expected == WEIGHTS + biases + norms


@pytest.mark.parametrize("kind", ["none", "batch", "batch_renorm", "group", "instance", "rms"])
def test_parameters_of_images_as_allocated(kind: str) -> None:
    norm = Norm(kind, (), "vector", "scalar", 1.0, groups=0)
    own = "layer" if kind == "instance" else None
    layers: list[int | Hidden | Pooling] = [Hidden(4, 3), Pooling(2)]
    layers += [Hidden(6, 3, stride=2, padding="valid"), Hidden(9, norm=own)]
    spec = describe_network((12, 3, 10), 5, layers, activation="relu", norm=norm)
    assert spec.parameters == actual_parameters(spec)


@pytest.mark.parametrize("place", [None, "before", "after"])
def test_multiply_adds(place: Place | None) -> None:
    spec = book_network(place, dropout=True)
    assert spec.multiply_adds == 119_400
    # Forward and two gradients, but no input gradient of the first layer.
    assert spec.step_multiply_adds(100) == 100 * (119_400 + 119_400 + 41_000)


def kinds(spec: NetworkSpec) -> list[str]:
    return [type(layer).__name__ for layer in spec.layers]


def test_order_of_layers() -> None:
    before = ["Dense", "Norm", "Activation", "Dropout"] * 5 + ["Dense"]
    after = ["Dense", "Activation", "Norm", "Dropout"] * 5 + ["Dense"]
    assert kinds(book_network("before", dropout=True)) == before
    assert kinds(book_network("after", dropout=True)) == after
    assert kinds(book_network()) == ["Dense", "Activation"] * 5 + ["Dense"]


def test_a_bias_right_before_a_centring_norm_is_left_out() -> None:
    def biases(spec: NetworkSpec) -> list[bool]:
        return [layer.bias for layer in spec.layers if isinstance(layer, Dense)]

    assert biases(book_network("before")) == [False] * 5 + [True]
    assert biases(book_network("after")) == [True] * 6
    assert biases(book_network()) == [True] * 6


def test_a_norm_that_does_not_centre_keeps_the_bias() -> None:
    norm = Norm("scaling", (), "vector", "none", 1.0)
    spec = describe_network(4, 2, [3], activation="relu", norm=norm, norm_place="before")
    assert spec.layers[0] == Dense(4, 3, bias=True)


def test_gamma_and_beta_count_each_for_itself() -> None:
    forms: tuple[Affine, ...] = ("vector", "scalar", "none")
    counts = {(g, b): Norm("batch", (7,), g, b, 0.0).parameters for g in forms for b in forms}
    assert [counts["vector", b] for b in forms] == [14, 8, 7]
    assert [counts["scalar", b] for b in forms] == [8, 2, 1]
    assert [counts["none", b] for b in forms] == [7, 1, 0]


def test_sizes_run_through() -> None:
    norm = Norm("batch", (), "scalar", "none", 1.0)
    spec = describe_network(
        7, 3, [5, 4], activation="tanh", norm=norm, norm_place="after", dropout=True
    )
    assert spec.layers == (
        Dense(7, 5, bias=True),
        Activation("tanh", (5,)),
        Norm("batch", (5,), "scalar", "none", 1.0),
        Dropout((5,), 0),
        Dense(5, 4, bias=True),
        Activation("tanh", (4,)),
        Norm("batch", (4,), "scalar", "none", 1.0, ordinal=1),
        Dropout((4,), 1),
        Dense(4, 3, bias=True),
    )
    assert (spec.inputs, spec.classes) == (7, 3)


def test_a_network_without_hidden_layers() -> None:
    norm = Norm("batch", (), "vector", "vector", 0.0)
    spec = describe_network(64, 10, [], activation="relu", norm=norm, dropout=True)
    assert spec.layers == (Dense(64, 10, bias=True),)
    assert spec.parameters == actual_parameters(spec) == 650
    assert spec.step_multiply_adds(10) == 10 * 2 * 640


def test_descriptions_cannot_be_changed() -> None:
    spec = book_network()
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.inputs = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        DATASETS["digits"] = DATASETS["mnist"]  # type: ignore[index]


def test_facts_of_datasets() -> None:
    sizes = {name: (facts.features, facts.classes) for name, facts in DATASETS.items()}
    assert sizes == {
        "digits": (64, 10),
        "mnist": (784, 10),
        "fashion-mnist": (784, 10),
        "cifar10": (3072, 10),
    }
    assert all(facts.name == name for name, facts in DATASETS.items())


def test_describing_needs_no_numpy() -> None:
    code = "import sys, bnexp.describe; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
