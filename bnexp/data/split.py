"""Which training examples are held out for validation, and which labels are made wrong.

Both are drawn from ``data.seed``, never from the seed of a run: runs of all seeds have the same
examples.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from bnexp.streams import stream

Labels = npt.NDArray[np.intp]


def hold_out(
    labels: Labels, count: int, *, kind: Literal["stratified", "plain"], seed: int
) -> tuple[Labels, Labels]:
    """Return which examples to train on and which ``count`` to hold out, each in original order.

    ``plain`` holds out the first of a permutation. ``stratified`` takes from every class, in the
    order of the same permutation, its share of ``count``: rounded down, and one more for those with
    the largest remainders (of equal ones, the lower class).
    """
    order = stream(seed, "split").permutation(len(labels))
    if kind == "stratified":
        sizes = np.bincount(labels)
        shares = sizes * count // len(labels)
        remainders = sizes * count % len(labels)
        left = count - int(shares.sum())
        shares[np.argsort(-remainders, kind="stable")[:left]] += 1
        of_class = (order[labels[order] == label][:share] for label, share in enumerate(shares))
        held = np.concatenate(list(of_class))
    else:
        held = order[:count]
    is_held = np.zeros(len(labels), bool)
    is_held[held] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def with_noise(labels: Labels, share: float, *, classes: int, seed: int) -> Labels:
    """Return labels of which the nearest whole number to ``share`` of all is replaced.

    Which ones and by what is drawn, each of the other classes with the same probability; what a
    smaller share replaces, a larger one replaces alike.
    """
    generator = stream(seed, "labels")
    order = generator.permutation(len(labels))
    steps = generator.integers(1, classes, len(labels))
    wrong = order[: math.floor(share * len(labels) + 0.5)]
    noisy: Labels = labels.copy()
    noisy[wrong] = (labels[wrong] + steps[wrong]) % classes
    return noisy
