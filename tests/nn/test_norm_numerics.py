"""What every norm promises in float32: offset inputs, eps = 0, constants, blank rows."""

from __future__ import annotations

import numpy as np
import pytest
from norm_cases import BATCH_KINDS, KINDS, make_norm, results, state_of

from bnexp.nn.layer import Array, Shape
from bnexp.nn.norms import GroupNorm, InstanceNorm

SHAPES: list[Shape] = [(100,), (16, 8, 16)]
CASES = [(k, s) for k in KINDS for s in SHAPES if (k, len(s)) != ("instance", 1)]


def both_dtypes(
    kind: str, x: Array, dy: Array, *, mean: float = 0, std: float = 1
) -> list[dict[str, Array]]:
    """Return the results in float64 and in float32, whose state begins near these values."""
    found = []
    for dtype in (np.float64, np.float32):
        layer = make_norm(kind, x.shape[1:-1], [0.0], dtype=dtype)
        rng = np.random.default_rng(3)
        for params in layer.params.values():
            params[...] = rng.standard_normal(params.shape).astype(np.float32)
        for name, stat in state_of(layer).items():
            value = {"running_mean": mean, "running_var": std**2, "running_std": std}[name]
            near = value + 0.2 * std * rng.standard_normal(stat.shape) * (name == "running_mean")
            stat[...] = near.astype(np.float32)
        found.append(results(layer, x, dy))
    return found


def assert_near(found: dict[str, Array], exact: dict[str, Array], limit: float) -> None:
    for name in exact:
        if name != "evaluated":
            error = np.abs(found[name] - exact[name]).max() / np.abs(exact[name]).max()
            assert error < limit, f"{name}: {error:.1e}"


@pytest.mark.parametrize("batch", [5, 100])
@pytest.mark.parametrize(("mean", "std"), [(0, 1), (5, 1e-3), (1000, 1e-2), (-1, 1e-6)])
@pytest.mark.parametrize(("kind", "shape"), CASES)
def test_float32_of_offset_inputs_is_float64_up_to_rounding(
    kind: str, shape: Shape, mean: float, std: float, batch: int
) -> None:
    rng = np.random.default_rng(2)
    x = (mean + std * rng.standard_normal((1, *shape, batch))).astype(np.float32)
    dy = rng.standard_normal(x.shape).astype(np.float32)
    exact, found = both_dtypes(kind, x, dy, mean=mean, std=std)
    assert_near(found, exact, 4e-6)


@pytest.mark.parametrize("value", [0.0, 20.0])
@pytest.mark.parametrize("kind", KINDS)
def test_images_whose_middle_row_is_blank(kind: str, value: float) -> None:
    # The mean of that row is what is subtracted first.
    rng = np.random.default_rng(2)
    x = (5 + 0.1 * rng.standard_normal((1, 32, 4, 32, 20))).astype(np.float32)
    x[:, 16] = value
    dy = rng.standard_normal(x.shape).astype(np.float32)
    exact, found = both_dtypes(kind, x, dy)
    assert_near(found, exact, 1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1e-20, 12345.678])
@pytest.mark.parametrize("batch", [2, 99, 1000])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["batch", "batch_renorm", "noisy_batch"])
def test_a_constant_channel_with_eps_0_gives_beta_and_finite_gradients(
    kind: str, shape: Shape, batch: int, value: float
) -> None:
    rng = np.random.default_rng(3)
    layer = make_norm(kind, shape, [0.0], dtype=np.float32, start_var=0.0)
    x = rng.standard_normal((1, *shape, batch)).astype(np.float32)
    at = (0, 1) if len(shape) == 1 else (0, slice(None), 1)
    x[at] = value
    y = layer.forward(x.copy(), True).copy()
    dx = layer.backward(rng.standard_normal(x.shape).astype(np.float32))
    assert dx is not None
    if kind != "noisy_batch":
        assert (y[at] == layer.params["beta"][0, 1]).all()
    assert (dx[at] == 0).all()
    assert layer.grads["gamma"][0, 1] == 0
    assert np.isfinite(dx).all()
    assert np.ptp(y[0, ..., 0]) > 0
    assert np.isfinite(layer.forward(x.copy(), False)).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1e-20, 12345.678])
@pytest.mark.parametrize(("kind", "shape"), [c for c in CASES if c[0] not in BATCH_KINDS])
def test_a_constant_example_with_eps_0_gives_beta(kind: str, shape: Shape, value: float) -> None:
    if kind == "rms":
        value = 0.0
    rng = np.random.default_rng(3)
    layer = make_norm(kind, shape, [0.0], dtype=np.float32, beta="scalar")
    x = rng.standard_normal((1, *shape, 7)).astype(np.float32)
    x[..., 3] = value
    y = layer.forward(x.copy(), True).copy()
    dx = layer.backward(rng.standard_normal(x.shape).astype(np.float32))
    assert dx is not None
    assert (y[..., 3] == layer.params["beta"]).all()
    assert (dx[..., 3] == 0).all()
    assert np.isfinite(dx).all()
    assert (np.delete(dx, 3, axis=-1) != 0).any()


@pytest.mark.parametrize(
    ("shape", "groups"), [((6,), 4), ((3, 6, 2), 5), ((6,), 7), ((6,), 0), ((6,), -2)]
)
def test_groups_that_do_not_fit(shape: Shape, groups: int) -> None:
    with pytest.raises(ValueError, match=f"6 channels cannot be divided into {groups} groups"):
        make_norm("group", shape, [0.0], groups=groups)


def test_groups_of_one_number() -> None:
    for make in (
        lambda: make_norm("instance", (6,), [0.0]),
        lambda: make_norm("instance", 6, [0.0]),
        lambda: make_norm("instance", (1, 6, 1), [0.0]),
        lambda: make_norm("group", (6,), [0.0], groups=6),
        lambda: make_norm("layer", (1,), [0.0]),
    ):
        with pytest.raises(ValueError, match="a group of one number"):
            make()
    assert isinstance(make_norm("instance", (2, 6, 1), [0.0]), InstanceNorm)
    # Its root mean square is a number like any other.
    assert isinstance(make_norm("rms", (1,), [0.0]), GroupNorm)
