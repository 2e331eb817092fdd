"""The gradients of every norm against central differences, in float64."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import assert_gradients, entry_errors
from norm_cases import AFFINE, KINDS, FrozenRenorm, make_norm, per_run

from bnexp.nn.layer import Array, Shape
from bnexp.nn.norms import BatchRenorm

SHAPES: list[Shape] = [(6,), (3, 4, 2)]
EPS = [0.1, 0.5, 1e-2]


def check(
    kind: str, shape: Shape, eps: list[float], *, gamma: str = "vector", beta: str = "vector"
) -> None:
    rng = np.random.default_rng(2)
    affine = {"gamma": gamma, "beta": beta}
    layer = make_norm(kind, shape, eps, limits=(1.2, 0.15), renorm=FrozenRenorm, **affine)
    for name in layer.stats:
        # Near enough that R and D are clipped for some features only.
        layer.stats[name][...] = rng.uniform(0.7, 1.7, layer.stats[name].shape)
    x = 1 + rng.standard_normal((len(eps), *shape, 5))
    cotangent = rng.standard_normal(x.shape)

    def objective() -> Array:
        layer.start_epoch(3)
        return per_run(layer.forward(x.copy(), True) * cotangent)

    objective()
    dx = layer.backward(cotangent.copy())
    assert dx is not None
    if isinstance(layer, BatchRenorm) and len(eps) > 1:
        assert 0 < np.mean(np.abs(layer.D) == layer.d_limit) < 1
    tensors = {name: (layer.params[name], layer.grads[name]) for name in layer.params}
    assert set(tensors) == {n for n, form in affine.items() if form != "none"}
    assert_gradients(objective, {"x": (x, dx.copy()), **tensors})


CASES = [
    (kind, shape) for kind in KINDS for shape in SHAPES if (kind, shape[1:]) != ("instance", ())
]


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize(("kind", "shape"), CASES)
def test_gradients(kind: str, shape: Shape, runs: int) -> None:
    check(kind, shape, EPS[:runs])


@pytest.mark.parametrize("beta", AFFINE)
@pytest.mark.parametrize("gamma", AFFINE)
@pytest.mark.parametrize(("kind", "shape"), CASES)
def test_gradients_of_every_affine_form(kind: str, shape: Shape, gamma: str, beta: str) -> None:
    check(kind, shape, EPS[:2], gamma=gamma, beta=beta)


@pytest.mark.parametrize(("kind", "shape"), CASES)
def test_gradients_with_eps_0_beside_large(kind: str, shape: Shape) -> None:
    check(kind, shape, [0.0, 10.0, 1e-6])


@pytest.mark.parametrize("kind", ["batch_renorm", "noisy_batch", "group", "rms"])
def test_a_gradient_off_by_a_thousandth_is_found(kind: str) -> None:
    rng = np.random.default_rng(2)
    layer = make_norm(kind, (3, 4, 2), EPS, renorm=FrozenRenorm)
    x, cotangent = rng.standard_normal((2, 3, 3, 4, 2, 5))

    def objective() -> Array:
        layer.start_epoch(3)
        return per_run(layer.forward(x.copy(), True) * cotangent)

    objective()
    dx = layer.backward(cotangent.copy())
    assert dx is not None
    wrong = dx.copy()
    wrong[1, 2, 3] *= 1.001
    errors = entry_errors(objective, x, wrong, rng)
    assert errors[1] > 1e-5
    assert errors[[0, 2]].max() < 1e-6
