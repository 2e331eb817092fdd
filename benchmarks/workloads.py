"""What all contestants of a workload have in common: examples, batches and initial weights.

The numbers are those of the configs of the same names; a test compares them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.data import Dataset, load_dataset

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

FIG6_18 = [784, 100, 100, 100, 100, 100, 10]
FIG6_18_SCALES: list[float] = np.logspace(0, -4, 16).tolist()
FIG6_18_STEPS, FIG6_18_BATCH, FIG6_18_EVERY, FIG6_18_LR = 191, 100, 10, 0.01

MNIST = [784, 50, 20, 10]
MNIST_BATCH, MNIST_LR = 32, 0.01

#: Filters, and whether a pool follows; then the dense layer.
CIFAR10_CONVS = [(3, 8, False), (8, 8, True), (8, 16, False), (16, 16, True)]
CIFAR10_DENSE = [1024, 256, 10]
CIFAR10_BATCH, CIFAR10_LR = 256, 1e-3

#: The norm of keras-mnist and cifar10-cnn: Keras's defaults.
NORM_EPS, NORM_KEPT = 1e-3, 0.99


def fig6_18_data(dtype: Any = np.float32) -> tuple[NDArray[Any], Ints]:
    """Return the 1000 images (1000, 784) and their labels."""
    data = load_dataset("mnist", train=1000, test=0, dtype=dtype)
    return np.asarray(data.x_train), np.asarray(data.y_train)


def fig6_18_batches(seed: int = 0) -> Ints:
    """Return the examples of every step (steps, batch), drawn with replacement."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1000, (FIG6_18_STEPS, FIG6_18_BATCH))


def unit_normals(widths: Sequence[int], seed: int = 0) -> list[Floats]:
    """Return standard normal weights (out, in) of dense layers."""
    rng = np.random.default_rng(seed)
    pairs = itertools.pairwise(widths)
    return [rng.standard_normal((units, inputs), np.float32) for inputs, units in pairs]


def glorot(shapes: Sequence[tuple[int, ...]], seed: int = 0) -> list[Floats]:
    """Return Glorot's uniform weights of shapes (out, in) or (out, in, height, width)."""
    rng = np.random.default_rng(seed)
    weights = []
    for shape in shapes:
        field = int(np.prod(shape[2:]))
        limit = (6 / (field * (shape[0] + shape[1]))) ** 0.5
        weights.append(rng.uniform(-limit, limit, shape).astype(np.float32))
    return weights


def dense_shapes(widths: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the shapes (out, in) of dense layers."""
    return [(units, inputs) for inputs, units in itertools.pairwise(widths)]


def load(name: str, train: int) -> Dataset:
    """Return a dataset with its first ``train`` examples (0: all) and all of its test set."""
    return load_dataset(name, train=train or "all")


def images(rows: Any) -> Floats:
    """Return CIFAR-10's rows (N, features) as images (N, height, width, channels)."""
    x = np.asarray(rows).reshape(-1, 32, 3, 32).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(x, np.float32)


def gains(networks: int) -> list[float]:
    """Return what the initial weights of each network are multiplied with."""
    return np.geomspace(2, 0.5, networks).tolist() if networks > 1 else [1.0]
