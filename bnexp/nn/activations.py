"""Elementwise nonlinearities, each with its slope, in place and with few temporaries.

Every function takes ``z`` (any shape), overwrites it with f(z) and, when ``slope`` is given, writes
f'(z) there. The backward pass is then one product for all of them. At a kink the slope is that of
the left side, so ReLU has slope 0 at 0.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bnexp.nn.blocks import Block, blocks_of
from bnexp.nn.layer import Array, Layer, Workspace

LEAK = 0.01
#: Numbers of a run up to which a product with numbers is faster than one with booleans.
FEW = 2**12
_GELU_C = math.sqrt(2 / math.pi)
_GELU_A = 0.044715


@functools.lru_cache(maxsize=32)
def _full(shape: tuple[int, ...], dtype: np.dtype[Any], value: float) -> Array:
    return np.full(shape, value, dtype)


def relu(z: Array, slope: Array | None) -> None:
    """max(z, 0); the slope may be boolean."""
    # Against an array of zeros NumPy takes a third of the time that it takes against a scalar.
    np.maximum(z, _full(z.shape, z.dtype, 0), out=z)
    if slope is None:
        return
    if slope.dtype == bool:
        np.greater(z, 0, out=slope)
    else:
        np.ceil(np.minimum(z, _full(z.shape, z.dtype, 1), out=slope), out=slope)


def leaky_relu(z: Array, slope: Array | None) -> None:
    """Z where z > 0, else 0.01 z."""
    if slope is not None:
        np.greater(z, 0, out=slope)
        np.maximum(slope, LEAK, out=slope)
    np.maximum(z, np.multiply(z, LEAK), out=z)


def elu(z: Array, slope: Array | None) -> None:
    """Z where z > 0, else exp(z) - 1 (arXiv 1511.07289, alpha = 1)."""
    low = np.minimum(z, 0)
    np.expm1(low, out=low)
    if slope is not None:
        np.add(low, 1, out=slope)
    np.maximum(z, 0, out=z)
    np.add(z, low, out=z)


def gelu(z: Array, slope: Array | None) -> None:
    """z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))): the tanh form of arXiv 1606.08415."""
    square = np.square(z)
    t = np.multiply(square, _GELU_A)
    t += 1
    t *= z
    t *= _GELU_C
    np.tanh(t, out=t)
    if slope is not None:
        # f' = (1 + t)/2 + z/2 (1 - t^2) c (1 + 3 a z^2)
        np.multiply(square, 1.5 * _GELU_A * _GELU_C, out=slope)
        slope += 0.5 * _GELU_C
        slope *= z
        np.square(t, out=square)
        np.subtract(1, square, out=square)
        slope *= square
    t *= 0.5
    t += 0.5
    if slope is not None:
        slope += t
    np.multiply(z, t, out=z)


def softplus(z: Array, slope: Array | None) -> None:
    """log(1 + exp(z)), as max(z, 0) + log(1 + exp(-|z|)); its slope is the sigmoid."""
    if slope is not None:
        np.copyto(slope, z)
        sigmoid(slope, None)
    # np.logaddexp is not vectorised: this is ten times faster.
    low = np.abs(z)
    np.negative(low, out=low)
    np.exp(low, out=low)
    np.log1p(low, out=low)
    np.maximum(z, 0, out=z)
    np.add(z, low, out=z)


def sigmoid(z: Array, slope: Array | None) -> None:
    """1 / (1 + exp(-z)); exp overflows to infinity where the result is 0, which is right."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    np.add(z, 1, out=z)
    np.reciprocal(z, out=z)
    if slope is not None:
        np.subtract(1, z, out=slope)
        np.multiply(slope, z, out=slope)


def tanh(z: Array, slope: Array | None) -> None:
    """tanh(z); its slope is 1 - tanh(z)^2."""
    np.tanh(z, out=z)
    if slope is not None:
        np.multiply(z, z, out=slope)
        np.subtract(1, slope, out=slope)


FUNCTIONS: dict[str, Callable[[Array, Array | None], None]] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "softplus": softplus,
    "sigmoid": sigmoid,
    "tanh": tanh,
}


class Activation(Layer):
    """y = f(x) elementwise; backward dx = f'(x) dy."""

    def __init__(self, workspace: Workspace, kind: str) -> None:
        super().__init__(workspace)
        self.function = FUNCTIONS[kind]
        # A ReLU's slope is 0 or 1: as a mask of bytes it is a quarter of the traffic.
        self.compact = np.dtype(bool) if kind == "relu" else workspace.dtype

    def forward(self, x: Array, train: bool) -> Array:
        """Overwrite x with f(x); in training, keep f'(x)."""
        if train:
            dtype = self.compact if x[0].size > FEW else x.dtype
            self.slope = self.buffer("slope", x.shape, dtype)
        slope = self.slope if train else None
        if x.ndim < 5:  # features, which are few
            self.function(x, slope)
            return x

        def work(block: Block) -> None:
            self.function(x[block], None if slope is None else slope[block])

        self.workspace.share(work, blocks_of(x), x.size)
        return x

    def backward(self, dy: Array) -> Array:
        """Overwrite dy with f'(x) dy."""
        if dy.ndim < 5:
            return np.multiply(dy, self.slope, out=dy)

        def work(block: Block) -> None:
            np.multiply(dy[block], self.slope[block], out=dy[block])

        self.workspace.share(work, blocks_of(dy), dy.size)
        return dy
