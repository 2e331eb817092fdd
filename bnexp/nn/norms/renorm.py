"""Batch renormalisation (Ioffe, arXiv 1702.03275)."""

from __future__ import annotations

import numpy as np

from bnexp.nn.layer import Array, Shape, Workspace
from bnexp.nn.norms.batch import BatchNorm


class BatchRenorm(BatchNorm):
    """y = gamma (h R + D) + beta, with h the batch-normalised x (arXiv 1702.03275, alg. 1).

    With std = sqrt(var + eps) of the batch, R = std / running_std, clipped to [1/r_max, r_max], and
    D = (mean - running_mean) / running_std, clipped to [-d_max, d_max]; the backward pass takes
    both as constants. Within the limits, y is what evaluation would give. Where the running std is
    0 there is nothing to compare with: R = 1 and D = 0.

    The running values are those of the paper: of the mean and of std itself, which contains eps;
    ``momentum``, a (K,) array, is the share of the old value kept. They are compared with before
    the batch moves them, and begin at 0 and sqrt(``start_var`` + eps).

    The limits follow the share of all updates that has been made: r_max = 1 and d_max = 0, which is
    batch norm, up to ``start``, then linear to ``r_max`` and ``d_max`` at ``end``. A pass that
    collects the population's statistics normalises by the batch alone.

    Backward: dgamma = sum dy (h R + D) = R sum dy h + D dbeta, and dx is that of batch norm with
    gamma R in place of gamma.
    """

    def __init__(
        self,
        workspace: Workspace,
        shape: int | Shape,
        *,
        eps: Array,
        momentum: Array,
        r_max: float,
        d_max: float,
        start: float,
        end: float,
        gamma: str = "vector",
        beta: str = "vector",
        start_var: float = 1.0,
        statistics: str = "running",
    ) -> None:
        super().__init__(
            workspace,
            shape,
            eps=eps,
            momentum=momentum,
            gamma=gamma,
            beta=beta,
            start_var=start_var,
            statistics=statistics,
        )
        self.r_max, self.d_max = r_max, d_max
        self.start, self.end = start, end
        self.start_step(0, 1)

    @property
    def running_std(self) -> Array:
        """The running std, (K, C, 1)."""
        return self.stats["running"][:, 1]

    def start_state(self) -> None:
        """Set the running mean to 0 and the running std to sqrt(``start_var`` + eps)."""
        self.running_mean[...] = 0
        self.running_std[...] = np.sqrt(self.start_var + self.eps)

    def start_step(self, step: int, total: int) -> None:
        """Set the limits of the update that has ``step`` of ``total`` before it."""
        share = step / total
        if share >= self.end:
            reached = 1.0
        elif share <= self.start:
            reached = 0.0
        else:
            reached = (share - self.start) / (self.end - self.start)
        self.r_limit = 1 + reached * (self.r_max - 1)
        self.d_limit = reached * self.d_max

    def _follow(self) -> None:
        mean, std = self.running_mean, self.running_std
        batch_std = np.sqrt(self.var + self.eps, out=self.var)
        known = std != 0
        R = np.divide(batch_std, std, out=np.ones_like(std), where=known)
        # The rounded mean of the batch would cost digits of a small difference.
        D = np.subtract(self.centre, mean)
        D += self.r
        D = np.divide(D, std, out=np.zeros_like(std), where=known)
        self.R = np.clip(R, 1 / self.r_limit, self.r_limit, out=R)
        self.D = np.clip(D, -self.d_limit, self.d_limit, out=D)
        super()._follow()

    def _keep_batch(self) -> None:
        self.R, self.D = np.ones_like(self.s), np.zeros_like(self.s)

    def _affine(self) -> None:
        self._set_affine(self.s * self.R)
        self.shift += self.times_gamma(self.D)

    def _gamma_gradient(self, dgamma: Array, dbeta: Array) -> Array:
        total: Array = dgamma * self.R + self.D * dbeta
        return total

    def _running_inverse_std(self) -> Array:
        std = self.running_std
        return np.reciprocal(std, out=np.zeros_like(std), where=std != 0)
