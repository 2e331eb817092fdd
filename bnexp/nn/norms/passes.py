"""What batch norm does with whole activations, for features and for the channels of images.

Small arrays are (K, C, 1), one number per feature or channel. ``Features`` works on (K, D, B) at
once. ``Pixels`` sees images as (K, H, C, W B) and takes a few rows at a time, which stay in the
cache from one operation to the next, so that each method reads and writes every image once. Sums
stay with one thread: they are products with a vector, too short for two (0.7 ms became 0.8).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnexp.nn.blocks import Block, add_rows, blocks_of
from bnexp.nn.layer import Array, Workspace


class Features:
    """The passes over (K, D, B)."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        # How many numbers there are of a feature or channel; a Python number would become an array
        # in every operation.
        self.count = np.zeros((), workspace.dtype)

    def prepare(self, x: Array) -> None:
        """Get ready for activations of the shape of x, as ``view`` gives it."""
        self.ones = self.workspace.ones(x.shape[-1])
        self.average = self.ones / self.ones.dtype.type(x.shape[-1])
        self.count[...] = x[0].size // x.shape[-2]

    def view(self, x: Array) -> Array:
        """See activations as the other methods want them."""
        return x

    def centre(self, x: Array, centre: Array, sums: Array, squares: Array) -> None:
        """Subtract about the mean from x; write what, and the sums of x and x^2 that remain."""
        np.matmul(x, self.average, out=centre)
        np.subtract(x, centre, out=x)
        np.matmul(x, self.ones, out=sums)
        np.vecdot(x, x, out=squares[..., 0])

    def affine(self, x: Array, scale: Array, shift: Array, out: Array) -> None:
        """Write scale x + shift."""
        np.multiply(x, scale, out=out)
        np.add(out, shift, out=out)

    def multiply(self, x: Array, scale: Array) -> None:
        """Overwrite x with scale x."""
        np.multiply(x, scale, out=x)

    def sums(self, dy: Array, c: Array, sums: Array, products: Array) -> None:
        """Write the sums of dy and of dy c."""
        np.matmul(dy, self.ones, out=sums)
        np.vecdot(dy, c, out=products[..., 0])

    def combine(self, dy: Array, c: Array, scale: Array, slope: Array, shift: Array) -> None:
        """Overwrite dy with scale (dy - slope c - shift); c may be lost."""
        _combine(dy, c, scale, slope, shift, c)


class Pixels(Features):
    """The passes over (K, H, C, W, B)."""

    def view(self, x: Array) -> Array:
        """See images as (K, H, C, W B)."""
        return x.reshape(*x.shape[:3], x.shape[3] * x.shape[4])

    def centre(self, x: Array, centre: Array, sums: Array, squares: Array) -> None:
        """Subtract the mean of the middle row; write it, and the sums of x and x^2 that remain."""
        np.matmul(x[:, x.shape[1] // 2], self.average, out=centre)
        of_rows, square = np.empty((*x.shape[:3], 1), x.dtype), np.empty(x.shape[:3], x.dtype)
        for block in blocks_of(x):
            part = x[block]
            np.subtract(part, centre[block[0], None], out=part)
            np.matmul(part, self.ones, out=of_rows[block])
            np.vecdot(part, part, out=square[block])
        np.copyto(sums, add_rows(of_rows))
        np.copyto(squares[..., 0], add_rows(square))

    def affine(self, x: Array, scale: Array, shift: Array, out: Array) -> None:
        """Write scale x + shift."""

        def work(block: Block) -> None:
            part = np.multiply(x[block], scale[block[0], None], out=out[block])
            np.add(part, shift[block[0], None], out=part)

        self._share(work, x)

    def multiply(self, x: Array, scale: Array) -> None:
        """Overwrite x with scale x."""
        np.multiply(x, scale[:, None], out=x)

    def sums(self, dy: Array, c: Array, sums: Array, products: Array) -> None:
        """Write the sums of dy and of dy c."""
        of_rows, product = np.empty((*dy.shape[:3], 1), dy.dtype), np.empty(dy.shape[:3], dy.dtype)
        for block in blocks_of(dy):
            np.matmul(dy[block], self.ones, out=of_rows[block])
            np.vecdot(dy[block], c[block], out=product[block])
        np.copyto(sums, add_rows(of_rows))
        np.copyto(products[..., 0], add_rows(product))

    def combine(self, dy: Array, c: Array, scale: Array, slope: Array, shift: Array) -> None:
        """Overwrite dy with scale (dy - slope c - shift)."""

        def work(block: Block) -> None:
            rest = self.workspace.scratch("norm", dy[block].shape)
            numbers = (scale[block[0], None], slope[block[0], None], shift[block[0], None])
            _combine(dy[block], c[block], *numbers, rest)

        self._share(work, dy)

    def _share(self, work: Callable[[Block], None], x: Array) -> None:
        self.workspace.share(work, blocks_of(x), x.size)


def _combine(dy: Array, c: Array, scale: Array, slope: Array, shift: Array, rest: Array) -> None:
    np.multiply(c, slope, out=rest)
    np.subtract(dy, rest, out=dy)
    np.subtract(dy, shift, out=dy)
    np.multiply(dy, scale, out=dy)
