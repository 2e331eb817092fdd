"""What batch norm promises at the limits: offset inputs in float32, eps = 0, constant features."""

from __future__ import annotations

import numpy as np
import pytest
from stacks import Member, OneBatch, Topology, attach, build_network, examples

from bnexp.nn.dense import Dense
from bnexp.nn.layer import Array, Workspace
from bnexp.nn.norms import BatchNorm


def make_norm(units: int, dtype: type, *, momentum: float = 0.9) -> BatchNorm:
    one = np.ones(1)
    layer = BatchNorm(Workspace(np.dtype(dtype)), units, eps=0 * one, momentum=momentum * one)
    attach(layer, 1, np.random.default_rng(1))
    return layer


def both_ways(x: Array, dy: Array, dtype: type) -> dict[str, Array]:
    layer = make_norm(x.shape[1], dtype)
    y = layer.forward(x.astype(dtype), True).copy()
    dx = layer.backward(dy.astype(dtype))
    return {"y": y, "dx": dx, **layer.grads, **layer.stats}


@pytest.mark.parametrize("batch", [4, 100, 1000])
@pytest.mark.parametrize(("mean", "std"), [(0, 1), (5, 1e-3), (1000, 1e-2), (-1, 1e-6)])
def test_float32_of_offset_inputs_is_float64_up_to_rounding(
    mean: float, std: float, batch: int
) -> None:
    rng = np.random.default_rng(2)
    x = (mean + std * rng.standard_normal((1, 100, batch))).astype(np.float32)
    dy = rng.standard_normal(x.shape).astype(np.float32)
    exact, found = both_ways(x, dy, np.float64), both_ways(x, dy, np.float32)
    for name in exact:
        error = np.abs(found[name] - exact[name]).max() / np.abs(exact[name]).max()
        assert error < 2e-6, f"{name}: {error:.1e}"


def test_a_mean_is_right_to_the_last_digit() -> None:
    x = (5 + np.random.default_rng(2).standard_normal((1, 100, 10_000))).astype(np.float32)
    layer = make_norm(100, np.float32, momentum=0)
    layer.forward(x.copy(), True)
    exact = x.astype(np.float64).mean(axis=2, keepdims=True)
    assert np.abs(layer.running_mean - exact).max() <= np.spacing(np.float32(5))


def test_evaluation_in_float32_of_offset_inputs() -> None:
    rng = np.random.default_rng(2)
    x = (5 + 1e-3 * rng.standard_normal((1, 100, 100))).astype(np.float32)
    results = []
    for dtype in (np.float64, np.float32):
        layer = make_norm(100, dtype)
        layer.params["beta"][...] = 0
        layer.running_mean[...] = np.float32(5)
        layer.running_var[...] = np.float32(1e-6)
        results.append(layer.forward(x.astype(dtype), False))
    # A float32 holds x itself to 5 * 6e-8, which is 3e-4 standard deviations.
    assert np.abs(results[1] - results[0]).max() < 1e-3


def test_an_outlier_among_zeros() -> None:
    x = np.zeros((1, 3, 100), np.float32)
    x[0, 0, 0] = x[0, 1, 50] = x[0, 2, 99] = 3.3
    found = both_ways(x, np.ones_like(x), np.float32)
    exact = both_ways(x, np.ones_like(x), np.float64)
    np.testing.assert_allclose(found["y"], exact["y"], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1e-20, 12345.678])
@pytest.mark.parametrize("batch", [2, 100, 999, 60_000])
def test_a_constant_feature_with_eps_0_gives_beta_and_finite_gradients(
    value: float, batch: int
) -> None:
    rng = np.random.default_rng(3)
    layer = make_norm(3, np.float32)
    x = rng.standard_normal((1, 3, batch)).astype(np.float32)
    x[0, 1] = value
    y = layer.forward(x.copy(), True).copy()
    dx = layer.backward(rng.standard_normal(x.shape).astype(np.float32))
    assert (y[0, 1] == layer.params["beta"][0, 1]).all()
    assert (dx[0, 1] == 0).all()
    assert layer.grads["gamma"][0, 1] == 0
    assert np.isfinite(dx).all()
    assert np.ptp(y[0, 0]) > 0
    assert np.ptp(y[0, 2]) > 0


