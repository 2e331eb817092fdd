"""The dense layer: gradients, values against einsum, shared inputs."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import assert_gradients
from stacks import attach

from bnexp.nn.dense import Dense
from bnexp.nn.layer import Array, Workspace


def make_dense(runs: int, *, bias: bool = True, ordinal: int = 1) -> Dense:
    layer = Dense(Workspace(np.dtype(np.float64)), 4, 5, bias=bias, ordinal=ordinal)
    attach(layer, runs, np.random.default_rng(1))
    return layer


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_gradients(runs: int, bias: bool, shared: bool, first: bool) -> None:
    rng = np.random.default_rng(2)
    layer = make_dense(runs, bias=bias, ordinal=0 if first else 1)
    x = rng.standard_normal((1 if shared else runs, 4, 6))
    cotangent = rng.standard_normal((runs, 5, 6))

    def objective() -> Array:
        return (layer.forward(x, True) * cotangent).sum(axis=(1, 2))

    objective()
    dx = layer.backward(cotangent.copy())
    tensors = {name: (layer.params[name], layer.grads[name]) for name in layer.params}
    assert tensors.keys() == ({"W", "b"} if bias else {"W"})
    if first:
        assert dx is None
    else:
        assert dx is not None
        assert dx.shape == (runs, 4, 6)
        if len(x) == runs:
            tensors["x"] = (x, dx.copy())
    assert_gradients(objective, tensors)


def test_values_and_gradients_against_einsum() -> None:
    rng = np.random.default_rng(3)
    layer = make_dense(3)
    W, b = layer.params["W"], layer.params["b"]
    x, dy = rng.standard_normal((3, 4, 7)), rng.standard_normal((3, 5, 7))
    expected = np.einsum("koi,kib->kob", W, x) + b
    for train in (True, False):
        np.testing.assert_allclose(layer.forward(x, train), expected, rtol=1e-13)
    dx = layer.backward(dy)
    assert dx is not None
    np.testing.assert_allclose(dx, np.einsum("koi,kob->kib", W, dy), rtol=1e-12)
    np.testing.assert_allclose(
        layer.grads["W"], np.einsum("kob,kib->koi", dy, x), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(layer.grads["b"], np.einsum("kob->ko", dy)[..., None], rtol=1e-12)


@pytest.mark.parametrize("train", [True, False])
def test_a_shared_input_is_each_run_s_own_input(train: bool) -> None:
    layer = make_dense(3)
    x = np.random.default_rng(4).standard_normal((1, 4, 6))
    shared = layer.forward(x, train).copy()
    own = layer.forward(np.repeat(x, 3, axis=0), train)
    assert np.array_equal(shared, own)


@pytest.mark.parametrize("ordinal", [0, 1])
def test_the_input_is_left_as_it_is(ordinal: int) -> None:
    layer = make_dense(3, ordinal=ordinal)
    x = np.random.default_rng(4).standard_normal((3, 4, 6))
    before = x.copy()
    layer.forward(x, True)
    layer.backward(np.ones((3, 5, 6)))
    layer.forward(x, False)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("shared", [True, False])
def test_features_that_are_left_out_are_zeros(shared: bool) -> None:
    rng = np.random.default_rng(5)
    layer = make_dense(3, ordinal=0)
    x = rng.standard_normal((1 if shared else 3, 4, 6))
    x[:, 3:] = 0
    dy = rng.standard_normal((3, 5, 6))
    found = []
    for features in (4, 3):
        y = layer.forward(x[:, :features], True).copy()
        evaluated = layer.forward(x[:, :features], False).copy()
        layer.grads["W"][...] = np.nan
        layer.backward(dy.copy())
        found.append((y, evaluated, layer.grads["W"].copy(), layer.grads["b"].copy()))
    for whole, part in zip(*found, strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-12, atol=1e-14)
    assert (found[1][2][:, :, 3] == 0).all()
