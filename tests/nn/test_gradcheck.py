"""The checker itself: it accepts right gradients and refuses each way of being wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from gradcheck import assert_gradients, direction_errors, entry_errors
from stacks import attach

from bnexp.nn.dense import Dense
from bnexp.nn.layer import Array, Layer, Workspace
from bnexp.nn.norms import BatchNorm

Tensors = dict[str, tuple[Array, Array]]


def checked_layer(make: Callable[[Workspace], Layer]) -> tuple[Callable[[], Array], Tensors]:
    rng = np.random.default_rng(5)
    layer = make(Workspace(np.dtype(np.float64)))
    attach(layer, 3, rng)
    x = rng.standard_normal((3, 4, 6))
    cotangent = rng.standard_normal(layer.forward(x.copy(), True).shape)

    def objective() -> Array:
        return (layer.forward(x.copy(), True) * cotangent).sum(axis=(1, 2))

    objective()
    dx = layer.backward(cotangent.copy())
    assert dx is not None
    tensors = {name: (layer.params[name], layer.grads[name]) for name in layer.params}
    return objective, {"x": (x, dx.copy()), **tensors}


class ScaledDense(Dense):
    def backward(self, dy: Array) -> Array | None:
        dx = super().backward(dy)
        self.grads["W"] *= 1.01
        return dx


class SignedDense(Dense):
    def backward(self, dy: Array) -> Array | None:
        dx = super().backward(dy)
        self.grads["b"] *= -1
        return dx


class TransposedRuns(Dense):
    def backward(self, dy: Array) -> Array | None:
        dx = super().backward(dy)
        self.grads["W"][...] = self.grads["W"][::-1].copy()
        return dx


class FixedMeanNorm(BatchNorm):
    """Forgets that the mean depends on every example."""

    def backward(self, dy: Array) -> Array:
        missing = dy.mean(axis=2, keepdims=True)
        return super().backward(dy) + self.scale * missing


class FixedVarianceNorm(BatchNorm):
    """Forgets that the variance depends on every example."""

    def backward(self, dy: Array) -> Array:
        missing = self.c * (dy * self.c).mean(axis=2, keepdims=True) * self.scale * self.s**2
        return super().backward(dy) + missing


def dense(kind: type[Dense]) -> Callable[[Workspace], Layer]:
    return lambda workspace: kind(workspace, 4, 5, bias=True, ordinal=1)


def norm(kind: type[BatchNorm]) -> Callable[[Workspace], Layer]:
    return lambda workspace: kind(workspace, 4, eps=np.full(3, 1e-3), momentum=np.full(3, 0.9))


@pytest.mark.parametrize("make", [dense(Dense), norm(BatchNorm)])
def test_right_gradients_pass(make: Callable[[Workspace], Layer]) -> None:
    assert_gradients(*checked_layer(make))


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (dense(ScaledDense), "W"),
        (dense(SignedDense), "b"),
        (dense(TransposedRuns), "W"),
        (norm(FixedMeanNorm), "x"),
        (norm(FixedVarianceNorm), "x"),
    ],
)
def test_wrong_gradients_fail(make: Callable[[Workspace], Layer], wrong: str) -> None:
    objective, tensors = checked_layer(make)
    with pytest.raises(AssertionError, match=f"^{wrong}: direction_errors"):
        assert_gradients(objective, tensors)
    tensor, gradient = tensors.pop(wrong)
    rng = np.random.default_rng(1)
    for check in (direction_errors, entry_errors):
        assert check(objective, tensor, gradient, rng).max() > 1e-3
    assert_gradients(objective, tensors)


def test_one_wrong_entry_of_one_run_fails() -> None:
    objective, tensors = checked_layer(dense(Dense))
    W, dW = tensors["W"]
    dW[2, 4, 3] *= 1.001
    rng = np.random.default_rng(1)
    errors = entry_errors(objective, W, dW, rng)
    assert errors[2] > 1e-5
    assert errors[:2].max() < 1e-6


def test_a_gradient_that_is_not_a_number_fails() -> None:
    objective, tensors = checked_layer(dense(Dense))
    tensors["b"][1][0] = np.nan
    with pytest.raises(AssertionError, match=r"^b: "):
        assert_gradients(objective, tensors)
