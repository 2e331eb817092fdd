"""Softmax cross-entropy of a stack: loss, gradient, and how many answers are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.nn.layer import Array

Labels = NDArray[np.intp]


class SoftmaxCrossEntropy:
    """-log softmax(logits)[label], for logits (K, C, B) and integer labels (K or 1, B).

    ``smoothing`` is a (K,) array of shares s in [0, 1], or None for none: the loss of a run is then
    the cross-entropy with the target (1 - s) onehot + s / C (label smoothing, Szegedy et al., arXiv
    1512.00567, section 7). Where s is 0 it is off. ``TrainingLoss`` has its gradient.
    """

    def __init__(self, smoothing: Array | None = None) -> None:
        self.smoothing = np.zeros(1) if smoothing is None else np.asarray(smoothing, np.float64)
        self._smoothed = np.flatnonzero(self.smoothing)

    def measure(self, logits: Array, labels: Labels) -> tuple[Array, NDArray[np.intp]]:
        """Return each run's summed loss (K,), in float64 nats, and its right answers (K,).

        An answer is the first class of largest logit. A logit that is infinite or not a number
        gives a loss that is not finite, but for -inf at a wrong class, which is probability 0. The
        logits are C-contiguous, and overwritten.
        """
        runs, _, batch = logits.shape
        at, is_top = places(logits.shape) + labels * batch, np.empty(logits.shape, bool)
        chosen = np.empty((runs, batch), logits.dtype)
        sums = np.empty((runs, 1, batch), logits.dtype)
        self.exponentials(logits, at, chosen, sums, is_top)
        right = right_answers(is_top, is_top.reshape(-1).take(at), labels)
        return summed_losses(chosen, sums), right

    def exponentials(
        self, logits: Array, at: Labels, chosen: Array, sums: Array, is_top: Array | None
    ) -> None:
        """Overwrite logits (K, C, B) with exp(z), where z are logits less the example's largest.

        ``chosen`` (K, B) becomes the z of the target, taken from the places ``at`` if it is the
        label; ``sums`` (K, 1, B) the sum over the classes; ``is_top`` where z is 0, unless None.
        """
        top = np.maximum.reduce(logits, axis=1, keepdims=True, out=sums)
        z = np.subtract(logits, top, out=logits)
        if is_top is not None:
            np.equal(z, 0, out=is_top)
        # The places are in range; mode="raise" would gather into a copy first.
        z.reshape(-1).take(at, out=chosen, mode="clip")
        for k in self._smoothed:
            share = z.dtype.type(self.smoothing[k])
            chosen[k] *= 1 - share
            chosen[k] += z[k].sum(axis=0) * (share / len(z[k]))
        np.exp(z, out=z)
        np.add.reduce(z, axis=1, keepdims=True, out=sums)


class TrainingLoss:
    """The loss of one mini-batch after the other: gradients at once, losses and answers later.

    A small operation of NumPy's takes longer to begin than to do, so what no update needs is worked
    out for several batches together. The gradient is that of the batch's mean loss: (softmax -
    target) / B. ``counts`` says whether right answers are asked for.
    """

    def __init__(self, loss: SoftmaxCrossEntropy, *, counts: bool = True) -> None:
        self.loss, self.counts = loss, counts
        self._blocks: dict[tuple[int, ...], _Block] = {}

    def start(self, labels: Labels) -> None:
        """Take the labels (K or 1, N) of the batches to come, of which the last may be smaller."""
        self._labels = labels
        self._position = self._step = self._collected = self._end = 0

    @property
    def is_full(self) -> bool:
        """Whether ``collect`` must be called before the next batch."""
        return self._step == self._end

    def gradient(self, logits: Array) -> Array:
        """Overwrite the logits (K, C, B) of the next batch, C-contiguous, with their gradient."""
        if self._step == self._end:
            self._begin(logits)
        at, target, chosen, sums, is_top = self._block.steps[self._step]
        self._step += 1
        self.loss.exponentials(logits, at, chosen, sums, is_top if self.counts else None)
        total = np.multiply(sums, self._block.batch, out=self._block.total)
        np.divide(logits, total, out=logits)
        np.subtract(logits, target, out=logits)
        return logits

    def collect(self) -> tuple[Array, NDArray[np.intp]]:
        """Return what ``measure`` gives, of every batch since the last call: each (K, batches)."""
        steps = slice(self._collected, self._step)
        self._collected = self._step
        block = self._block
        losses = summed_losses(block.chosen[steps], block.sums[steps])
        right = np.zeros(losses.shape, np.intp)
        if self.counts:
            is_top = block.is_top[steps]
            offsets = np.arange(len(is_top))[:, None, None] * is_top[0].size
            found = is_top.reshape(-1).take(block.at[steps] + offsets)
            right = right_answers(is_top, found, block.labels[steps])
        return np.ascontiguousarray(losses.T), np.ascontiguousarray(right.T)

    def _begin(self, logits: Array) -> None:
        """Take up the next batches, all of the size of this one."""
        if self._collected < self._end:
            raise RuntimeError("the losses of earlier batches have not been collected")
        batch = logits.shape[2]
        block = self._blocks.get(logits.shape)
        if block is None:
            block = self._blocks[logits.shape] = _Block(logits, self.loss.smoothing, self._labels)
        rest = self._labels[:, self._position :]
        self._end = min(len(block.steps), rest.shape[1] // batch)
        self._step = self._collected = 0
        self._position += self._end * batch
        block.load(rest[:, : self._end * batch].reshape(len(rest), self._end, batch))
        self._block = block


class _Block:
    """The arrays of several batches of one size, whatever their labels: (batches, ...) each."""

    def __init__(self, logits: Array, smoothing: Array, labels: Labels) -> None:
        runs, classes, batch = logits.shape
        # Part of a result's bits: a constant, or of the run's own numbers only.
        count = max(1, min(64, 2**14 // (classes * batch)))
        dtype = logits.dtype
        own = runs if smoothing.any() else len(labels)
        self.target = np.empty((count, own, classes, batch), dtype)
        self.labels = np.empty((count, len(labels), batch), np.intp)
        self.at = np.empty((count, runs, batch), np.intp)
        self.chosen = np.empty((count, runs, batch), dtype)
        self.sums = np.empty((count, runs, 1, batch), dtype)
        self.is_top = np.empty((count, *logits.shape), bool)
        self.total = np.empty_like(self.sums[0])
        self.batch = np.array(batch, dtype)
        self.steps = list(
            zip(self.at, self.target, self.chosen, self.sums, self.is_top, strict=True)
        )
        self.places, self.classes = places(logits.shape), np.arange(classes)[:, None]
        shares = smoothing[:, None, None] if smoothing.any() else np.zeros((1, 1, 1))
        self.of_label = ((1 - shares) / batch).astype(dtype)
        self.of_all = (shares / (classes * batch)).astype(dtype)

    def load(self, labels: Labels) -> None:
        """Take the labels (K or 1, batches, B), of no more batches than there is room for."""
        steps = slice(labels.shape[1])
        self.labels[steps] = labels.swapaxes(0, 1)
        np.add(self.places, self.labels[steps] * labels.shape[2], out=self.at[steps])
        is_label = self.labels[steps, :, None] == self.classes
        np.multiply(is_label, self.of_label, out=self.target[steps])
        if self.of_all.any():
            self.target[steps] += self.of_all


def places(shape: tuple[int, ...]) -> Labels:
    """Return where in all logits (K, C, B) each example's first class is, (K, B)."""
    runs, classes, batch = shape
    return np.arange(runs)[:, None] * (classes * batch) + np.arange(batch)


def summed_losses(chosen: Array, sums: Array) -> Array:
    """Return the losses (...,) of each batch in float64, from (..., B) and (..., 1, B)."""
    losses = np.log(sums[..., 0, :])
    losses -= chosen
    total: Array = np.add.reduce(losses.astype(np.float64), axis=-1)
    return total


def right_answers(is_top: Array, label_is_top: Array, labels: Labels) -> NDArray[np.intp]:
    """Count right answers, (...,): of tops (..., C, B), the labels among them, labels (..., B)."""
    if (np.add.reduce(is_top, axis=-2) != 1).any():  # a tie, or what is not a number
        label_is_top = is_top.argmax(axis=-2) == labels
    right: NDArray[np.intp] = np.add.reduce(label_is_top, axis=-1, dtype=np.intp)
    return right
