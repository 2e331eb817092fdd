"""Pooling over windows of an image, by slices: one operation for each place in the window."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bnexp.nn.blocks import Block
from bnexp.nn.layer import Array, Layer, Shape, Workspace

#: Bytes of an image that are pooled at once.
CACHE = 2**19


class Pool(Layer):
    """The maximum or the mean over each window; x is (K, H, C, W, B) and y (K, H', C, W', B).

    ``window`` and ``stride`` are (height, width), H' = floor((H - height) / stride) + 1: only whole
    windows count, as in ``torch.nn.MaxPool2d``. A window of the size of the image is global
    pooling. A maximum's gradient goes to the first of the largest in row-major order, and what is
    not a number is the maximum of its window (and passes no gradient on).
    """

    def __init__(
        self,
        workspace: Workspace,
        shape: Shape,
        kind: str,
        *,
        window: tuple[int, int],
        stride: tuple[int, int],
    ) -> None:
        super().__init__(workspace)
        self.shape = height, channels, width = shape
        self.is_max = kind == "max"
        self.window, self.stride = window, stride
        rows = (height - window[0]) // stride[0] + 1
        columns = (width - window[1]) // stride[1] + 1
        self.out_shape = (rows, channels, columns)
        self.share = 1 / (window[0] * window[1])
        # No pixel is in two windows; and each is in one.
        self.apart = stride[0] >= window[0] and stride[1] >= window[1]
        covered = (rows * window[0], columns * window[1])
        self.tiles = window == stride and covered == (height, width)

    def forward(self, x: Array, train: bool) -> Array:
        """Return the pooled image; in training, keep where each maximum was first."""
        shape = (len(x), *self.out_shape, x.shape[-1])
        if train:
            y = self.buffer("y", shape)
            places = self.window[0] * self.window[1] if self.is_max else 0
            self.first = self.buffer("first", (places, *shape), bool)
        else:
            y = self.workspace.array("evaluation", "pool", shape)

        def work(block: Block) -> None:
            part, image = y[block], x[self._windows(block)]
            self._pool(image, part)
            if train and self.is_max:
                self._find_first(image, part, self.first[:, block[0], block[1]])

        self.workspace.share(work, self._blocks(x), x.size)
        return y

    def backward(self, dy: Array) -> Array:
        """Return dx; a mean's dy is overwritten."""
        dx = self.workspace.array("gradient", "pool", (len(dy), *self.shape, dy.shape[-1]))
        if not self.tiles:
            dx[...] = 0
        if not self.is_max:
            np.multiply(dy, self.share, out=dy)

        def work(block: Block) -> None:
            self._spread(dy[block], self.first[:, block[0], block[1]], dx[self._windows(block)])

        # Windows that overlap write to the same rows.
        blocks = self._blocks(dx) if self.apart else [(slice(None), slice(0, self.out_shape[0]))]
        self.workspace.share(work, blocks, dx.size)
        return dx

    def _spread(self, dy: Array, first: Array, dx: Array) -> None:
        for index, out in enumerate(self._places(dx, dy.shape[1])):
            if self.is_max and self.apart:
                np.multiply(dy, first[index], out=out)
            elif self.is_max:
                routed = self.workspace.scratch("routed", dy.shape)
                np.multiply(dy, first[index], out=routed)
                np.add(out, routed, out=out)
            elif self.apart:
                np.copyto(out, dy)
            else:
                np.add(out, dy, out=out)

    def _windows(self, block: Block) -> Block:
        """Return where in the image the windows of a block are, and what is below."""
        return block[0], slice(block[1].start * self.stride[0], None)

    def _blocks(self, x: Array) -> Iterator[Block]:
        """Yield (runs, output rows) whose input fits the cache; no result depends on them."""
        rows = self.out_shape[0]
        row = self.stride[0] * x[0, 0].nbytes
        some = min(max(CACHE // row, 1), rows)
        runs = max(CACHE // (row * rows), 1)
        for k in range(0, len(x), runs):
            for start in range(0, rows, some):
                yield slice(k, k + runs), slice(start, min(start + some, rows))

    def _pool(self, x: Array, y: Array) -> None:
        operation = np.maximum if self.is_max else np.add
        (high, wide), (far, right) = self.window, self.stride
        runs, rows, channels, columns, batch = y.shape
        # Down first: there the rows of a slice are long.
        down = self.workspace.scratch("down", (runs, rows, channels, x.shape[3], batch))
        _fold(operation, [x[:, i : i + rows * far : far] for i in range(high)], down)
        _fold(operation, [down[..., j : j + columns * right : right, :] for j in range(wide)], y)
        if not self.is_max:
            np.multiply(y, self.share, out=y)

    def _find_first(self, x: Array, y: Array, first: Array) -> None:
        """Say for each place of the window (axis 0) whether the first maximum is there."""
        sought = self.workspace.scratch("sought", y.shape, bool)
        sought[...] = True
        for here, place in zip(first, self._places(x, y.shape[1]), strict=True):
            np.equal(place, y, out=here)
            np.logical_and(here, sought, out=here)
            np.not_equal(sought, here, out=sought)

    def _places(self, image: Array, rows: int) -> Iterator[Array]:
        """Yield for each place of the window, in row-major order, its pixel in every window."""
        columns = self.out_shape[2]
        down, right = self.stride
        for i, j in itertools.product(range(self.window[0]), range(self.window[1])):
            yield image[:, i : i + rows * down : down, :, j : j + columns * right : right]


def _fold(operation: Callable[..., Any], parts: list[Array], out: Array) -> None:
    """Combine the parts into ``out``, from the first to the last."""
    if len(parts) == 1:
        np.copyto(out, parts[0])
        return
    operation(parts[0], parts[1], out=out)
    for part in parts[2:]:
        operation(out, part, out=out)
