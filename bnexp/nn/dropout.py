"""Inverted dropout (Srivastava et al., JMLR 15, 2014): scaled in training, off in evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnexp.nn.layer import Array, Layer, Workspace
from bnexp.streams import stream


class Dropout(Layer):
    """y = x m / (1 - rate), where a unit's m is 0 with probability ``rate`` and else 1.

    One uniform per unit and example is drawn for each seed and compared with each run's own rate,
    so runs of one seed drop nested sets of units, and a run of rate 0 has factor 1 exactly.
    ``rate`` is a (K,) array and ``seeds`` has one entry per run; ``ordinal`` is that of the layer
    with weights before this one.

    ``spatial`` drops whole channels of images (K, H, C, W, B), with one uniform per channel and
    example (Tompson et al., arXiv 1411.4280); on dense activations (K, D, B) it changes nothing.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        rate: Array,
        seeds: Sequence[int],
        ordinal: int,
        spatial: bool = False,
    ) -> None:
        super().__init__(workspace)
        self.rate = rate.astype(np.float32)
        self.keep = (1 / (1 - rate)).astype(workspace.dtype)
        self.seeds = tuple(seeds)
        self.ordinal = ordinal
        self.spatial = spatial
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Begin each seed's stream of this layer and epoch."""
        self.streams = {
            seed: stream(seed, "dropout", layer=self.ordinal, epoch=epoch)
            for seed in dict.fromkeys(self.seeds)
        }

    def forward(self, x: Array, train: bool) -> Array:
        """Overwrite x with the thinned and scaled values; in evaluation leave it as it is."""
        if not train:
            return x
        shape = x.shape[1:]
        if self.spatial and len(shape) == 4:
            shape = (1, shape[1], 1, shape[3])
        self.factor = self.buffer("factor", (len(x), *shape))
        # float32 uniforms for either dtype, so that both drop the same units.
        uniform = {seed: g.random(shape, dtype=np.float32) for seed, g in self.streams.items()}
        for k, seed in enumerate(self.seeds):
            np.multiply(uniform[seed] >= self.rate[k], self.keep[k], out=self.factor[k])
        return np.multiply(x, self.factor, out=x)

    def backward(self, dy: Array) -> Array:
        """Overwrite dy with the same factors times dy."""
        return np.multiply(dy, self.factor, out=dy)
