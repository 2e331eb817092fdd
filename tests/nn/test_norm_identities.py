"""Where one norm must be another, and what of its input must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from norm_cases import KINDS, make_norm, results

from bnexp.nn.layer import Array, Shape

SHAPES: list[Shape] = [(24,), (8, 6, 5)]
EPS = [1e-3, 0.0, 0.1]


def data(shape: Shape, dtype: type = np.float32, batch: int = 20) -> tuple[Array, Array]:
    rng = np.random.default_rng(4)
    x, dy = (1 + rng.standard_normal((2, len(EPS), *shape, batch))).astype(dtype)
    return x, dy


def assert_same(one: dict[str, Array], other: dict[str, Array], names: list[str]) -> None:
    for name in names:
        assert np.array_equal(one[name], other[name]), name


@pytest.mark.parametrize("gamma", ["vector", "none"])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_renorm_with_r_1_and_d_0_is_batch_norm(shape: Shape, gamma: str) -> None:
    x, dy = data(shape)
    options = {"gamma": gamma, "dtype": np.float32}
    batch = results(make_norm("batch", shape, EPS, **options), x, dy)
    renorm = results(make_norm("batch_renorm", shape, EPS, limits=(1.0, 0.0), **options), x, dy)
    gradients = ["dbeta"] + ["dgamma"] * (gamma != "none")
    assert_same(renorm, batch, ["y", "dx", "running_mean", *gradients])


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_renorm_within_its_limits_is_evaluation(shape: Shape) -> None:
    x, dy = data(shape, np.float64)
    layer = make_norm("batch_renorm", shape, EPS, limits=(1e6, 1e6), momentum=1.0)
    found = results(layer, x, dy)
    np.testing.assert_allclose(found["y"], found["evaluated"], rtol=1e-10, atol=1e-12)
    plain = results(make_norm("batch", shape, EPS, momentum=1.0), x, dy)
    assert np.abs(found["y"] - plain["y"]).max() > 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_noise_of_no_size_is_batch_norm(shape: Shape) -> None:
    x, dy = data(shape)
    noisy = make_norm("noisy_batch", shape, EPS, dtype=np.float32, noise=(0.0, 1.0, 0.0, 0.0))
    batch = results(make_norm("batch", shape, EPS, dtype=np.float32), x, dy)
    assert_same(results(noisy, x, dy), batch, list(batch))


@pytest.mark.parametrize("shape", SHAPES)
def test_one_group_is_layer_norm_as_naively_computed(shape: Shape) -> None:
    x, dy = data(shape)
    group = results(make_norm("group", shape, EPS, groups=1, dtype=np.float32), x, dy)
    layer = make_norm("layer", shape, EPS, dtype=np.float32)
    assert_same(results(layer, x, dy), group, list(group))
    exact = x.astype(np.float64)
    axes = tuple(range(1, x.ndim - 1))
    eps = np.array(EPS).reshape(-1, *(1,) * (x.ndim - 1))
    h = exact - exact.mean(axis=axes, keepdims=True)
    h /= np.sqrt(exact.var(axis=axes, keepdims=True) + eps)
    form = (len(EPS), -1, 1) if len(shape) == 1 else (len(EPS), 1, -1, 1, 1)
    expected = layer.params["gamma"].reshape(form) * h + layer.params["beta"].reshape(form)
    np.testing.assert_allclose(group["y"], expected, rtol=2e-5, atol=2e-6)


def test_one_channel_per_group_is_instance_norm_as_naively_computed() -> None:
    x, dy = data((8, 6, 5))
    group = results(make_norm("group", (8, 6, 5), EPS, groups=6, dtype=np.float32), x, dy)
    layer = make_norm("instance", (8, 6, 5), EPS, dtype=np.float32)
    assert_same(results(layer, x, dy), group, list(group))
    for k, c, b in np.ndindex(len(EPS), 6, 20):
        pixels = x[k, :, c, :, b].astype(np.float64)
        h = (pixels - pixels.mean()) / np.sqrt(pixels.var() + EPS[k])
        expected = layer.params["gamma"][k, c] * h + layer.params["beta"][k, c]
        np.testing.assert_allclose(group["y"][k, :, c, :, b], expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_rms_norm_of_centred_examples_is_layer_norm(shape: Shape) -> None:
    x, dy = data(shape, np.float64)
    x -= x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=True)
    rms = results(make_norm("rms", shape, EPS, beta="vector"), x, dy)
    layer = results(make_norm("layer", shape, EPS), x, dy)
    np.testing.assert_allclose(rms["y"], layer["y"], rtol=1e-10, atol=1e-12)
    assert np.abs(rms["dx"] - layer["dx"]).max() > 1e-3


@pytest.mark.parametrize("kind", ["batch", "batch_renorm", "noisy_batch"])
def test_pixels_count_as_examples(kind: str) -> None:
    # An image of one row is a dense layer's batch with W times the examples.
    rng = np.random.default_rng(5)
    x, dy = rng.standard_normal((2, 3, 1, 6, 7, 10)).astype(np.float32)
    noise = {"noise": (0.0, 1.0, 0.0, 0.0)} if kind == "noisy_batch" else {}
    image = results(make_norm(kind, (1, 6, 7), EPS, dtype=np.float32, **noise), x, dy)
    flat = [a.reshape(3, 6, 70) for a in (x, dy)]
    dense = results(make_norm(kind, (6,), EPS, dtype=np.float32, **noise), *flat)
    for name in dense:
        assert np.array_equal(image[name].reshape(dense[name].shape), dense[name]), name


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "instance"])
def test_a_number_of_features_is_their_shape(kind: str) -> None:
    x, dy = data((24,))
    one, other = (results(make_norm(kind, s, EPS, dtype=np.float32), x, dy) for s in (24, (24,)))
    assert_same(one, other, list(one))


@pytest.mark.parametrize(("kind", "power"), [(k, p) for k in KINDS for p in (-20, 3)])
def test_scaling_the_input_by_a_power_of_2_changes_no_bit_when_eps_is_0(
    kind: str, power: int
) -> None:
    x, _ = data((8, 6, 5))
    options = {"dtype": np.float32, "limits": (1.0, 0.0)}
    one, other = (
        make_norm(kind, (8, 6, 5), [0.0] * 3, **options).forward(scale * x, True)
        for scale in (np.float32(1), np.float32(2.0**power))
    )
    assert np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["group", "layer", "instance", "rms"])
def test_other_examples_do_not_matter(kind: str) -> None:
    x, _ = data((8, 6, 5), np.float64)
    layer = make_norm(kind, (8, 6, 5), EPS)
    whole = layer.forward(x.copy(), True).copy()
    alone = layer.forward(x[..., 7:8].copy(), False)
    np.testing.assert_allclose(alone, whole[..., 7:8], rtol=1e-11, atol=1e-13)
    assert layer.state == {}
