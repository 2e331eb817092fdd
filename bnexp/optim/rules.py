"""What an update rule is, and the rule that all others are compared with: gradient descent.

A rule changes theta (K, P) in place, in whole-array operations: K * P numbers a pass, few passes,
no arrays made in a step. Cutting the arrays into blocks that fit a cache was measured and is
slower, since the rows of a block lie apart in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnexp.optim.rows import Array, Numbers, column, row_slices


@dataclass(frozen=True)
class RuleNumbers:
    """The numbers of update rules that may differ inside a stack, each (K,).

    A rule looks at its own only. ``momentum``, ``beta1``, ``beta2`` and ``rho`` are below 1.
    """

    lr: Numbers
    momentum: Numbers
    beta1: Numbers
    beta2: Numbers
    rho: Numbers
    eps: Numbers
    weight_decay: Numbers


class Optimizer:
    """An update rule with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).

    Before the step of the rule, the first ``weights`` columns of theta are shrunk:
    W <- W - lr_t weight_decay W, with the learning rate lr_t of this update, as in PyTorch's AdamW.
    ``state`` holds all that a rule remembers, arrays (K, P) of theta's dtype; what else it needs it
    takes from the number of the update, so that a resume needs no more than ``state``.
    """

    def __init__(
        self, theta: Array, *, lr: Numbers, weight_decay: Numbers | None = None, weights: int = 0
    ) -> None:
        self.dtype = theta.dtype
        self.lr = lr
        self.weight_decay = np.zeros(len(lr)) if weight_decay is None else weight_decay
        self.decayed = row_slices(self.weight_decay)
        self.weights = weights
        self.state: dict[str, Array] = {}

    def step(self, theta: Array, grads: Array, step: int, factor: Numbers | None = None) -> None:
        """Make update number ``step``, counted from 1: change theta (K, P), use up grads (K, P).

        The learning rate is lr times the schedule's ``factor`` (K,); None leaves it as it is.
        """
        lr = self.lr if factor is None else self.lr * factor
        if self.decayed:
            kept = column(1 - lr * self.weight_decay, self.dtype)
            for rows in self.decayed:
                theta[rows, : self.weights] *= kept[rows]
        self._update(theta, grads, step, lr)

    def _update(self, theta: Array, grads: Array, step: int, lr: Numbers) -> None:
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, and Nesterov's form of it.

    v <- momentum v + g, then theta <- theta - lr v, or with Nesterov theta <- theta - lr (g +
    momentum v) (Sutskever et al., ICML 2013, in the form of PyTorch). ``lr`` and ``momentum`` are
    (K,) arrays; ``state`` holds ``velocity`` (K, P) when any run has momentum.
    """

    def __init__(
        self,
        theta: Array,
        *,
        lr: Numbers,
        momentum: Numbers,
        nesterov: bool = False,
        weight_decay: Numbers | None = None,
        weights: int = 0,
    ) -> None:
        super().__init__(theta, lr=lr, weight_decay=weight_decay, weights=weights)
        self._rate = column(lr, self.dtype)
        self.moving, self.plain = row_slices(momentum), row_slices(momentum == 0)
        self.nesterov = nesterov
        if self.moving:
            self.momentum = column(momentum, self.dtype)
            self.state["velocity"] = np.zeros_like(theta)
        if self.moving and nesterov:
            self._scratch = np.empty_like(theta)

    def step(
        self, theta: Array, grads: Array, step: int = 1, factor: Numbers | None = None
    ) -> None:
        """Make an update as every rule does; which one it is does not matter here."""
        super().step(theta, grads, step, factor)

    def _update(self, theta: Array, grads: Array, step: int, lr: Numbers) -> None:
        rate = self._rate if lr is self.lr else column(lr, self.dtype)
        for rows in self.plain:
            g = grads[rows]
            np.multiply(g, rate[rows], out=g)
        for rows in self.moving:
            velocity, g = self.state["velocity"][rows], grads[rows]
            velocity *= self.momentum[rows]
            velocity += g
            if self.nesterov:
                g += np.multiply(velocity, self.momentum[rows], out=self._scratch[rows])
                g *= rate[rows]
            else:
                np.multiply(velocity, rate[rows], out=g)
        theta -= grads
