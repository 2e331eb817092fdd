"""Rules that divide each gradient by its own usual size: AdaGrad, RMSProp, Adam.

eps stands outside the root everywhere. It is never less than the root of the smallest normal number
of the dtype (1e-19 in float32), so that eps = 0 is allowed: a parameter whose gradients have all
been 0, such as a weight of a pixel that is always black, would be 0/0, and stays where it is.

Averages are kept as sums: with S_t = decay S_{t-1} + x_t, the average that decays is
A_t = decay A_{t-1} + (1 - decay) x_t = (1 - decay) S_t. What the sums lack goes into the learning
rate and eps, which costs nothing, and each average one pass less.
"""

from __future__ import annotations

import numpy as np

from bnexp.optim.rows import Array, Numbers, column
from bnexp.optim.rules import Optimizer


class AdaGrad(Optimizer):
    """h <- h + g^2, theta <- theta - lr g / (sqrt(h) + eps) (Duchi et al., JMLR 12, 2011).

    ``state`` holds ``h`` (K, P), which begins at 0.
    """

    def __init__(
        self,
        theta: Array,
        *,
        lr: Numbers,
        eps: Numbers,
        weight_decay: Numbers | None = None,
        weights: int = 0,
    ) -> None:
        super().__init__(theta, lr=lr, weight_decay=weight_decay, weights=weights)
        self.eps = _eps_column(eps, self.dtype)
        self.state["h"] = np.zeros_like(theta)
        self._scratch = np.empty_like(theta)

    def _update(self, theta: Array, grads: Array, step: int, lr: Numbers) -> None:
        h, size = self.state["h"], self._scratch
        h += np.square(grads, out=size)
        np.sqrt(h, out=size)
        size += self.eps
        grads /= size
        grads *= column(lr, self.dtype)
        theta -= grads


class RMSProp(Optimizer):
    """v <- rho v + (1 - rho) g^2, theta <- theta - lr g / (sqrt(v) + eps).

    Tieleman and Hinton, Coursera lecture 6.5, 2012, with eps where PyTorch has it. ``state`` holds
    ``v`` (K, P) as a sum, that is v / (1 - rho); it begins at 0.
    """

    def __init__(
        self,
        theta: Array,
        *,
        lr: Numbers,
        rho: Numbers,
        eps: Numbers,
        weight_decay: Numbers | None = None,
        weights: int = 0,
    ) -> None:
        super().__init__(theta, lr=lr, weight_decay=weight_decay, weights=weights)
        self.rho = column(rho, self.dtype)
        self.unit = np.sqrt(1 - rho)
        self.eps = _eps_column(eps / self.unit, self.dtype)
        self.state["v"] = np.zeros_like(theta)
        self._scratch = np.empty_like(theta)

    def _update(self, theta: Array, grads: Array, step: int, lr: Numbers) -> None:
        v, size = self.state["v"], self._scratch
        v *= self.rho
        v += np.square(grads, out=size)
        np.sqrt(v, out=size)
        size += self.eps
        grads /= size
        grads *= column(lr / self.unit, self.dtype)
        theta -= grads


class Adam(Optimizer):
    """Averages of g and g^2, corrected for beginning at 0 (Kingma and Ba, arXiv 1412.6980, alg. 1).

    m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2, and at update t
    theta <- theta - lr (m / c1) / (sqrt(v / c2) + eps) with c = 1 - beta^t. With weight decay it is
    AdamW (arXiv 1711.05101). ``state`` holds ``m`` and ``v`` (K, P) as sums M = m / (1 - beta1) and
    V = v / (1 - beta2). With u = sqrt(c2 / (1 - beta2)) the step is
    lr (1 - beta1) u / c1 * M / (sqrt(V) + eps u), its numbers worked out in float64 for each run.
    """

    def __init__(
        self,
        theta: Array,
        *,
        lr: Numbers,
        beta1: Numbers,
        beta2: Numbers,
        eps: Numbers,
        weight_decay: Numbers | None = None,
        weights: int = 0,
    ) -> None:
        super().__init__(theta, lr=lr, weight_decay=weight_decay, weights=weights)
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.keep_m, self.keep_v = column(beta1, self.dtype), column(beta2, self.dtype)
        self.state["m"] = np.zeros_like(theta)
        self.state["v"] = np.zeros_like(theta)

    def _update(self, theta: Array, grads: Array, step: int, lr: Numbers) -> None:
        m, v = self.state["m"], self.state["v"]
        unit = np.sqrt(_correction(self.beta2, step) / (1 - self.beta2))
        rate = lr * (1 - self.beta1) * unit / _correction(self.beta1, step)
        m *= self.keep_m
        m += grads
        v *= self.keep_v
        v += np.square(grads, out=grads)
        np.sqrt(v, out=grads)
        grads += _eps_column(self.eps * unit, self.dtype)
        np.divide(m, grads, out=grads)
        grads *= column(rate, self.dtype)
        theta -= grads


def _eps_column(eps: Numbers, dtype: np.dtype[np.floating]) -> Array:
    return column(np.maximum(eps, float(np.finfo(dtype).tiny) ** 0.5), dtype)


def _correction(beta: Numbers, step: int) -> Numbers:
    """1 - beta^step; number by number, since a vectorised power may round with its length."""
    return np.array([1 - b**step for b in beta.tolist()])
