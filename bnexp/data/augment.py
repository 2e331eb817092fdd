"""Random changes to images in training: mirrored left to right, and shifted.

They act on the images as they are stored, before anything is subtracted or divided: what a shift
brings in at the border is a stored 0 (black, in the built-in datasets), whatever that becomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bnexp.streams import stream

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Changes:
    """What happens to images: which are mirrored, then by how many pixels each moves, all (B,)."""

    mirrored: npt.NDArray[np.bool_]
    down: npt.NDArray[np.intp]
    right: npt.NDArray[np.intp]

    def __getitem__(self, part: slice) -> Changes:
        return Changes(self.mirrored[part], self.down[part], self.right[part])


class Augmentation:
    """Changes to images of a shape (height, channels, width).

    With ``flip`` each is mirrored left to right with probability 1/2; with a ``shift`` each moves
    by -shift to shift pixels in both directions, all equally likely, and zeros fill the gap (the
    random crop of a padded image). The draws of an epoch are keyed by seed and epoch, one for each
    place in it; those of shifts do not depend on whether there are flips.
    """

    def __init__(self, shape: tuple[int, int, int], *, flip: bool, shift: int) -> None:
        self.shape, self.flip, self.shift = shape, flip, shift
        self._padded: Array | None = None

    def draw(self, seed: int, epoch: int, count: int) -> Changes:
        """Draw the changes to the ``count`` images of an epoch, in the order of its batches."""
        generator = stream(seed, "augmentation", epoch=epoch)
        mirrored = generator.random(count) < 0.5
        shifts = generator.integers(-self.shift, self.shift + 1, (2, count))
        return Changes(mirrored, shifts[0], shifts[1])

    def apply(self, rows: Array, changes: Changes) -> None:
        """Change images in their place; ``rows`` (B, features) is C-contiguous."""
        images = rows.reshape(len(rows), *self.shape)
        if self.flip:
            images[changes.mirrored] = images[changes.mirrored][..., ::-1]
        if self.shift:
            height, _, width = self.shape
            padded = self._pad(images)
            windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 3))
            top, left = self.shift - changes.down, self.shift - changes.right
            # (B, channels, height, width): what is indexed comes first, and the windows last.
            chosen = windows[np.arange(len(rows)), top, :, left]
            images[...] = chosen.transpose(0, 2, 1, 3)

    def _pad(self, images: Array) -> Array:
        """Copy images into the middle of zeros; the border is never written to."""
        count, height, channels, width = images.shape
        border = 2 * self.shift
        shape = (height + border, channels, width + border)
        if self._padded is None or len(self._padded) < count or self._padded.dtype != images.dtype:
            self._padded = np.zeros((count, *shape), images.dtype)
        padded = self._padded[:count]
        inside = slice(self.shift, self.shift + height), slice(self.shift, self.shift + width)
        padded[:, inside[0], :, inside[1]] = images
        return padded
