"""The convolution: gradients, naive loops, PyTorch's values, shared inputs, changing batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from gradcheck import assert_gradients
from images import Convolution, batch_last, reference, same

from bnexp.nn import windows
from bnexp.nn.conv import Conv
from bnexp.nn.layer import Array

CASES = {
    "same": Convolution((4, 2, 5), 3, padding=same(3)),
    "valid": Convolution((4, 2, 4), 3),
    "number": Convolution((3, 2, 2), 2, padding=((2, 2), (2, 2))),
    "asymmetric": Convolution((4, 1, 3), 2, padding=((0, 2), (3, 1))),
    "even kernel": Convolution((4, 2, 3), 2, kernel=2, padding=same(2)),
    "kernel 4": Convolution((5, 1, 4), 2, kernel=4, padding=same(4)),
    "stride 2": Convolution((5, 2, 4), 2, stride=2, padding=((1, 1), (0, 1))),
    "stride 3": Convolution((7, 1, 5), 2, kernel=4, stride=3, padding=((1, 0), (2, 2))),
    "gaps": Convolution((5, 2, 6), 2, kernel=2, stride=3),
    "rest unread": Convolution((6, 1, 7), 2, kernel=2, stride=4),
    "pointwise": Convolution((3, 3, 2), 2, kernel=1),
    "border wider than the kernel": Convolution((2, 1, 3), 2, kernel=2, padding=((3, 0), (0, 4))),
    "kernel larger than the image": Convolution((2, 2, 2), 2, kernel=5, padding=same(5)),
    "one window": Convolution((3, 2, 3), 3),
    "no bias": Convolution((3, 2, 4), 2, padding=same(3), bias=False),
}


def naive(case: Convolution, layer: Conv, x: Array) -> Array:
    """Go through every output; x is (K, H, C, W, B)."""
    (top, bottom), (left, right) = case.padding
    W = layer.canonical(layer.params["W"])
    stride = case.stride
    padded = np.pad(x, ((0, 0), (top, bottom), (0, 0), (left, right), (0, 0)))
    y = np.zeros((len(W), *layer.out_shape, x.shape[-1]))
    for h, w in itertools.product(range(y.shape[1]), range(y.shape[3])):
        for i, j in itertools.product(range(layer.kernel), range(layer.kernel)):
            pixel = padded[:, h * stride + i, :, w * stride + j]
            y[:, h, :, w] += np.einsum("kfc,kcb->kfb", W[..., i, j], pixel)
    return y + layer.params["b"][:, None, :, None] if layer.bias else y


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str, runs: int) -> None:
    layer = CASES[name].build(runs)
    x, dy = CASES[name].example(runs, 2)

    def objective() -> Array:
        return (layer.forward(x, True) * dy).reshape(runs, -1).sum(axis=1)

    objective()
    dx = layer.backward(dy.copy())
    assert dx is not None
    tensors = {name: (layer.params[name], layer.grads[name]) for name in layer.params}
    assert tensors.keys() == ({"W", "b"} if layer.bias else {"W"})
    assert_gradients(objective, {**tensors, "x": (x, dx.copy())})


@pytest.mark.parametrize("name", CASES)
def test_against_naive_loops(name: str) -> None:
    layer = CASES[name].build(2)
    x, _ = CASES[name].example(2, 3)
    for train in (True, False):
        np.testing.assert_allclose(
            layer.forward(x, train), naive(CASES[name], layer, x), rtol=1e-12, atol=1e-13
        )


@pytest.mark.parametrize(("name", "values"), reference("conv"))
def test_against_pytorch(name: str, values: dict[str, Array]) -> None:
    H, C, W, filters, kernel, stride, *padding = (int(n) for n in values["settings"])
    top, bottom, left, right = padding
    case = Convolution((H, C, W), filters, kernel, stride, ((top, bottom), (left, right)))
    layer = case.build(2)  # the reference is run 1, beside another
    layer.set_weights(np.array([1]), values["W"], np.ones(1))
    layer.params["b"][1, :, 0] = values["b"]
    x, dy = case.example(2, len(values["x"]))
    x[1], dy[1] = batch_last(values["x"]), batch_last(values["dy"])
    y = layer.forward(x, True)
    np.testing.assert_allclose(y[1], batch_last(values["y"]), rtol=1e-12, atol=1e-13)
    dx = layer.backward(dy)
    assert dx is not None
    np.testing.assert_allclose(dx[1], batch_last(values["dx"]), rtol=1e-12, atol=1e-13)
    dW = layer.canonical(layer.grads["W"])[1]
    np.testing.assert_allclose(dW, values["dW"], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(layer.grads["b"][1, :, 0], values["db"], rtol=1e-12, atol=1e-13)


def test_same_padding_keeps_the_shape_and_the_filters_come_out() -> None:
    assert Convolution((7, 3, 5), 4, padding=same(3)).build(1).out_shape == (7, 4, 5)
    assert Convolution((7, 3, 5), 4, stride=2).build(1).out_shape == (3, 4, 2)


@pytest.mark.parametrize("kernel", [1, 3, 4])
def test_weights_are_stored_whole_and_in_one_order(kernel: int) -> None:
    layer = Convolution((5, 2, 5), 3, kernel=kernel).build(2)
    assert layer.weights["W"] == (3, kernel * kernel * 2)
    W = np.arange(3 * 2 * kernel * kernel, dtype=float).reshape(3, 2, kernel, kernel)
    before = layer.params["W"][0].copy()
    layer.set_weights(np.array([1]), W / 2, np.array([2.0]))
    assert np.array_equal(layer.canonical(layer.params["W"])[1], W)
    assert np.array_equal(np.sort(layer.params["W"][1].ravel()), W.ravel())
    assert np.array_equal(layer.params["W"][0], before)
    assert np.shares_memory(layer.canonical(layer.params["W"]), layer.params["W"])


def test_weights_that_are_views_of_a_flat_array() -> None:
    case = CASES["stride 2"]
    layer = case.build(3)
    size = layer.params["W"][0].size
    flat = np.full((2, 3, size + 5), np.nan)
    theta, grads = (part[:, 2 : 2 + size].reshape(3, *layer.weights["W"]) for part in flat)
    theta[...] = layer.params["W"]
    layer.params["W"], layer.grads["W"] = theta, grads
    x, dy = case.example(3, 2)
    np.testing.assert_allclose(
        layer.forward(x, True), naive(case, layer, x), rtol=1e-12, atol=1e-13
    )
    layer.backward(dy)
    assert np.isfinite(flat[:, :, 2 : 2 + size]).all()
    assert np.isnan(np.delete(flat, np.s_[2 : 2 + size], axis=2)).all()


def test_the_first_layer_computes_no_input_gradient() -> None:
    case = Convolution((4, 2, 4), 3, ordinal=0)
    layer = case.build(2)
    x, dy = case.example(2, 3)
    layer.forward(x, True)
    assert layer.backward(dy) is None
    assert all(np.isfinite(grad).all() for grad in layer.grads.values())


@pytest.mark.parametrize("ordinal", [0, 1])
@pytest.mark.parametrize("flat", [True, False])
def test_examples_as_rows(ordinal: int, flat: bool) -> None:
    """Data come as rows; the layer sees them transposed, and flat."""
    case = Convolution((4, 2, 5), 3, padding=same(3), ordinal=ordinal)
    x, dy = case.example(1, 37)
    rows = np.ascontiguousarray(x.reshape(1, -1, 37).transpose(0, 2, 1))
    view = rows.transpose(0, 2, 1)
    results = []
    for given in (x, view if flat else view.reshape(x.shape)):
        layer = case.build(3)
        before = given.copy()
        y = layer.forward(given, True).copy()
        layer.backward(np.repeat(dy, 3, axis=0))
        results.append((y, layer.grads["W"], layer.forward(given, False).copy()))
        assert np.array_equal(given, before)
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


def test_gradients_that_are_stored_otherwise() -> None:
    case = CASES["same"]
    x, dy = case.example(2, 3)
    results = []
    for given in (dy, np.asfortranarray(dy)):
        layer = case.build(2)
        layer.forward(x, True)
        dx = layer.backward(given)
        assert dx is not None
        results.append((dx, layer.grads["W"], layer.grads["b"]))
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


def test_batches_of_other_sizes_leave_nothing_behind() -> None:
    case = CASES["number"]
    layer = case.build(2)
    for batch, train in ((5, True), (64, False), (3, False), (5, True), (2, True), (64, False)):
        x, _ = case.example(2, batch)
        x[0] = np.inf  # whatever it leaves in a buffer would be seen
        with np.errstate(invalid="ignore"):
            layer.forward(x, train)
        x, dy = case.example(2, batch)
        np.testing.assert_allclose(layer.forward(x, train), naive(case, layer, x), rtol=1e-12)
        if train:
            dx = layer.backward(dy)
            assert dx is not None
            assert np.isfinite(dx).all()


def test_layers_of_one_workspace_share_their_buffers() -> None:
    cases = [CASES[name] for name in ("asymmetric", "kernel 4", "asymmetric", "same")]
    layers = [case.build(2) for case in cases]
    for layer in layers:
        layer.workspace = layers[0].workspace
    for case, layer in [*zip(cases, layers, strict=True)] * 2:
        x, dy = case.example(2, 3)
        expected = naive(case, layer, x)
        np.testing.assert_allclose(layer.forward(x, True), expected, rtol=1e-12, atol=1e-13)
        layer.backward(dy)


@pytest.mark.parametrize("name", ["same", "stride 2", "gaps", "asymmetric"])
def test_cut_in_strips_and_parts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache for no more than a column cuts the image in as many strips as it has columns."""
    case = CASES[name]
    x, dy = case.example(3, 40)
    whole = case.build(3)
    expected = whole.forward(x, True).copy(), whole.backward(dy), whole.grads
    monkeypatch.setattr(windows, "BUFFER", 1)
    monkeypatch.setattr(windows, "EXAMPLES", (16, 16))
    cut = case.build(3)
    width = cut.out_shape[2]
    assert len(cut.slide.strips(1000)) == width
    assert [p.stop for p in cut.slide.parts(40, 1, 64)] == [16, 32, 40]
    np.testing.assert_allclose(cut.forward(x, True), expected[0], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(cut.backward(dy), expected[1], rtol=1e-12, atol=1e-13)
    for parameter, grad in cut.grads.items():
        np.testing.assert_allclose(grad, expected[2][parameter], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("batch", [1, 15, 16, 17, 255, 500, 4099])
@pytest.mark.parametrize(("channels", "filters"), [(3, 8), (16, 16), (64, 64)])
def test_parts_cover_a_batch_once(batch: int, channels: int, filters: int) -> None:
    slide = Convolution((9, channels, 9), filters).build(1).slide
    covered = np.concatenate([np.arange(batch)[p] for p in slide.parts(batch, channels, filters)])
    assert np.array_equal(covered, np.arange(batch))
