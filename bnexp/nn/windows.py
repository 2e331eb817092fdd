"""Sliding windows over images row by row, so that a convolution is one product per row and column.

A window is a column of a matrix product, kernel height x kernel width x C numbers by the examples
of a batch, and a matrix wants its rows at one constant distance. They are in a buffer (columns,
height, C, examples): columns of the image along axis 0 and along axis 1 a ring of as many image
rows as the kernel is high. Moving down by one row overwrites one place of the ring, so that each
number is copied once, into a buffer that fits the cache, and the weights are turned instead.
Padding is zeros written there, and no padded image exists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bnexp.nn.layer import Array, Workspace

#: Bytes of the buffer that are aimed at: about a second-level cache.
BUFFER = 2**20
#: Multiply-adds up to which OpenBLAS multiplies without packing, which is twice as fast when the
#: result has few rows; with ``MANY_ROWS`` packing costs little.
SMALL_PRODUCT = 10**6
MANY_ROWS = 64
#: Columns of one product, that is examples: fewer and more lose speed.
EXAMPLES = (64, 512)


@dataclass(frozen=True)
class Slide:
    """Where windows stand: at ``out`` (height, width) places, ``stride`` (height, width) apart.

    The window at place (0, 0) begins ``before`` (rows, columns) outside the image (inside, if
    negative); what is outside counts as 0. ``kernel`` is (height, width).
    """

    out: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]

    @property
    def columns(self) -> int:
        """Columns that the windows of one row of places cover."""
        return (self.out[1] - 1) * self.stride[1] + self.kernel[1]

    def parts(self, batch: int, channels: int, results: int) -> list[slice]:
        """Cut a batch into parts that multiply fast, for so many results of each window."""
        least, limit = EXAMPLES
        if results < MANY_ROWS:
            limit = min(limit, SMALL_PRODUCT // (math.prod(self.kernel) * channels * results))
        count = -(-batch // max(limit, least))
        # Whole vectors of 16 numbers.
        size = -(-batch // (16 * count)) * 16
        return [slice(start, min(start + size, batch)) for start in range(0, batch, size)]

    def strips(self, bytes_per_column: int) -> list[tuple[slice, Slide]]:
        """Cut the places into strips of columns whose buffer fits the cache."""
        limit = (BUFFER // bytes_per_column - self.kernel[1]) // self.stride[1] + 1
        count = -(-self.out[1] // max(limit, 1))
        size = -(-self.out[1] // count)
        cuts = [slice(c, min(c + size, self.out[1])) for c in range(0, self.out[1], size)]
        return [(columns, self._strip(columns)) for columns in cuts]

    def _strip(self, columns: slice) -> Slide:
        top, left = self.before
        out = (self.out[0], columns.stop - columns.start)
        return replace(self, out=out, before=(top, left - columns.start * self.stride[1]))

    def windows(
        self, workspace: Workspace, source: Array, rows: range
    ) -> Iterator[tuple[int, int, Array]]:
        """Yield for some rows of places (row, turn, windows) of a source (K, H, C, W, B).

        The windows are (K, out width, kernel width * kernel height * C, B), a view of a buffer that
        the next step overwrites. Their rows are ordered (kernel column, place in the ring,
        channel), and kernel row i is at place (i + turn) % height of the ring.
        """
        count, height, channels, width, batch = source.shape
        ring = self.kernel[0]
        shape = (count, self.columns, ring, channels, batch)
        buffer = workspace.scratch("windows", shape)
        top, left = self.before
        low, high = max(left, 0), max(min(width + left, self.columns), left, 0)
        buffer[:, :low] = 0
        buffer[:, high:] = 0
        image = source[:, :, :, low - left : high - left].swapaxes(2, 3)
        views = self._views(buffer)
        loaded = 0
        for row in rows:
            first = row * self.stride[0]
            for r in range(max(loaded, first), first + ring):
                inside = 0 <= r - top < height
                np.copyto(buffer[:, low:high, r % ring], image[:, r - top] if inside else 0)
            loaded = first + ring
            yield row, first % ring, views

    def _views(self, buffer: Array) -> Array:
        count, _, ring, channels, batch = buffer.shape
        run, column, _, line, item = buffer.strides
        return np.lib.stride_tricks.as_strided(
            buffer,
            (count, self.out[1], self.kernel[1] * ring * channels, batch),
            (run, self.stride[1] * column, line, item),
        )


class Phase(NamedTuple):
    """Inputs that the same rows and columns of a kernel reach, and windows over what came out.

    ``inputs`` and ``taps`` pick (rows, columns), of the image and of the kernel, which comes out
    flipped; ``slide`` is None where nothing reaches the inputs.
    """

    inputs: tuple[slice, slice]
    taps: tuple[slice, slice]
    slide: Slide | None


class _Axis(NamedTuple):
    inputs: slice
    taps: slice
    places: int
    kernel: int
    before: int


def phases(slide: Slide, image: tuple[int, int]) -> list[Phase]:
    """Turn the windows of a convolution round: which outputs reach each pixel of the image.

    With a stride each input is reached by every stride-th row and column of the kernel only, those
    of one remainder of (position + padding) by the stride: one phase, and itself without stride.
    """
    rows, columns = (_phases(slide, axis, image[axis]) for axis in (0, 1))
    found = []
    for y in rows:
        for x in columns:
            kernel = (y.kernel, x.kernel)
            turned = Slide((y.places, x.places), kernel, (1, 1), (y.before, x.before))
            reached = turned if min(kernel) else None
            found.append(Phase((y.inputs, x.inputs), (y.taps, x.taps), reached))
    return found


def _phases(slide: Slide, axis: int, length: int) -> list[_Axis]:
    """Go along one axis of the image.

    Output o reaches input v through kernel entry i = v + padding - o stride. Where v + padding = a
    stride + q, these are i = q + m stride and o = a - m, for m = 0, 1, ... to the kernel's end.
    """
    kernel, stride, before = slide.kernel[axis], slide.stride[axis], slide.before[axis]
    found = []
    for q in range(stride):
        start = (q - before) % stride
        if start < length:
            taps = len(range(q, kernel, stride))
            entries = slice(q + (taps - 1) * stride, None, -stride)
            places = len(range(start, length, stride))
            first = taps - 1 - (start + before) // stride
            found.append(_Axis(slice(start, None, stride), entries, places, taps, first))
    return found
