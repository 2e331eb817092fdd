"""Batch norm: gradients for every affine form, naive values, PyTorch's values, running averages."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from gradcheck import assert_gradients
from stacks import attach

from bnexp.nn.layer import Array, Workspace
from bnexp.nn.norms import BatchNorm

VALUES = json.loads((Path(__file__).parent / "fixtures/torch_values.json").read_text("utf-8"))
AFFINE = ["vector", "scalar", "none"]


def make_norm(
    eps: list[float],
    *,
    momentum: list[float] | None = None,
    units: int = 4,
    gamma: str = "vector",
    beta: str = "vector",
    start_var: float = 0.0,
) -> BatchNorm:
    layer = BatchNorm(
        Workspace(np.dtype(np.float64)),
        units,
        eps=np.array(eps),
        momentum=np.array(momentum or [0.9] * len(eps)),
        gamma=gamma,
        beta=beta,
        start_var=start_var,
    )
    attach(layer, len(eps), np.random.default_rng(1))
    layer.running_var[...] = start_var
    return layer


@pytest.mark.parametrize("batch", [2, 3, 20])
@pytest.mark.parametrize("eps", [[0.5], [0.1, 1.0, 0.3]])
@pytest.mark.parametrize("beta", AFFINE)
@pytest.mark.parametrize("gamma", AFFINE)
def test_gradients(gamma: str, beta: str, eps: list[float], batch: int) -> None:
    rng = np.random.default_rng(2)
    layer = make_norm(eps, gamma=gamma, beta=beta)
    x = 3 + rng.standard_normal((len(eps), 4, batch))
    cotangent = rng.standard_normal(x.shape)

    def objective() -> Array:
        return (layer.forward(x.copy(), True) * cotangent).sum(axis=(1, 2))

    objective()
    dx = layer.backward(cotangent.copy())
    tensors = {name: (layer.params[name], layer.grads[name]) for name in layer.params}
    assert set(tensors) == {n for n, kind in (("gamma", gamma), ("beta", beta)) if kind != "none"}
    assert_gradients(objective, {"x": (x, dx.copy()), **tensors})


def test_gradients_with_small_eps_beside_large() -> None:
    rng = np.random.default_rng(3)
    layer = make_norm([0.0, 1e-6, 10.0])
    x = 3 + rng.standard_normal((3, 4, 6))
    cotangent = rng.standard_normal(x.shape)

    def objective() -> Array:
        return (layer.forward(x.copy(), True) * cotangent).sum(axis=(1, 2))

    objective()
    assert_gradients(objective, {"x": (x, layer.backward(cotangent.copy()).copy())})


def naive(values: list[float], eps: float) -> tuple[list[float], float, float]:
    """Normalise one feature of one run; return it with its mean and variance."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
    return [(v - mean) / math.sqrt(variance + eps) for v in values], mean, variance


@pytest.mark.parametrize("beta", AFFINE)
@pytest.mark.parametrize("gamma", AFFINE)
@pytest.mark.parametrize("start_var", [0.0, 1.0])
def test_training_against_a_naive_loop(gamma: str, beta: str, start_var: float) -> None:
    eps, momentum = [1e-6, 0.1], [0.9, 0.25]
    layer = make_norm(eps, momentum=momentum, gamma=gamma, beta=beta, start_var=start_var)
    x = 2 + np.random.default_rng(4).standard_normal((2, 4, 6))
    y = layer.forward(x.copy(), True)
    one, zero = np.ones((2, 1, 1)), np.zeros((2, 1, 1))
    g = np.broadcast_to(layer.params.get("gamma", one), (2, 4, 1))
    b = np.broadcast_to(layer.params.get("beta", zero), (2, 4, 1))
    for k in range(2):
        for d in range(4):
            normed, mean, variance = naive(x[k, d].tolist(), eps[k])
            expected = [g[k, d, 0] * value + b[k, d, 0] for value in normed]
            np.testing.assert_allclose(y[k, d], expected, rtol=1e-12, atol=1e-14)
            # The first update: the share of the old value kept is the momentum.
            assert layer.running_mean[k, d, 0] == pytest.approx((1 - momentum[k]) * mean, rel=1e-13)
            assert layer.running_var[k, d, 0] == pytest.approx(
                momentum[k] * start_var + (1 - momentum[k]) * variance, rel=1e-13
            )


