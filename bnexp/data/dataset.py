"""A dataset as arrays, ready for training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from bnexp.data.rows import Floats, Rows

Labels = npt.NDArray[np.intp]
Part = Literal["train", "val", "test"]


def _no_rows() -> Floats:
    return np.empty((0, 0), np.float32)


def _no_labels() -> Labels:
    return np.empty(0, np.intp)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples as rows, in the dataset's own order; the arrays are read-only.

    ``x_train`` (N, features), ``x_val`` (V, features) and ``x_test`` (M, features) are C-contiguous
    arrays of floats, or ``RawRows``, which become such when they are gathered or sliced. The
    features of an image are ordered (height, channels, width). ``y_train`` (N,), ``y_val`` (V,)
    and ``y_test`` (M,) hold labels from 0 to ``classes`` - 1. ``order`` is set when features have
    been rearranged (see ``layout``).
    """

    name: str
    x_train: Rows
    y_train: Labels
    x_test: Rows
    y_test: Labels
    classes: int
    order: Labels | None = None
    x_val: Rows = field(default_factory=_no_rows)
    y_val: Labels = field(default_factory=_no_labels)

    def rows(self, part: Part, start: int = 0, stop: int | None = None) -> Floats:
        """Return examples ``start`` to ``stop`` of a part as numbers (n, features), to be read."""
        x: Rows = getattr(self, f"x_{part}")
        return x[start:stop]

    def labels(self, part: Part) -> Labels:
        """Return the labels of a part."""
        labels: Labels = getattr(self, f"y_{part}")
        return labels
