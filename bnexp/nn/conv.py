"""The convolution of a stack: one small matrix product per row and column of the output."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnexp.nn.layer import LARGE, Array, Layer, Shape, Workspace
from bnexp.nn.windows import BUFFER, Slide, phases

#: ((top, bottom), (left, right)): rows and columns of zeros around an image.
Padding = tuple[tuple[int, int], tuple[int, int]]


class _Tile(NamedTuple):
    """Runs, output rows, columns and examples, and the windows over them."""

    runs: slice
    rows: range
    columns: slice
    examples: slice
    slide: Slide
    image: Array


class Conv(Layer):
    """y[f, h, w] = b[f] + sum over c, i, j of W[f, c, i, j] x[c, h stride + i - top, ...].

    It is a cross-correlation, as in ``torch.nn.Conv2d``. x is (K or 1, H, C, W, B), or the same
    with (H, C, W) flat as the data come, and y is (K, H', F, W', B) with H' = floor((H + top +
    bottom - kernel) / stride) + 1; what is outside the image counts as 0. An input whose axis 0 is
    1 is shared by all runs. W is stored as (F, kernel * kernel * C), the order of the windows;
    ``canonical`` views it as (F, C, kernel, kernel).

    Backward: dW[f, c, i, j] = sum over h, w, batch of dy[f, h, w] x[c, h stride + i - top, ...],
    db = sum of dy, and dx is dy convolved with the flipped kernel, in stride^2 phases. The first
    layer of a network computes no dx. Like a dense layer this one keeps its input and leaves it as
    it is.
    """

    def __init__(
        self,
        workspace: Workspace,
        shape: Shape,
        filters: int,
        *,
        kernel: int,
        stride: int,
        padding: Padding,
        bias: bool,
        ordinal: int,
    ) -> None:
        super().__init__(workspace)
        self.shape = height, channels, width = shape
        self.kernel = kernel
        (top, bottom), (left, right) = padding
        rows = (height + top + bottom - kernel) // stride + 1
        columns = (width + left + right - kernel) // stride + 1
        self.out_shape = (rows, filters, columns)
        self.slide = Slide((rows, columns), (kernel, kernel), (stride, stride), (top, left))
        self.phases = phases(self.slide, (height, width))
        self.weights["W"] = (filters, kernel * kernel * channels)
        if bias:
            self.others["b"] = (filters, 1)
        self.bias = bias
        self.first = ordinal == 0
        self.slot = str(ordinal % 2)

    def canonical(self, weights: Array) -> Array:
        """View (..., F, kernel * kernel * C), as W and dW are stored, as (..., F, C, kernel ^ 2).

        The last two axes are the kernel's rows and columns.
        """
        square = (*weights.shape[:-1], self.kernel, self.kernel, self.shape[1])
        view: Array = weights.reshape(square).swapaxes(-3, -1)
        return view

    def set_weights(self, runs: NDArray[np.intp], unit: Array, scale: Array) -> None:
        """Let these runs (R,) begin with scale (R,) times unit (F, C, kernel, kernel)."""
        W = self.canonical(self.params["W"])
        for k, factor in zip(runs, scale, strict=True):
            W[k] = factor * unit

    def forward(self, x: Array, train: bool) -> Array:
        """Return W * x + b; in training, keep x for the backward pass."""
        x = self._contiguous("x", x.reshape(len(x), *self.shape, x.shape[-1]))
        W = self.params["W"]
        shape = (len(W), *self.out_shape, x.shape[-1])
        if train:
            self.x = x
            y = self.buffer("y", shape)
        else:
            y = self.workspace.array("evaluation", self.slot, shape)
        kernels = W.reshape(*W.shape[:2], self.kernel, self.kernel, self.shape[1])
        self._correlate(self.slide, kernels, x, y, self.params["b"] if self.bias else None)
        return y

    def backward(self, dy: Array) -> Array | None:
        """Write dW and db; return dx, or None from the first layer."""
        dy = self._contiguous("dy", dy)
        self._weight_gradient(dy)
        if self.bias:
            self._bias_gradient(dy)
        if self.first:
            return None
        dx = self.workspace.array("gradient", self.slot, (len(dy), *self.shape, dy.shape[-1]))
        kernels = self.canonical(self.params["W"]).transpose(0, 2, 4, 3, 1)
        for (rows, columns), taps, slide in self.phases:
            out = dx[:, rows, :, columns]
            if slide is None:
                out[...] = 0
            else:
                self._correlate(slide, kernels[:, :, taps[1], taps[0]], dy, out)
        return dx

    def _contiguous(self, name: str, array: Array) -> Array:
        """Return the array itself, or a copy with the batch last where it is stored otherwise."""
        if array.flags.c_contiguous:
            return array
        copy = self.buffer(name, array.shape)
        for start in range(0, array.shape[-1], 16):
            part = (..., slice(start, start + 16))
            np.copyto(copy[part], array[part])
        return copy

    def _tiles(self, slide: Slide, source: Array, runs: int, results: int) -> list[_Tile]:
        """Cut what is multiplied at once, in an order that depends on no number of runs."""
        count, _, channels, _, batch = source.shape
        tiles = []
        for part in slide.parts(batch, channels, results):
            size = slide.kernel[0] * channels * (part.stop - part.start) * source.itemsize
            for columns, strip in slide.strips(size):
                # Runs whose buffers fit the cache together: that changes no result.
                at_once = max(BUFFER // (size * strip.columns), 1)
                for start in range(0, runs, at_once):
                    these = slice(start, min(start + at_once, runs))
                    image = source[these if count > 1 else slice(None), ..., part]
                    tiles.append(_Tile(these, range(slide.out[0]), columns, part, strip, image))
        return tiles

    def _share(self, work: Callable[[_Tile], None], tiles: list[_Tile], numbers: int) -> None:
        """Do ``work`` on tiles, cut into bands of rows such that every thread has as many."""
        threads = self.workspace.threads.count
        bands = threads // math.gcd(threads, len(tiles)) if numbers >= LARGE else 1
        self.workspace.share(work, [t for tile in tiles for t in _bands(tile, bands)], numbers)

    def _correlate(
        self, slide: Slide, kernels: Array, source: Array, out: Array, bias: Array | None = None
    ) -> None:
        """Write kernels (K, results, width, height, C) times windows, and a bias, into ``out``."""
        runs, results = kernels.shape[:2]
        turned = _turn(kernels).reshape(kernels.shape[3], runs, 1, results, -1)

        def multiply(tile: _Tile) -> None:
            these = tile.runs
            for row, turn, windows in tile.slide.windows(self.workspace, tile.image, tile.rows):
                y = out[these, row, :, tile.columns, tile.examples]
                np.matmul(turned[turn][these], windows, out=y.swapaxes(1, 2))
                if bias is not None:
                    np.add(y, bias[these, ..., None], out=y)

        self._share(multiply, self._tiles(slide, source, runs, results), out.size)

    def _weight_gradient(self, dy: Array) -> None:
        """Add up dW over rows, turn by turn; over columns by a product with ones."""
        runs, height, filters, _, _ = dy.shape
        entries = self.weights["W"][1]
        total = np.zeros((self.kernel, runs, 1, entries * filters), dy.dtype)

        def multiply(tile: _Tile) -> None:
            these, width = tile.runs, tile.columns.stop - tile.columns.start
            shape = (these.stop - these.start, width, entries, filters)
            products = self.workspace.scratch("dW", shape)
            flat = products.reshape(*shape[:2], -1)
            ones = self.workspace.ones(width).T
            for row, _, windows in tile.slide.windows(self.workspace, tile.image, tile.rows):
                # This way round the product is up to twice as fast as dy x^T.
                gradient = dy[these, row, :, tile.columns, tile.examples].transpose(0, 2, 3, 1)
                np.matmul(windows, gradient, out=products)
                np.matmul(ones, flat, out=rows[row])

        for tile in self._tiles(self.slide, self.x, runs, filters):
            shape = total[0, tile.runs].shape
            rows = self.workspace.array("dW", "rows", (height, *shape))
            self._share(multiply, [tile], dy.size)
            for row, gradient in enumerate(rows):
                total[row * self.slide.stride[0] % self.kernel, tile.runs] += gradient
        dW = _turn_back(total.reshape(-1, runs, *2 * (self.kernel,), self.shape[1] * filters))
        self.grads["W"][...] = dW.reshape(runs, entries, filters).swapaxes(1, 2)

    def _bias_gradient(self, dy: Array) -> None:
        runs, height, filters, width, batch = dy.shape
        ones = self.workspace.ones(width * batch)
        rows = np.matmul(dy.reshape(runs, height, filters, -1), ones)
        summed = np.matmul(self.workspace.ones(height).T, rows[..., 0])
        self.grads["b"][...] = summed.swapaxes(1, 2)


def _bands(tile: _Tile, count: int) -> Iterator[_Tile]:
    """Cut a tile into about ``count`` bands of rows, whose windows are the same as before."""
    size = -(-len(tile.rows) // count)
    for start in range(0, len(tile.rows), size):
        yield tile._replace(rows=tile.rows[start : start + size])


def _turn(kernels: Array) -> Array:
    """Stack copies of (..., ring, C), copy ``turn`` with its entries moved on by as many places."""
    ring = kernels.shape[-2]
    turned = np.empty((ring, *kernels.shape), kernels.dtype)
    for turn, copy in enumerate(turned):
        copy[..., turn:, :] = kernels[..., : ring - turn, :]
        copy[..., :turn, :] = kernels[..., ring - turn :, :]
    return turned


def _turn_back(turned: Array) -> Array:
    """Add up copies (ring, ..., ring, C) as ``_turn`` makes them, each moved back first."""
    ring = len(turned)
    total: Array = turned[0]
    for turn in range(1, ring):
        total[..., : ring - turn, :] += turned[turn][..., turn:, :]
        total[..., ring - turn :, :] += turned[turn][..., :turn, :]
    return total
