"""The activations: gradients, values from PyTorch, extreme inputs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from gradcheck import assert_gradients

from bnexp.nn.activations import FUNCTIONS, Activation
from bnexp.nn.layer import Array, Workspace

VALUES = json.loads((Path(__file__).parent / "fixtures/torch_values.json").read_text("utf-8"))
KINKED = {"relu", "leaky_relu", "elu"}


def evaluate(kind: str, z: Array) -> tuple[Array, Array]:
    """Return f(z) and f'(z)."""
    y, slope = z.copy(), np.empty_like(z)
    with np.errstate(all="ignore"):
        FUNCTIONS[kind](y, slope)
    return y, slope


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("kind", FUNCTIONS)
def test_gradients(kind: str, runs: int) -> None:
    rng = np.random.default_rng(1)
    layer = Activation(Workspace(np.dtype(np.float64)), kind)
    x = 2 * rng.standard_normal((runs, 4, 6))
    if kind in KINKED:
        x += np.sign(x) * 0.1
    cotangent = rng.standard_normal(x.shape)

    def objective() -> Array:
        return (layer.forward(x.copy(), True) * cotangent).sum(axis=(1, 2))

    objective()
    dx = layer.backward(cotangent.copy())
    assert_gradients(objective, {"x": (x, dx)})


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_values_and_slopes_against_pytorch(kind: str) -> None:
    expected = VALUES["activations"][kind]
    z = np.array(VALUES["activations"]["z"])
    y, slope = evaluate(kind, z)
    np.testing.assert_allclose(y, expected["y"], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(slope, expected["slope"], rtol=1e-12, atol=1e-14)
    y32, slope32 = evaluate(kind, z.astype(np.float32))
    assert y32.dtype == slope32.dtype == np.float32
    np.testing.assert_allclose(y32, expected["y"], rtol=2e-6, atol=2e-7)
    np.testing.assert_allclose(slope32, expected["slope"], rtol=2e-6, atol=4e-7)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_evaluation_gives_the_values_of_training(kind: str) -> None:
    z = np.random.default_rng(2).standard_normal((2, 5, 7)).astype(np.float32)
    layer = Activation(Workspace(np.dtype(np.float32)), kind)
    assert np.array_equal(layer.forward(z.copy(), True), layer.forward(z.copy(), False))


LEFT_AND_RIGHT = {  # value at -1e4, slope at -1e4, value at 1e4, slope at 1e4
    "relu": (0, 0, 1e4, 1),
    "leaky_relu": (-100, 0.01, 1e4, 1),
    "elu": (-1, 0, 1e4, 1),
    "gelu": (0, 0, 1e4, 1),
    "softplus": (0, 0, 1e4, 1),
    "sigmoid": (0, 0, 1, 0),
    "tanh": (-1, 0, 1, 0),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", FUNCTIONS)
def test_far_from_zero(kind: str, dtype: type) -> None:
    y, slope = evaluate(kind, np.array([-1e4, 1e4], dtype))
    found = (y[0], slope[0], y[1], slope[1])
    assert found == pytest.approx(LEFT_AND_RIGHT[kind], rel=1e-6, abs=0)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_what_is_not_a_number_stays_so(kind: str) -> None:
    assert np.isnan(evaluate(kind, np.array([np.nan], np.float32))[0]).all()


@pytest.mark.parametrize(("kind", "slope"), [("relu", 0), ("leaky_relu", 0.01), ("elu", 1)])
def test_slope_at_the_kink(kind: str, slope: float) -> None:
    assert evaluate(kind, np.zeros(1))[1] == slope


def test_hand_worked_values() -> None:
    assert evaluate("softplus", np.zeros(1))[0] == pytest.approx(math.log(2))
    assert evaluate("gelu", np.ones(1))[0] == pytest.approx(0.8411919906082768)
    assert evaluate("elu", np.array([-1.0]))[0] == pytest.approx(math.exp(-1) - 1)
    assert evaluate("leaky_relu", np.array([-3.0]))[0] == pytest.approx(-0.03)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_is_the_same_on_few_numbers_and_on_many(dtype: type) -> None:
    rng = np.random.default_rng(6)
    tiny = np.finfo(dtype).smallest_subnormal
    x = rng.choice(np.array([-2, -tiny, -0.0, 0, tiny, 1e-30, 0.5, 1, 7e30], dtype), (2, 50, 200))
    dy = rng.standard_normal(x.shape).astype(dtype)
    found = []
    for columns in (slice(None), slice(0, 20)):
        layer = Activation(Workspace(np.dtype(dtype)), "relu")
        y = layer.forward(x[..., columns].copy(), True)
        found.append((y, layer.backward(dy[..., columns].copy()), layer.slope.dtype))
    (y, dx, kind), (few_y, few_dx, few_kind) = found
    assert (kind, few_kind) == (np.dtype(bool), np.dtype(dtype))
    assert np.array_equal(y, np.where(x > 0, x, 0))
    assert np.array_equal(dx, np.where(x > 0, dy, 0))
    assert np.array_equal(few_y, y[..., :20])
    assert np.array_equal(few_dx, dx[..., :20])
