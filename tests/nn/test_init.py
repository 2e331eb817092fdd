"""Initial weights: sizes of each scheme, common random numbers, pinned values."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from stacks import Member, Topology, build_network

from bnexp.nn.dense import Dense
from bnexp.nn.init import unit_weights
from bnexp.nn.layer import Array

UNITS, INPUTS = 150, 400
STD = {
    "normal": 1.0,
    "he": math.sqrt(2 / INPUTS),
    "xavier": math.sqrt(2 / (INPUTS + UNITS)),
    "lecun": math.sqrt(1 / INPUTS),
}


@pytest.mark.parametrize("kind", STD)
def test_normal_schemes(kind: str) -> None:
    W = unit_weights(kind, 1, 0, UNITS, INPUTS) / STD[kind]
    count = W.size
    # Five standard errors of the mean, the standard deviation and the fourth moment of a normal.
    assert abs(W.mean()) < 5 / math.sqrt(count)
    assert abs(W.std() - 1) < 5 / math.sqrt(2 * count)
    assert abs((W**4).mean() - 3) < 5 * math.sqrt(96 / count)


@pytest.mark.parametrize("kind", [kind for kind in STD if kind != "normal"])
def test_uniform_schemes(kind: str) -> None:
    W = unit_weights(f"{kind}_uniform", 1, 0, UNITS, INPUTS)
    bound = math.sqrt(3) * STD[kind]
    assert np.abs(W).max() <= bound
    assert W.max() > 0.999 * bound
    assert W.min() < -0.999 * bound
    assert abs(W.mean()) < 5 * STD[kind] / math.sqrt(W.size)
    assert W.std() == pytest.approx(STD[kind], rel=0.01)


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (30, 30), (1, 5), (5, 1)])
def test_orthogonal(shape: tuple[int, int]) -> None:
    W = unit_weights("orthogonal", 1, 0, *shape)
    assert W.shape == shape
    small = W @ W.T if shape[0] < shape[1] else W.T @ W
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-13)


def test_orthogonal_has_no_preferred_sign() -> None:
    corners = [unit_weights("orthogonal", seed, 0, 3, 3)[0, 0] for seed in range(200)]
    assert 70 < np.sum(np.array(corners) > 0) < 130


@pytest.mark.parametrize("scheme", ["normal", "he_uniform", "orthogonal"])
def test_seed_and_layer_choose_the_numbers(scheme: str) -> None:
    draws = [unit_weights(scheme, seed, layer, 4, 5) for seed in (0, 1) for layer in (0, 1)]
    assert len({draw.tobytes() for draw in draws}) == 4
    assert np.array_equal(draws[0], unit_weights(scheme, 0, 0, 4, 5))


def test_schemes_share_their_unit_normals() -> None:
    W = unit_weights("normal", 1, 2, UNITS, INPUTS)
    np.testing.assert_allclose(unit_weights("he", 1, 2, UNITS, INPUTS), W * STD["he"], rtol=1e-15)


#: The first three numbers of seed 0, layer 0: a change makes every result another experiment.
GOLDEN = {
    "normal": [0.1257302210933933, -0.1321048632913019, 0.6404226504432821],
    "he": [0.10265829564204268, -0.10786316920127266, 0.522902904435612],
    "xavier_uniform": [0.3000680226397193, -0.5043720396356872, -1.0056766217290054],
    "orthogonal": [0.14891146369604535, 0.7584992170718539, -0.6344322766704784],
}


@pytest.mark.parametrize("scheme", GOLDEN)
def test_golden_values(scheme: str) -> None:
    found = unit_weights(scheme, 0, 0, 2, 3).ravel()[:3]
    np.testing.assert_allclose(found, GOLDEN[scheme], rtol=1e-12)


def weights(
    members: list[Member],
    dtype: type = np.float64,
    *,
    norm: Literal["none", "before", "after"] = "none",
    scheme: str = "normal",
) -> list[Array]:
    network = build_network(Topology(20, (30, 40), norm=norm, scheme=scheme), members, dtype)
    return [layer.params["W"] for layer in network.layers if isinstance(layer, Dense)]


def test_runs_of_one_seed_are_multiples_of_each_other() -> None:
    for W in weights([Member(scale=s) for s in (1.0, 0.5, 1e-4, 3.7)]):
        assert np.array_equal(W[1], W[0] / 2)
        np.testing.assert_allclose(W[2:], W[:1] * np.array([1e-4, 3.7])[:, None, None], rtol=1e-15)


def test_each_run_follows_its_own_seed() -> None:
    stack = weights([Member(seed=1), Member(seed=2), Member(seed=1)])
    alone = weights([Member(seed=2)])
    for W, own in zip(stack, alone, strict=True):
        assert np.array_equal(W[1], own[0])
        assert np.array_equal(W[0], W[2])
        assert not np.array_equal(W[0], W[1])


@pytest.mark.parametrize("scheme", ["normal", "xavier_uniform", "orthogonal"])
def test_float32_is_float64_rounded(scheme: str) -> None:
    members = [Member(scale=0.3), Member(seed=4)]
    pairs = zip(
        weights(members, np.float32, scheme=scheme), weights(members, scheme=scheme), strict=True
    )
    for single, double in pairs:
        assert single.dtype == np.float32
        assert np.array_equal(single, double.astype(np.float32))


@pytest.mark.parametrize("norm", ["before", "after"])
def test_norms_and_dropout_shift_no_layer(norm: Literal["before", "after"]) -> None:
    plain = weights([Member()])
    assert len(plain) == 3
    for member in (Member(), Member(dropout=0.5)):
        for W, other in zip(plain, weights([member], norm=norm), strict=True):
            assert np.array_equal(W, other)


def test_rearranged_features_keep_their_weights() -> None:
    order = np.random.default_rng(1).permutation(20)
    network = build_network(
        Topology(20, (30,), scheme="he"), [Member(), Member(seed=1)], np.float64
    )
    before = network.theta.copy()
    first, second = (layer.params["W"].copy() for layer in network.layers if "W" in layer.params)
    network.initialize("he", order)
    moved = [layer.params["W"] for layer in network.layers if "W" in layer.params]
    assert np.array_equal(moved[0], first[:, :, order])
    assert np.array_equal(moved[1], second)
    network.initialize("he")
    assert np.array_equal(network.theta, before)


def test_layers_draw_different_numbers() -> None:
    network = build_network(Topology(20, (20, 20), scheme="normal"), [Member()], np.float64)
    first, second, _ = (layer.params["W"] for layer in network.layers if isinstance(layer, Dense))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.2


FILTERS, CHANNELS, KERNEL = 40, 30, (5, 3)
CONV_STD = {
    "normal": 1.0,
    "he": math.sqrt(2 / (CHANNELS * 15)),
    "xavier": math.sqrt(2 / ((CHANNELS + FILTERS) * 15)),
    "lecun": math.sqrt(1 / (CHANNELS * 15)),
}


@pytest.mark.parametrize("kind", CONV_STD)
def test_a_convolution_counts_its_kernel(kind: str) -> None:
    W = unit_weights(kind, 1, 0, FILTERS, CHANNELS, kernel=KERNEL)
    assert W.shape == (FILTERS, CHANNELS, *KERNEL)
    assert abs(W.std() / CONV_STD[kind] - 1) < 5 / math.sqrt(2 * W.size)
    if kind != "normal":
        uniform = unit_weights(f"{kind}_uniform", 1, 0, FILTERS, CHANNELS, kernel=KERNEL)
        bound = math.sqrt(3) * CONV_STD[kind]
        assert 0.999 * bound < np.abs(uniform).max() <= bound


def test_the_kernel_of_a_convolution_only_scales_the_draws_of_a_dense_layer() -> None:
    W = unit_weights("normal", 3, 1, 4, 5, kernel=(3, 3))
    assert np.array_equal(W.reshape(4, 45), unit_weights("normal", 3, 1, 4, 45))
    W = unit_weights("he", 3, 1, 4, 5, kernel=(1, 1))
    assert np.array_equal(W.reshape(4, 5), unit_weights("he", 3, 1, 4, 5))


@pytest.mark.parametrize("filters", [4, 18, 30])
def test_orthogonal_filters(filters: int) -> None:
    W = unit_weights("orthogonal", 1, 0, filters, 2, kernel=(3, 3))
    assert W.shape == (filters, 2, 3, 3)
    rows = W.reshape(filters, 18)
    small = rows @ rows.T if filters < 18 else rows.T @ rows
    np.testing.assert_allclose(small, np.eye(min(filters, 18)), atol=1e-13)
