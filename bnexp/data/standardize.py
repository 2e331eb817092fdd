"""How the numbers of a dataset are scaled, learned from the examples that are trained on."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from bnexp.data.rows import RawRows, Scaling

Doubles = npt.NDArray[np.float64]
Kind = Literal["none", "unit", "channel", "pixel"]


def find_scaling(
    kind: Kind, x: RawRows, shape: tuple[int, ...], top: int | None = None
) -> Scaling | None:
    """Return the scaling of that kind for examples ``x`` as stored, None for none.

    ``shape`` is (features,) or (height, channels, width). ``unit`` maps 0 to ``top`` to [0, 1], or
    without ``top`` the least to the largest number. ``channel`` and ``pixel`` subtract the mean and
    divide by the standard deviation over the examples (and over the places of a channel); numbers
    that are not images are one channel. What is constant becomes 0. Sums are exact for bytes, and
    otherwise in float64.
    """
    if kind == "none":
        return None
    if kind == "unit" and top is not None:
        return Scaling(None, np.array([float(top)]))
    if kind == "unit":
        low, high = _extremes(x)
        least, largest = low.min(), high.max()
        shift = None if least == 0 else np.array([least])
        return Scaling(shift, np.array([largest - least if largest > least else math.inf]))
    mean, std = (_byte_moments if x.raw.dtype == np.uint8 else _moments)(x, _groups(kind, shape))
    return Scaling(mean, np.where(std == 0, math.inf, std))


def _groups(kind: Kind, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Return for each feature which group it shares its moments with."""
    if kind == "pixel":
        return np.arange(math.prod(shape))
    if len(shape) == 1:
        return np.zeros(shape, np.intp)
    return np.broadcast_to(np.arange(shape[1])[:, None], shape).ravel()


def _byte_moments(x: RawRows, groups: npt.NDArray[np.intp]) -> tuple[Doubles, Doubles]:
    """Return mean and standard deviation of each feature's group, from sums of whole numbers."""
    total, squares = np.zeros((2, x.shape[1]), np.int64)
    for chunk in x.chunks():
        total += chunk.sum(axis=0, dtype=np.int64)
        squares += np.square(chunk, dtype=np.uint16).sum(axis=0, dtype=np.int64)
    size = len(groups) // (int(groups.max()) + 1) * len(x)
    # Exact: whole numbers below 2**53. Their products may be larger than 2**63: Python's are exact.
    sums = np.bincount(groups, total).astype(np.int64).tolist()
    powers = np.bincount(groups, squares).astype(np.int64).tolist()
    mean = [s / size for s in sums]
    std = [math.sqrt(size * q - s * s) / size for s, q in zip(sums, powers, strict=True)]
    return np.array(mean)[groups], np.array(std)[groups]


def _moments(x: RawRows, groups: npt.NDArray[np.intp]) -> tuple[Doubles, Doubles]:
    """Return the same in float64: the mean first, then the mean square of what differs from it."""
    low, high = _extremes(x)
    total, squares = np.zeros((2, x.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        for chunk in x.chunks():
            total += chunk.sum(axis=0, dtype=np.float64)
        mean = _mean(total / len(x), groups)
        for chunk in x.chunks():
            squares += np.square(chunk - mean, dtype=np.float64).sum(axis=0)
        std = np.sqrt(_mean(squares / len(x), groups))
    # The mean of equal numbers may be another number, by rounding.
    count = int(groups.max()) + 1
    lowest, highest = np.full(count, math.inf), np.full(count, -math.inf)
    np.minimum.at(lowest, groups, low)
    np.maximum.at(highest, groups, high)
    return mean, np.where((lowest == highest)[groups], 0.0, std)


def _mean(values: Doubles, groups: npt.NDArray[np.intp]) -> Doubles:
    """Return the mean of each feature's group."""
    means: Doubles = np.bincount(groups, values) / np.bincount(groups)
    return means[groups]


def _extremes(x: RawRows) -> tuple[Doubles, Doubles]:
    """Return the least and the largest number of each feature."""
    low, high = np.full(x.shape[1], math.inf), np.full(x.shape[1], -math.inf)
    for chunk in x.chunks():
        np.minimum(low, chunk.min(axis=0), out=low)
        np.maximum(high, chunk.max(axis=0), out=high)
    return low, high
