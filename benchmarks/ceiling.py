"""The ceiling: the matrix products of a workload alone, as a straightforward trainer makes them.

Shapes and order are those of training with the batch as the last axis, all 784 pixels, a forward
product, one for the weights' gradient and one for the input's, and the evaluations. Nothing else is
done: no gathering, no activations, no update. Several processes share the networks, or, where there
is one network only, the columns of its batches; each has one BLAS thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import Contestant
from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import CIFAR10_BATCH, CIFAR10_CONVS, CIFAR10_DENSE, FIG6_18, MNIST
from bnexp.environment import ONE_THREAD, available_cores

Array = NDArray[np.float32]
#: Examples evaluated at once.
CHUNK = 500


@dataclass(frozen=True)
class Dense:
    """Dense networks: how they are trained, and how often how many examples are evaluated."""

    widths: Sequence[int]
    batch: int
    steps: int
    every: int
    examples: int


def contestant(
    mode: str, task: Task, *, processes: int | None = None, quick: bool = False
) -> Contestant:
    """Return the ceiling of a workload, by default with one process per core."""
    cores = processes or available_cores()
    task = Task(mode, networks=task.networks, train=task.train)
    name = f"ceiling: the products alone, {cores} process{'es' * (cores > 1)}"
    return Contestant(
        name,
        "benchmarks.ceiling",
        task,
        cores,
        environment=ONE_THREAD,
        starts=1,
        learns=False,
        quick=quick,
    )


def _array(*shape: int) -> Array:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def dense_step(widths: Sequence[int], stack: int, batch: int) -> tuple[Callable[[], None], ...]:
    """Return functions that make the products forward, and those backward."""
    pairs = list(itertools.pairwise(widths))
    # Centred weights of this size keep all numbers near 1, as in training.
    W = [(_array(stack, units, inputs) - 0.5) * (12 / inputs) ** 0.5 for inputs, units in pairs]
    dW = [np.empty_like(w) for w in W]
    x = [_array(1, batch, widths[0]).transpose(0, 2, 1)]
    x += [_array(stack, units, batch) for _, units in pairs]
    dx = [_array(stack, width, batch) for width in widths]

    def forward() -> None:
        for i in range(len(W)):
            np.matmul(W[i], x[i], out=x[i + 1])

    def backward() -> None:
        for i in reversed(range(len(W))):
            np.matmul(dx[i + 1], x[i].transpose(0, 2, 1), out=dW[i])
            if i:
                np.matmul(W[i].transpose(0, 2, 1), dx[i + 1], out=dx[i])

    return forward, backward


def replay_dense(dense: Dense, networks: int, stack: int) -> Callable[[], Result]:
    """Return a function that replays the training of so many networks in stacks."""
    forward, backward = dense_step(dense.widths, stack, dense.batch)
    evaluate, _ = dense_step(dense.widths, stack, CHUNK)

    def run() -> Result:
        for _ in range(networks // stack):
            for step in range(dense.steps):
                forward()
                backward()
                if step % dense.every == 0:
                    for _ in range(dense.examples // CHUNK):
                        evaluate()
        return {"networks": networks}

    return run


def conv_products(batch: int) -> tuple[Callable[[], None], ...]:
    """Return functions for the products of the convolutions, forward and backward.

    One product for every row of the output: (filters, 9 channels) by (9 channels, width x batch).
    The windows of a row are always the same array, which stays in the cache.
    """
    layers, size = [], 32
    for index, (channels, filters, pool) in enumerate(CIFAR10_CONVS):
        columns = size * batch
        arrays = {
            "W": _array(filters, 9 * channels),
            "x": np.broadcast_to(_array(9 * channels, columns), (size, 9 * channels, columns)),
            "y": np.empty((size, filters, columns), np.float32),
            "dy": np.broadcast_to(_array(9 * filters, columns), (size, 9 * filters, columns)),
            "dW": np.empty((size, filters, 9 * channels), np.float32),
            "flipped": _array(channels, 9 * filters),
            "dx": np.empty((size, channels, columns), np.float32),
        }
        layers.append((index, arrays))
        size //= 1 + pool

    def forward() -> None:
        for _, a in layers:
            np.matmul(a["W"], a["x"], out=a["y"])

    def backward() -> None:
        for index, a in reversed(layers):
            np.matmul(a["y"], a["x"].transpose(0, 2, 1), out=a["dW"])
            if index:
                np.matmul(a["flipped"], a["dy"], out=a["dx"])

    return forward, backward


def replay_cifar10(train: int, parts: int) -> Callable[[], Result]:
    """Return a function that replays an epoch and the evaluation of the test images."""
    batch, chunk = CIFAR10_BATCH // parts, CHUNK // parts
    conv, conv_back = conv_products(batch)
    dense, dense_back = dense_step(CIFAR10_DENSE, 1, batch)
    test_conv, _ = conv_products(chunk)
    test_dense, _ = dense_step(CIFAR10_DENSE, 1, chunk)

    def run() -> Result:
        for _ in range(-(-train // CIFAR10_BATCH)):
            conv()
            dense()
            dense_back()
            conv_back()
        for _ in range(10000 // CHUNK):
            test_conv()
            test_dense()
        return {"networks": 1}

    return run


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that makes the products of this process' share."""
    networks = len(task.share(range(task.networks)))
    if task.mode == "fig6-18":
        return replay_dense(Dense(FIG6_18, 100, 191, 10, 1000), networks, stack=4)
    if task.mode == "keras-mnist":
        steps = (task.train or 60000) // 32
        # One evaluation, after the last step.
        dense = Dense(MNIST, 32, steps, steps, 10000)
        return replay_dense(dense, networks, stack=networks)
    return replay_cifar10(task.train or 50000, task.parts)


if __name__ == "__main__":
    serve(prepare)
