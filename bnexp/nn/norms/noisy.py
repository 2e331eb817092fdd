"""Batch norm followed by non-stationary noise (Santurkar et al., arXiv 1805.11604)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnexp.nn.layer import Array, Shape, Workspace
from bnexp.nn.norms.batch import BatchNorm
from bnexp.streams import stream


class NoisyBatchNorm(BatchNorm):
    """y = s a + m, with a the output of batch norm and noise m, s (arXiv 1805.11604, appendix A).

    With ``noise`` = (n_m, n_s, r_m, r_s): at each step every unit j draws mean_j from U(-n_m, n_m)
    and std_j from U(1, n_s), and then for each example i an m_ij from U(mean_j - r_m, mean_j + r_m)
    and an s_ij from N(std_j, r_s), r_s being a standard deviation. A unit of images is a channel:
    one m and one s act on all its pixels. There is no noise in evaluation, and none, nor any draw,
    while the population's statistics are collected.

    The numbers come from one stream for each seed, in float64 for either dtype, in an order that
    depends on shapes only: runs of one seed draw the same. ``seeds`` has one entry per run;
    ``ordinal`` is that of the layer with weights before this one. Backward: da = s dy.
    """

    def __init__(
        self,
        workspace: Workspace,
        shape: int | Shape,
        *,
        eps: Array,
        momentum: Array,
        seeds: Sequence[int],
        ordinal: int,
        noise: tuple[float, float, float, float] = (0.5, 1.25, 0.1, 0.1),
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
        self.seeds = tuple(seeds)
        self.ordinal = ordinal
        self.noise = noise
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Begin each seed's stream of this layer and epoch."""
        self.streams = {
            seed: stream(seed, "noise", layer=self.ordinal, epoch=epoch)
            for seed in dict.fromkeys(self.seeds)
        }

    def forward(self, x: Array, train: bool) -> Array:
        """Normalise; in training, put the noise of this step upon it."""
        y = super().forward(x, train)
        if not train or self.collecting:
            return y
        m, self.factor = self._draw(x.shape[-1])
        out = self.passes.view(y)
        self.passes.affine(out, self.factor, m, out)
        return y

    def backward(self, dy: Array) -> Array:
        """Write dgamma and dbeta, and overwrite dy with dx."""
        d = self.passes.view(dy)
        self.passes.multiply(d, self.factor)
        return super().backward(d.reshape(dy.shape))

    def _draw(self, batch: int) -> tuple[Array, Array]:
        """Return m and s of this step, each (K, C, W B)."""
        n_m, n_s, r_m, r_s = self.noise
        units, both = (self.channels, 1), (self.channels, batch)
        drawn = {}
        for seed, g in self.streams.items():
            mean, std = g.uniform(-n_m, n_m, units), g.uniform(1, n_s, units)
            m = mean + g.uniform(-r_m, r_m, both)
            s = std + r_s * g.standard_normal(both)
            drawn[seed] = [self.widen(a.astype(self.workspace.dtype)) for a in (m, s)]
        m, s = (np.stack([drawn[seed][i] for seed in self.seeds]) for i in range(2))
        return m, s
