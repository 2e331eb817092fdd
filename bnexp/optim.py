"""Update rules and weight penalties on the flat arrays of a stack.

theta and grads are (K, P): K runs, P parameters. Every number of a rule is a (K,) array. A number
that is 0 for some runs of a stack means off for those runs, by leaving their rows out, never by
multiplication: 0 * inf is NaN, and a diverging run must not change because its neighbour has a
penalty or a momentum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: Which rows a number is on for: a slice when it is all of them, so that no copy is made.
Rows = slice | NDArray[np.intp]


def active_rows(values: Array) -> Rows | None:
    """Return the rows (of (K,) ``values``) that are not 0; None when there are none."""
    rows = np.flatnonzero(values)
    if len(rows) == 0:
        return None
    return slice(None) if len(rows) == len(values) else rows


class SGD:
    """Stochastic gradient descent with momentum, and Nesterov's form of it.

    v <- momentum v + g, then theta <- theta - lr v, or with Nesterov theta <- theta - lr (g +
    momentum v) (Sutskever et al., ICML 2013, in the form of PyTorch). ``lr`` and ``momentum`` are
    (K,) arrays; ``state`` holds ``velocity`` (K, P) when any run has momentum.
    """

    def __init__(self, theta: Array, *, lr: Array, momentum: Array, nesterov: bool = False) -> None:
        self.lr = lr.astype(theta.dtype)[:, None]
        self.rows = active_rows(momentum)
        self.nesterov = nesterov
        self.state: dict[str, Array] = {}
        if self.rows is not None:
            self.momentum = momentum.astype(theta.dtype)[self.rows, None]
            self.state["velocity"] = np.zeros_like(theta)

    def step(self, theta: Array, grads: Array) -> None:
        """Update theta (K, P) in place; grads (K, P) is used up."""
        if self.rows is not None:
            self._add_momentum(grads, self.rows)
        np.multiply(grads, self.lr, out=grads)
        np.subtract(theta, grads, out=theta)

    def _add_momentum(self, grads: Array, rows: Rows) -> None:
        velocity = self.state["velocity"]
        velocity[rows] *= self.momentum
        velocity[rows] += grads[rows]
        if self.nesterov:
            grads[rows] += velocity[rows] * self.momentum
        else:
            grads[rows] = velocity[rows]


class WeightPenalty:
    """l1 sum |W| + l2/2 sum W^2 over the weights, which are the first columns of theta.

    ``l1`` and ``l2`` are (K,) arrays, ``weights`` is the number of those columns. The gradient is
    l1 sign(W) + l2 W, with sign(0) = 0.
    """

    def __init__(self, *, l1: Array, l2: Array, weights: int, dtype: Any) -> None:
        self.weights = weights
        self.l1_rows, self.l2_rows = active_rows(l1), active_rows(l2)
        self.l1 = l1.astype(dtype)
        self.l2 = l2.astype(dtype)

    @property
    def is_off(self) -> bool:
        """Whether no run has a penalty."""
        return self.l1_rows is None and self.l2_rows is None

    def loss(self, theta: Array) -> NDArray[np.float64]:
        """Return the penalty of each run (K,)."""
        penalty = np.zeros(len(theta))
        if self.l1_rows is not None:
            W = theta[self.l1_rows, : self.weights]
            penalty[self.l1_rows] += self.l1[self.l1_rows] * np.abs(W).sum(axis=1)
        if self.l2_rows is not None:
            W = theta[self.l2_rows, : self.weights]
            penalty[self.l2_rows] += self.l2[self.l2_rows] / 2 * np.vecdot(W, W)
        return penalty

    def add_gradient(self, theta: Array, grads: Array) -> None:
        """Add the penalty's gradient to grads (K, P)."""
        if self.l1_rows is not None:
            W = theta[self.l1_rows, : self.weights]
            grads[self.l1_rows, : self.weights] += self.l1[self.l1_rows, None] * np.sign(W)
        if self.l2_rows is not None:
            W = theta[self.l2_rows, : self.weights]
            grads[self.l2_rows, : self.weights] += self.l2[self.l2_rows, None] * W
