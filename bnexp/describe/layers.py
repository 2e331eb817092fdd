"""The layers of a network before any array exists: shapes, parameters, multiply-adds.

A shape is (features,) behind a dense layer and (height, channels, width) for images. Each layer
knows the shape that reaches it and the one it hands on (``out_shape``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bnexp.describe.facts import Shape

Affine = Literal["vector", "scalar", "none"]
#: Zeros put around an image: ((top, bottom), (left, right)).
Padding = tuple[tuple[int, int], tuple[int, int]]

#: Norms that use statistics of the mini-batch in training.
BATCH_NORMS = frozenset({"batch", "batch_renorm", "noisy_batch"})
#: Norms that subtract each feature's or channel's own mean, so that a bias right before them has no
#: effect. That of batch renormalisation is corrected by r and d, and does not cancel it exactly.
CENTRING_NORMS = frozenset({"batch", "noisy_batch", "instance"})

_NORM_WORDS = {
    "batch_renorm": "batch renorm",
    "rms": "RMS norm",
    "noisy_batch": "noisy batch norm",
}


def norm_words(kind: str) -> str:
    """Return a kind of norm as people call it: ``batch norm``."""
    return _NORM_WORDS.get(kind, f"{kind} norm")


def channels_of(shape: Shape) -> int:
    """Return how many features a shape has, or how many channels an image."""
    return shape[1] if len(shape) == 3 else shape[0]


@dataclass(frozen=True)
class Dense:
    """A fully connected layer: ``units`` outputs; no ``bias`` where a norm would subtract it."""

    inputs: int
    units: int
    bias: bool

    @property
    def shape(self) -> Shape:
        """The shape that reaches it."""
        return (self.inputs,)

    @property
    def out_shape(self) -> Shape:
        """The shape it hands on."""
        return (self.units,)

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.units * (self.inputs + self.bias)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the forward pass for one example."""
        return self.units * self.inputs


@dataclass(frozen=True)
class Conv:
    """A convolution with ``filters`` square kernels over images of ``shape``, zero-padded."""

    shape: Shape
    filters: int
    kernel: int
    stride: int
    padding: Padding
    bias: bool

    @property
    def out_shape(self) -> Shape:
        """The shape it hands on."""
        height, _, width = self.shape
        sizes = (
            (n + sum(pad) - self.kernel) // self.stride + 1
            for n, pad in zip((height, width), self.padding, strict=True)
        )
        out_height, out_width = sizes
        return (out_height, self.filters, out_width)

    @property
    def units(self) -> int:
        """Its channels."""
        return self.filters

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.filters * (self.shape[1] * self.kernel**2 + self.bias)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the forward pass for one example, those with the border counted."""
        return math.prod(self.out_shape) * self.shape[1] * self.kernel**2


@dataclass(frozen=True)
class Pool:
    """The largest or the average number of each ``window`` of an image, channel by channel.

    Rows and columns left over at the end, where no whole window fits, are not used.
    """

    shape: Shape
    kind: Literal["max", "average"]
    window: tuple[int, int]
    stride: tuple[int, int]

    @property
    def out_shape(self) -> Shape:
        """The shape it hands on."""
        height, channels, width = self.shape
        out_height = (height - self.window[0]) // self.stride[0] + 1
        return (out_height, channels, (width - self.window[1]) // self.stride[1] + 1)

    @property
    def units(self) -> int:
        """Its channels."""
        return self.shape[1]

    @property
    def is_global(self) -> bool:
        """Whether one window covers the image."""
        return self.window == (self.shape[0], self.shape[2])


@dataclass(frozen=True)
class Flatten:
    """An image as one row of features, in the order (height, channels, width)."""

    shape: Shape

    @property
    def out_shape(self) -> Shape:
        """The shape it hands on."""
        return (math.prod(self.shape),)

    @property
    def units(self) -> int:
        """Its features."""
        return math.prod(self.shape)


class _SameShape:
    """A layer that hands on the shape that reaches it."""

    shape: Shape

    @property
    def out_shape(self) -> Shape:
        """The shape it hands on."""
        return self.shape

    @property
    def units(self) -> int:
        """Features, or channels of images."""
        return channels_of(self.shape)


@dataclass(frozen=True)
class Norm(_SameShape):
    """A normaliser of features, or of the channels of images, with its learned scale and shift.

    ``statistics`` says what the batch kinds evaluate with. ``groups`` divides the channels of the
    kind ``group`` (``layer`` has one, ``instance`` one per channel; 0 in a template: chosen by
    ``auto_groups``). ``r_max``, ``d_max`` and the shares of all updates ``renorm_start`` and
    ``renorm_end`` are those of ``batch_renorm``; ``noise`` (mean, std, mean and std of the jitter)
    is that of ``noisy_batch``. ``ordinal`` is that of the layer with weights before it.
    """

    kind: str
    shape: Shape
    gamma: Affine
    beta: Affine
    start_var: float
    statistics: Literal["running", "population"] = "running"
    groups: int = 1
    r_max: float = 3.0
    d_max: float = 5.0
    renorm_start: float = 0.04
    renorm_end: float = 0.3
    noise: tuple[float, float, float, float] = (0.5, 1.25, 0.1, 0.1)
    ordinal: int = 0

    @property
    def parameters(self) -> int:
        """Entries of gamma and beta."""
        count = {"vector": self.units, "scalar": 1, "none": 0}
        return count[self.gamma] + count[self.beta]


@dataclass(frozen=True)
class Activation(_SameShape):
    """An elementwise nonlinearity."""

    kind: str
    shape: Shape


@dataclass(frozen=True)
class Dropout(_SameShape):
    """Dropout after the ``ordinal``-th layer with weights.

    ``rate`` None is the run's own number. ``spatial`` drops whole channels.
    """

    shape: Shape
    ordinal: int
    rate: float | None = None
    spatial: bool = False


Layer = Dense | Conv | Pool | Flatten | Norm | Activation | Dropout


def auto_groups(shape: Shape) -> int:
    """Return the number of groups that group norm takes of itself.

    The largest divisor of the channels that is at most 32 and leaves 2 channels of images, or 8
    features, in a group; 1 if there is none.
    """
    count = channels_of(shape)
    least = 2 if len(shape) == 3 else 8
    return max(n for n in range(1, 33) if n == 1 or (count % n == 0 and count // n >= least))
