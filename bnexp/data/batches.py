"""Mini-batches of a stack: which examples each run sees, keyed by seed and epoch.

Runs of one seed see the same batches, so a stack of one seed gathers each batch once and shares it;
with several seeds every run gets its own slice, and the layout of a slice is the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnexp.data.augment import Augmentation, Changes
from bnexp.data.rows import RawRows, Rows
from bnexp.streams import stream

Array = NDArray[Any]


class Batch(NamedTuple):
    """Which examples a step sees: ``indices`` and ``labels``, each (K or 1, B).

    ``changes`` says what happens to each image, per run (or one for all); None where nothing does.
    """

    indices: NDArray[np.intp]
    labels: NDArray[np.intp]
    source: Batches
    changes: tuple[Changes, ...] | None = None

    def gather(self) -> Array:
        """Return the examples (K or 1, I, B): a view of one array, good until the next call."""
        return self.source.gather(self.indices, self.changes)


@dataclass(frozen=True)
class Epoch:
    """The batches of an epoch, in order; all its ``indices`` and ``labels`` are (K or 1, N)."""

    indices: NDArray[np.intp]
    labels: NDArray[np.intp]
    source: Batches
    changes: tuple[Changes, ...] | None

    def __iter__(self) -> Iterator[Batch]:
        size, changes = self.source.batch_size, self.changes
        for start in range(0, self.labels.shape[1], size):
            part = slice(start, start + size)
            now = changes and tuple(change[part] for change in changes)
            yield Batch(self.indices[:, part], self.labels[:, part], self.source, now)


class Batches:
    """Batches of ``x`` (N, I) and ``y`` (N,) for a stack with these seeds, one per run.

    ``shuffle`` visits every example once an epoch, the last batch being smaller unless
    ``drop_last``; ``replacement`` draws floor(N / batch_size) batches afresh. ``sorted`` shuffles,
    sorts by class and cuts into batches, which come in random order; a smaller batch is cut at a
    random place and comes last. Only rows that are kept as stored can be augmented.
    """

    def __init__(
        self,
        x: Rows,
        y: NDArray[np.intp],
        seeds: Sequence[int],
        *,
        batch_size: int,
        sampling: Literal["shuffle", "replacement", "sorted"],
        drop_last: bool,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.x, self.y = x, y
        shared = len(set(seeds)) == 1
        self.seeds = tuple(seeds[:1]) if shared else tuple(seeds)
        self.batch_size = batch_size
        self.sampling = sampling
        whole = drop_last or sampling == "replacement"
        self.length = len(x) // batch_size * batch_size if whole else len(x)
        self.augmentation = augmentation
        shape = (len(self.seeds), batch_size, x.shape[1])
        self._buffer = np.empty(shape, x.dtype)
        if isinstance(x, RawRows):
            self._raw = np.empty(shape[1:], x.raw.dtype)
        elif augmentation is not None:
            raise ValueError("only rows that are kept as stored can be augmented (keep_raw)")

    def epoch(self, epoch: int) -> Epoch:
        """Return the batches of an epoch."""
        different = tuple(dict.fromkeys(self.seeds))
        orders = {seed: self._order(seed, epoch) for seed in different}
        chosen = np.stack([orders[seed] for seed in self.seeds])
        changes = None
        if self.augmentation is not None:
            draw = self.augmentation.draw
            drawn = {seed: draw(seed, epoch, self.length) for seed in different}
            changes = tuple(drawn[seed] for seed in self.seeds)
        return Epoch(chosen, self.y[chosen], self, changes)

    def gather(self, indices: NDArray[np.intp], changes: Sequence[Changes] | None = None) -> Array:
        """Return the examples of ``indices`` (K or 1, B) as (K or 1, I, B), in the one array."""
        batch: Array = self._buffer[:, : indices.shape[1]]
        if isinstance(self.x, RawRows):
            self._convert(self.x, indices, changes, batch)
        else:
            for row, out in zip(indices, batch, strict=True):
                # The indices are in range; mode="raise" would gather into a copy first.
                self.x.take(row, axis=0, out=out, mode="clip")
        gathered: Array = batch.transpose(0, 2, 1)
        return gathered

    def _convert(
        self,
        x: RawRows,
        indices: NDArray[np.intp],
        changes: Sequence[Changes] | None,
        batch: Array,
    ) -> None:
        """Gather rows as they are stored, change them and write their numbers to ``batch``."""
        raw = self._raw[: indices.shape[1]]
        for k, row in enumerate(indices):
            x.take(row, raw)
            if self.augmentation is not None and changes is not None:
                self.augmentation.apply(raw, changes[k])
            x.convert(raw, batch[k])

    def _order(self, seed: int, epoch: int) -> NDArray[np.intp]:
        generator = stream(seed, "batches", epoch=epoch)
        if self.sampling == "replacement":
            return generator.integers(0, len(self.x), self.length)
        order = generator.permutation(len(self.x))[: self.length]
        return self._by_class(order, generator) if self.sampling == "sorted" else order

    def _by_class(
        self, order: NDArray[np.intp], generator: np.random.Generator
    ) -> NDArray[np.intp]:
        """Sort an epoch by class, cut it into batches and mix these."""
        order = order[np.argsort(self.y[order], kind="stable")]
        count, rest = divmod(self.length, self.batch_size)
        start = int(generator.integers(count + 1)) * self.batch_size
        smaller = order[start : start + rest]
        whole = np.delete(order, slice(start, start + rest))
        batches = whole.reshape(count, self.batch_size)[generator.permutation(count)]
        return np.concatenate([batches.ravel(), smaller])