def test_evaluation_of_a_constant_feature_with_eps_0() -> None:
    layer = make_norm(1, np.float32)
    y = layer.forward(np.full((1, 1, 4), 7, np.float32), False)
    assert (y == layer.params["beta"]).all()


def test_rounding_never_makes_a_variance_negative() -> None:
    # All but one example equal, in a batch so large that the mean is off by many roundings.
    levels = np.random.default_rng(0).uniform(1, 2, (1, 100, 1)).astype(np.float32)
    x = np.repeat(levels, 30_000, axis=2)
    x[:, :, 0] = np.nextafter(x[:, :, 0], np.float32(2))
    layer = make_norm(100, np.float32)
    assert np.isfinite(layer.forward(x, True)).all()
    assert (layer.running_var >= 0).all()


SCALED = Topology(64, (32, 32), norm="before", scheme="normal")


def logits_at_scale(scale: float, *, train: bool = True) -> Array:
    network = build_network(SCALED, [Member(scale=1.0, eps=0.0)], np.float32)
    network.theta[:, : network.weight_count - 32 * 10] *= np.float32(scale)
    x, _ = examples(0, 100, 64)
    return network.forward(x.T[None], train).copy()


@pytest.mark.parametrize("power", [-20, -3, 1, 20])
def test_scaling_weights_by_a_power_of_2_changes_no_bit(power: int) -> None:
    assert np.array_equal(logits_at_scale(1.0), logits_at_scale(2.0**power))


@pytest.mark.parametrize("scale", [1e-4, 0.3, 7.0, 1000.0])
def test_scaling_weights_leaves_the_output_as_it_is(scale: float) -> None:
    expected = logits_at_scale(1.0)
    np.testing.assert_allclose(logits_at_scale(scale), expected, atol=2e-5 * np.ptp(expected))


def test_scaling_does_matter_when_eps_is_not_0() -> None:
    network = build_network(SCALED, [Member(scale=s, eps=1e-2) for s in (1, 1e-3)], np.float64)
    x, _ = examples(0, 100, 64)
    hidden = x.T[None].astype(np.float64)
    for layer in network.layers[:2]:
        hidden = layer.forward(hidden, True)
    assert np.abs(hidden[0]).max() > 3 * np.abs(hidden[1]).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bias_before_the_norm_has_no_gradient(dtype: type) -> None:
    rng = np.random.default_rng(4)
    workspace = Workspace(np.dtype(dtype))
    dense = Dense(workspace, 30, 20, bias=True, ordinal=1)
    norm = BatchNorm(workspace, 20, eps=np.zeros(2), momentum=np.full(2, 0.9))
    for layer in (dense, norm):
        attach(layer, 2, rng)
    norm.forward(dense.forward(rng.standard_normal((2, 30, 100)).astype(dtype), True), True)
    dense.backward(norm.backward(rng.standard_normal((2, 20, 100)).astype(dtype)))
    rounding = 100 * np.finfo(dtype).eps
    assert np.abs(dense.grads["b"]).max() < rounding * np.abs(dense.grads["W"]).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_is_orthogonal_to_each_unit_s_weights(dtype: type) -> None:
    network = build_network(SCALED, [Member(scale=s, eps=0.0) for s in (0.01, 1.0)], dtype)
    x, y = examples(0, 100, 64)
    loss = OneBatch()
    loss.measure(network.forward(x.T[None].astype(dtype), True), y[None])
    network.backward(loss.gradient())
    hidden = [layer for layer in network.layers if isinstance(layer, Dense)][:-1]
    assert len(hidden) == 2
    for layer in hidden:
        W, dW = layer.params["W"], layer.grads["W"]
        cosine = np.vecdot(W, dW) / (np.linalg.norm(W, axis=2) * np.linalg.norm(dW, axis=2))
        assert np.abs(cosine).max() < 200 * np.finfo(dtype).eps
