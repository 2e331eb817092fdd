"""Softmax cross-entropy of a stack: loss, gradient, and how many answers are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.nn.layer import Array


class SoftmaxCrossEntropy:
    """-log softmax(logits)[label], for logits (K, C, B) and integer labels (K or 1, B).

    ``smoothing`` is a (K,) array of shares s in [0, 1], or None for none: the loss of a run is then
    the cross-entropy with the target (1 - s) onehot + s / C (label smoothing, Szegedy et al., arXiv
    1512.00567, section 7). Where s is 0 it is off.

    ``measure`` overwrites the logits with what ``gradient`` needs: exponentials shifted by the
    maximum over the classes. The gradient of the batch's mean loss is (softmax - target) / B.
    """

    def __init__(self, smoothing: Array | None = None) -> None:
        shares = np.zeros(1) if smoothing is None else np.asarray(smoothing, np.float64)
        self._smoothing = shares
        self._smoothed = np.flatnonzero(shares)
        self._places: dict[tuple[int, ...], NDArray[np.intp]] = {}

    def measure(
        self, logits: Array, labels: NDArray[np.intp], *, count: bool = True
    ) -> tuple[Array, NDArray[np.intp]]:
        """Return each run's summed loss (K,), in float64 nats, and its right answers (K,).

        An answer is the first class of largest logit; without ``count`` none is looked at. A logit
        that is infinite or not a number gives a loss that is not finite, but for -inf at a wrong
        class, which is probability 0. The logits are C-contiguous.
        """
        self._at = self._first_class(logits.shape) + labels * logits.shape[2]
        top = np.maximum.reduce(logits, axis=1, keepdims=True)
        right = self._count_right(logits, top, labels) if count else np.zeros(len(logits), np.intp)
        np.subtract(logits, top, out=logits)
        self._exp, self._flat = logits, logits.reshape(-1)
        loss = self._flat.take(self._at)
        np.negative(loss, out=loss)
        for k in self._smoothed:
            self._smooth(loss[k], logits[k], self._smoothing[k])
        np.exp(logits, out=logits)
        self._sum = np.add.reduce(logits, axis=1, keepdims=True)
        loss += np.log(self._sum[:, 0])
        return np.add.reduce(loss.astype(np.float64), axis=1), right

    def gradient(self) -> Array:
        """Return the gradient of the mean loss with respect to the logits (K, C, B)."""
        _, classes, batch = self._exp.shape
        self._sum *= batch
        np.divide(self._exp, self._sum, out=self._exp)
        at_label = ((1 - self._smoothing) / batch).astype(self._exp.dtype)
        self._flat[self._at] -= at_label[:, None]
        for k in self._smoothed:
            self._exp[k] -= self._exp.dtype.type(self._smoothing[k] / (classes * batch))
        return self._exp

    def _first_class(self, shape: tuple[int, ...]) -> NDArray[np.intp]:
        """Return where in all logits each example's first class is, (K, B)."""
        places = self._places.get(shape)
        if places is None:
            runs, classes, batch = shape
            places = np.arange(runs)[:, None] * (classes * batch) + np.arange(batch)
            self._places[shape] = places
        return places

    @staticmethod
    def _smooth(loss: Array, logits: Array, share: float) -> None:
        """Turn a run's -logits of the labels (B,) into those of its targets, logits (C, B)."""
        loss *= loss.dtype.type(1 - share)
        loss -= logits.sum(axis=0) * loss.dtype.type(share / len(logits))

    def _count_right(self, logits: Array, top: Array, labels: NDArray[np.intp]) -> NDArray[np.intp]:
        is_top = logits == top
        if (np.add.reduce(is_top, axis=1, keepdims=True) == 1).all():
            # No ties, nothing that is not a number: a third of what argmax takes.
            found = is_top.reshape(-1).take(self._at)
        else:
            found = logits.argmax(axis=1) == labels
        right: NDArray[np.intp] = np.add.reduce(found, axis=1, dtype=np.intp)
        return right
