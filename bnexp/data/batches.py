"""Mini-batches of a stack: which examples each run sees, keyed by seed and epoch.

Runs of one seed see the same batches, so a stack of one seed gathers each batch once and shares it;
with several seeds every run gets its own slice, and the layout of a slice is the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnexp.streams import stream

Array = NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """Which examples a step sees: ``indices`` and ``labels``, each (K or 1, B)."""

    indices: NDArray[np.intp]
    labels: NDArray[np.intp]
    source: Batches

    def gather(self) -> Array:
        """Return the examples (K or 1, I, B): a view of one array, good until the next call."""
        return self.source.gather(self.indices)


class Batches:
    """Batches of ``x`` (N, I) and ``y`` (N,) for a stack with these seeds, one per run.

    ``shuffle`` visits every example once an epoch, the last batch being smaller unless
    ``drop_last``; ``replacement`` draws floor(N / batch_size) batches afresh.
    """

    def __init__(
        self,
        x: Array,
        y: NDArray[np.intp],
        seeds: Sequence[int],
        *,
        batch_size: int,
        sampling: Literal["shuffle", "replacement"],
        drop_last: bool,
    ) -> None:
        self.x, self.y = x, y
        shared = len(set(seeds)) == 1
        self.seeds = tuple(seeds[:1]) if shared else tuple(seeds)
        self.batch_size = batch_size
        self.sampling = sampling
        whole = drop_last or sampling == "replacement"
        self.length = len(x) // batch_size * batch_size if whole else len(x)
        self._buffer = np.empty((len(self.seeds), batch_size, x.shape[1]), x.dtype)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, in order."""
        orders = {seed: self._order(seed, epoch) for seed in dict.fromkeys(self.seeds)}
        chosen = np.stack([orders[seed] for seed in self.seeds])
        for start in range(0, self.length, self.batch_size):
            indices = chosen[:, start : start + self.batch_size]
            yield Batch(indices, self.y[indices], self)

    def gather(self, indices: NDArray[np.intp]) -> Array:
        """Return the examples of ``indices`` (K or 1, B) as (K or 1, I, B), in the one array."""
        batch = self._buffer[:, : indices.shape[1]]
        for row, out in zip(indices, batch, strict=True):
            # The indices are in range; mode="raise" would gather into a copy first.
            np.take(self.x, row, axis=0, out=out, mode="clip")
        return batch.transpose(0, 2, 1)

    def _order(self, seed: int, epoch: int) -> NDArray[np.intp]:
        generator = stream(seed, "batches", epoch=epoch)
        if self.sampling == "shuffle":
            return generator.permutation(len(self.x))[: self.length]
        return generator.integers(0, len(self.x), self.length)