def test_running_averages_over_several_batches() -> None:
    layer = make_norm([0.1, 0.1], momentum=[0.9, 0.5], start_var=1.0)
    rng = np.random.default_rng(5)
    mean, var = np.zeros((2, 4, 1)), np.ones((2, 4, 1))
    kept = np.array([0.9, 0.5])[:, None, None]
    for _ in range(4):
        x = 2 + rng.standard_normal((2, 4, 6))
        layer.forward(x.copy(), True)
        mean = kept * mean + (1 - kept) * x.mean(axis=2, keepdims=True)
        var = kept * var + (1 - kept) * x.var(axis=2, keepdims=True)
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)


@pytest.mark.parametrize("beta", AFFINE)
@pytest.mark.parametrize("gamma", AFFINE)
def test_evaluation_uses_the_running_values_and_changes_none(gamma: str, beta: str) -> None:
    layer = make_norm([0.1, 0.0], gamma=gamma, beta=beta)
    rng = np.random.default_rng(6)
    layer.running_mean[...] = mean = rng.standard_normal((2, 4, 1))
    layer.running_var[...] = var = rng.random((2, 4, 1)) + 0.5
    x = rng.standard_normal((2, 4, 5))
    g, b = layer.params.get("gamma", 1), layer.params.get("beta", 0)
    eps = np.array([0.1, 0.0])[:, None, None]
    expected = g * (x - mean) / np.sqrt(var + eps) + b
    np.testing.assert_allclose(layer.forward(x.copy(), False), expected, rtol=1e-12)
    # One example at a time gives the same: nothing depends on the batch.
    one = layer.forward(x[:, :, 2:3].copy(), False)
    np.testing.assert_allclose(one, expected[:, :, 2:3], rtol=1e-12)
    assert np.array_equal(layer.running_mean, mean)
    assert np.array_equal(layer.running_var, var)


def test_scalar_gamma_and_beta_are_vectors_of_equal_entries() -> None:
    scalar, vector = make_norm([0.1], gamma="scalar", beta="scalar"), make_norm([0.1])
    for name in ("gamma", "beta"):
        vector.params[name][...] = scalar.params[name]
    rng = np.random.default_rng(7)
    x, dy = rng.standard_normal((2, 1, 4, 6))
    assert np.array_equal(scalar.forward(x.copy(), True), vector.forward(x.copy(), True))
    assert np.array_equal(scalar.backward(dy.copy()), vector.backward(dy.copy()))
    for name in ("gamma", "beta"):
        assert scalar.grads[name].shape == (1, 1, 1)
        assert scalar.grads[name].sum() == pytest.approx(vector.grads[name].sum(), rel=1e-13)


def test_against_pytorch() -> None:
    values = {n: np.array(v, np.float64) for n, v in VALUES["batch_norm"].items()}
    layer = make_norm([1e-3], units=3, start_var=1.0)
    layer.params["gamma"][0, :, 0] = values["gamma"]
    layer.params["beta"][0, :, 0] = values["beta"]
    y = layer.forward(values["x"][None].copy(), True)
    np.testing.assert_allclose(y[0], values["y"], rtol=1e-12)
    dx = layer.backward(values["dy"][None].copy())
    np.testing.assert_allclose(dx[0], values["dx"], rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(layer.grads["gamma"][0, :, 0], values["dgamma"], rtol=1e-12)
    np.testing.assert_allclose(layer.grads["beta"][0, :, 0], values["dbeta"], rtol=1e-12)
    np.testing.assert_allclose(layer.running_mean[0, :, 0], values["running_mean"], rtol=1e-12)
    # PyTorch's share of the new variance is the unbiased one: times B / (B - 1), with B = 7.
    new = (layer.running_var[0, :, 0] - 0.9) * 7 / 6
    np.testing.assert_allclose(0.9 + new, values["running_var"], rtol=1e-12)
    layer.running_var[0, :, 0] = values["running_var"]
    y = layer.forward(values["x"][None].copy(), False)
    np.testing.assert_allclose(y[0], values["y_evaluation"], rtol=1e-12)
