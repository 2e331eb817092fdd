"""Rows of a stack: which ones a number is on for, and numbers as columns beside them.

Arrays are (K, P): K runs, P parameters. A number that is 0 for some runs means off for those runs,
by leaving their rows out, never by multiplication: 0 * inf is NaN, and a diverging run must not
change because its neighbour has a penalty or a momentum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A float32 or float64 array; which one is the network's ``dtype``.
Array = NDArray[Any]
#: The numbers of the runs, (K,).
Numbers = NDArray[np.float64]


def row_slices(values: NDArray[Any]) -> tuple[slice, ...]:
    """Return where (K,) ``values`` are not 0, as slices of neighbouring rows.

    Slices, not indices: they are views of memory without gaps, so that nothing is copied and an
    operation runs through them in one go.
    """
    on = np.concatenate(([False], np.asarray(values) != 0, [False]))
    edges = np.flatnonzero(on[1:] != on[:-1]).tolist()
    return tuple(slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True))


def column(values: NDArray[Any], dtype: Any) -> Array:
    """Return (K,) numbers as (K, 1) of the arrays' dtype."""
    return values.astype(dtype)[:, None]
