"""A whole network from the layers that are asked for: shapes inferred, misfits named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bnexp.describe.facts import Shape
from bnexp.describe.layers import (
    CENTRING_NORMS,
    Activation,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Norm,
    Padding,
    Pool,
    auto_groups,
    channels_of,
)


@dataclass(frozen=True)
class Hidden:
    """A hidden layer with weights as it is asked for, before the shape that reaches it is known.

    ``size`` counts units, or filters where there is a ``kernel``. What is None is as everywhere in
    the network; ``norm`` is a kind.
    """

    size: int
    kernel: int | None = None
    stride: int = 1
    padding: Literal["same", "valid"] | int = "same"
    bias: bool = True
    activation: str | None = None
    norm: str | None = None
    dropout: float | None = None


@dataclass(frozen=True)
class Pooling:
    """A pool as it is asked for; ``size`` None covers the whole image, ``stride`` None is it."""

    size: int | None
    kind: Literal["max", "average"] = "max"
    stride: int | None = None


class MisfitError(ValueError):
    """A layer that cannot take the shape that reaches it: ``index`` is its place in the list."""

    def __init__(self, index: int, what: str) -> None:
        self.index, self.what = index, what
        super().__init__(what)


@dataclass(frozen=True)
class NetworkSpec:
    """A network from its input to its logits, layer by layer."""

    inputs: int
    classes: int
    layers: tuple[Layer, ...]

    @property
    def input_shape(self) -> Shape:
        """(height, channels, width) where the first layer takes images, else (features,)."""
        first = self.layers[0]
        return first.shape if isinstance(first, Conv | Pool) else (self.inputs,)

    @property
    def parameters(self) -> int:
        """Trained numbers in all."""
        return sum(
            layer.parameters for layer in self.layers if isinstance(layer, Dense | Conv | Norm)
        )

    @property
    def weighted(self) -> tuple[Dense | Conv, ...]:
        """The layers with weights; a layer's place here is its ordinal."""
        return tuple(layer for layer in self.layers if isinstance(layer, Dense | Conv))

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward pass for one example."""
        return sum(layer.multiply_adds for layer in self.weighted)

    def step_multiply_adds(self, batch_size: int) -> int:
        """Multiply-adds of one update: forward, weight gradients, all input gradients but one."""
        return batch_size * (3 * self.multiply_adds - self.weighted[0].multiply_adds)


def describe_network(
    inputs: int | Shape,
    classes: int,
    layers: Sequence[int | Hidden | Pooling],
    *,
    activation: str,
    norm: Norm | None = None,
    norm_place: Literal["before", "after"] = "before",
    dropout: bool = False,
    spatial: bool = False,
) -> NetworkSpec:
    """Describe a network: its hidden layers, then the output layer for ``classes``.

    ``inputs`` is the shape of an example; a number in ``layers`` is a dense layer. Norm (a
    template, whose shape, groups and ordinal are set per layer; kind ``none`` is none), activation
    and dropout follow each hidden layer with weights. Raises ``MisfitError``.
    """
    shape = (inputs,) if isinstance(inputs, int) else inputs
    template = norm or Norm("none", (), "vector", "vector", 1.0)
    found: list[Layer] = []
    ordinal = 0
    for index, item in enumerate(layers):
        asked = Hidden(item) if isinstance(item, int) else item
        if isinstance(asked, Pooling):
            found.append(_pool(asked, shape, index))
            shape = found[-1].out_shape
            continue
        norm_here = replace(template, kind=asked.norm or template.kind, ordinal=ordinal)
        cancelled = norm_place == "before" and norm_here.kind in CENTRING_NORMS
        found += _weighted(asked, shape, index, bias=asked.bias and not cancelled, first=not found)
        shape = found[-1].out_shape
        found += _followers(asked, shape, norm_here, activation, norm_place)
        if asked.dropout or (asked.dropout is None and dropout):
            found.append(Dropout(shape, ordinal, asked.dropout, spatial and len(shape) == 3))
        ordinal += 1
    found += _dense(classes, shape, bias=True, first=not found)
    features = inputs if isinstance(inputs, int) else Flatten(inputs).units
    return NetworkSpec(features, classes, tuple(found))


def _followers(
    asked: Hidden, shape: Shape, norm: Norm, activation: str, place: Literal["before", "after"]
) -> list[Layer]:
    """Return the norm and the activation behind a layer, in their order."""
    nonlinearity = Activation(asked.activation or activation, shape)
    if norm.kind == "none":
        return [nonlinearity]
    own = {"layer": 1, "instance": channels_of(shape), "group": norm.groups or auto_groups(shape)}
    normaliser = replace(norm, shape=shape, groups=own.get(norm.kind, 1))
    return [normaliser, nonlinearity] if place == "before" else [nonlinearity, normaliser]


def _weighted(asked: Hidden, shape: Shape, index: int, *, bias: bool, first: bool) -> list[Layer]:
    if asked.kernel is None:
        return _dense(asked.size, shape, bias=bias, first=first)
    _need_images("conv", shape, index)
    if isinstance(asked.padding, int) and asked.padding >= asked.kernel:
        what = (
            f"a padding of {asked.padding} gives a kernel of {asked.kernel} windows of zeros; "
            f"allowed: 0 to {asked.kernel - 1}, same, valid"
        )
        raise MisfitError(index, what)
    padding = _padding(asked.padding, asked.kernel, asked.stride, shape)
    smallest = min(n + sum(pad) for n, pad in zip(shape[::2], padding, strict=True))
    if asked.kernel > smallest:
        what = (
            f"a kernel of {asked.kernel} does not fit: {shape_words(shape)} reach it; "
            "set padding: same, a smaller kernel, or pool less before it"
        )
        raise MisfitError(index, what)
    return [Conv(shape, asked.size, asked.kernel, asked.stride, padding, bias)]


def _dense(units: int, shape: Shape, *, bias: bool, first: bool) -> list[Layer]:
    """Return a dense layer, behind the flattening that images need; an input comes as features."""
    flat = Flatten(shape)
    dense = Dense(flat.units, units, bias)
    return [dense] if first or len(shape) == 1 else [flat, dense]


def _padding(asked: str | int, kernel: int, stride: int, shape: Shape) -> Padding:
    if isinstance(asked, int):
        return ((asked, asked), (asked, asked))
    if asked == "valid":
        return ((0, 0), (0, 0))
    top, left = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in shape[::2])
    return ((top // 2, top - top // 2), (left // 2, left - left // 2))


def _pool(asked: Pooling, shape: Shape, index: int) -> Pool:
    _need_images("pool", shape, index)
    height, _, width = shape
    if asked.size is None:
        return Pool(shape, asked.kind, (height, width), (height, width))
    if asked.size > min(height, width):
        what = (
            f"a window of {asked.size} does not fit: {shape_words(shape)} reach it; "
            "set a smaller window, or pool less before it"
        )
        raise MisfitError(index, what)
    step = asked.stride or asked.size
    return Pool(shape, asked.kind, (asked.size, asked.size), (step, step))


def _need_images(kind: str, shape: Shape, index: int) -> None:
    if len(shape) != 3:
        what = (
            f"a {kind} layer needs images, but {shape_words(shape)} reach it; "
            "put it before the dense layers, on a dataset of images"
        )
        raise MisfitError(index, what)


def shape_words(shape: Shape) -> str:
    """Return a shape in words: ``32 x 32 images of 3 channels``, ``100 features``."""
    if len(shape) == 1:
        return f"{shape[0]:,} feature" + ("" if shape[0] == 1 else "s")
    height, channels, width = shape
    return f"{height} x {width} images of {channels:,} channel" + ("" if channels == 1 else "s")
