"""Penalties on the weights: what they add to each run's loss and gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnexp.optim.rows import Array, Numbers, column, row_slices

#: Columns at a time in Lp penalties, whose passes are many: they stay in the cache. A run's sums
#: are cut here, so this may depend on nothing.
_BLOCK = 16384


class WeightPenalty:
    """l1 sum |W| + l2/2 sum W^2 + lp/p sum |W|^p over the weights, the first columns of theta.

    ``l1``, ``l2``, ``lp`` and the exponents ``p`` >= 1 are (K,) arrays, ``weights`` is the number
    of those columns. The gradient is l1 sign(W) + l2 W + lp |W|^(p - 1) sign(W), with sign(0) = 0.
    Raises ``ValueError`` for ``lp`` without ``p``.
    """

    def __init__(
        self,
        *,
        l1: Numbers,
        l2: Numbers,
        weights: int,
        dtype: Any,
        lp: Numbers | None = None,
        p: Numbers | None = None,
    ) -> None:
        self.weights = weights
        self.l1_rows, self.l2_rows = row_slices(l1), row_slices(l2)
        self.l1, self.l2 = column(l1, dtype), column(l2, dtype)
        #: (row, lp, p) of the runs with an Lp penalty.
        self.lp_runs: list[tuple[int, float, float]] = []
        if lp is not None:
            if p is None:
                raise ValueError("an Lp penalty needs its exponents p")
            self.lp_runs = [(k, lp[k].item(), p[k].item()) for k in np.flatnonzero(lp).tolist()]
        shape = (0, 0) if self.is_off else (len(l1), weights)
        self._scratch = np.empty(shape, dtype)

    @property
    def is_off(self) -> bool:
        """Whether no run has a penalty."""
        return not (self.l1_rows or self.l2_rows or self.lp_runs)

    def loss(self, theta: Array) -> Numbers:
        """Return the penalty of each run (K,), in float64."""
        penalty = np.zeros(len(theta))
        for rows in self.l1_rows:
            sizes = np.abs(theta[rows, : self.weights], out=self._scratch[rows])
            penalty[rows] += self.l1[rows, 0] * sizes.sum(axis=1)
        for rows in self.l2_rows:
            W = theta[rows, : self.weights]
            penalty[rows] += self.l2[rows, 0] / 2 * np.vecdot(W, W)
        for k, strength, p in self.lp_runs:
            total = 0.0
            for part in self._blocks():
                W = theta[k, part]
                total += float(np.vecdot(W, _slope(W, p, out=self._scratch[k, part])))
            penalty[k] += strength / p * total
        return penalty

    def add_gradient(self, theta: Array, grads: Array) -> None:
        """Add the penalty's gradient to grads (K, P)."""
        for rows in self.l1_rows:
            slope = np.sign(theta[rows, : self.weights], out=self._scratch[rows])
            slope *= self.l1[rows]
            grads[rows, : self.weights] += slope
        for rows in self.l2_rows:
            W = theta[rows, : self.weights]
            grads[rows, : self.weights] += np.multiply(W, self.l2[rows], out=self._scratch[rows])
        for k, strength, p in self.lp_runs:
            for part in self._blocks():
                slope = _slope(theta[k, part], p, out=self._scratch[k, part])
                slope *= strength
                grads[k, part] += slope

    def _blocks(self) -> list[slice]:
        starts = range(0, self.weights, _BLOCK)
        return [slice(start, min(start + _BLOCK, self.weights)) for start in starts]


def _slope(W: Array, p: float, *, out: Array) -> Array:
    """Write |W|^(p - 1) sign(W) to ``out``; W times it is |W|^p."""
    if p == 1:
        return np.sign(W, out=out)
    if p == 2:
        np.copyto(out, W)
        return out
    np.abs(W, out=out)
    if p == 3:
        out *= W
        return out
    np.power(out, p - 1, out=out)
    return np.copysign(out, W, out=out)
