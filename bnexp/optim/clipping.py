"""Clipping gradients by their norm (Pascanu et al., arXiv 1211.5063, alg. 1), run by run."""

from __future__ import annotations

import math

import numpy as np

from bnexp.optim.rows import Array, Numbers, row_slices


def clip_gradients(grads: Array, limit: Numbers) -> None:
    """Scale each row of grads (K, P) whose L2 norm exceeds its limit (K,) to that norm, in place.

    A limit of 0 is none. A norm whose square is too large for the dtype is clipped as any other. A
    row with an infinite or NaN gradient has no direction to keep: it is left as it is, and its run
    will diverge.
    """
    for rows in row_slices(limit):
        part = grads[rows]
        norms = np.sqrt(np.vecdot(part, part).astype(np.float64))
        for row, norm, most in zip(part, norms.tolist(), limit[rows].tolist(), strict=True):
            if not math.isfinite(norm):
                _clip_huge(row, most)
            elif norm > most:
                row *= most / norm


def _clip_huge(row: Array, most: float) -> None:
    """Clip a row (P,) whose squares overflow: its largest number is taken out of the norm."""
    largest = float(max(abs(row.min()), abs(row.max())))
    if not math.isfinite(largest):
        return
    direction = row / largest
    length = math.sqrt(np.vecdot(direction, direction))
    if length * largest > most:
        np.multiply(direction, most / length, out=row)
