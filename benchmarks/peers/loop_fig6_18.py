"""The same experiment as a plain NumPy loop: float64, one network after another, textbook layout.

This is what a careful reader of a deep learning textbook writes: arrays are (batch, features), one
class per layer, nothing stacked, nothing reused.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import FIG6_18_SCALES, fig6_18_data

Array = NDArray[np.float64]


class Affine:
    """y = x W + b."""

    def __init__(self, W: Array, units: int) -> None:
        self.params = {"W": W, "b": np.zeros(units)}

    def forward(self, x: Array, train: bool) -> Array:
        """Return the output."""
        self.x = x
        y: Array = x @ self.params["W"] + self.params["b"]
        return y

    def backward(self, dy: Array) -> Array:
        """Keep the gradients and return the input's."""
        self.grads = {"W": self.x.T @ dy, "b": dy.sum(axis=0)}
        dx: Array = dy @ self.params["W"].T
        return dx


class BatchNorm:
    """Batch norm with running averages from 0, momentum 0.9 and eps 1e-6."""

    def __init__(self, units: int) -> None:
        self.params = {"gamma": np.ones(units), "beta": np.zeros(units)}
        self.mean, self.var = np.zeros(units), np.zeros(units)

    def forward(self, x: Array, train: bool) -> Array:
        """Return the output."""
        if train:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.mean = 0.9 * self.mean + 0.1 * mean
            self.var = 0.9 * self.var + 0.1 * var
        else:
            mean, var = self.mean, self.var
        self.std = np.sqrt(var + 1e-6)
        self.h = (x - mean) / self.std
        y: Array = self.params["gamma"] * self.h + self.params["beta"]
        return y

    def backward(self, dy: Array) -> Array:
        """Keep the gradients and return the input's."""
        self.grads = {"gamma": (dy * self.h).sum(axis=0), "beta": dy.sum(axis=0)}
        dh = dy * self.params["gamma"]
        dx: Array = (dh - dh.mean(axis=0) - self.h * (dh * self.h).mean(axis=0)) / self.std
        return dx


class Relu:
    """max(x, 0)."""

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}

    def forward(self, x: Array, train: bool) -> Array:
        """Return the output."""
        self.mask = x > 0
        return x * self.mask

    def backward(self, dy: Array) -> Array:
        """Return the input's gradient."""
        return dy * self.mask


def train_network(
    x: Array, y: NDArray[np.intp], scale: float, norm: bool, *, epochs: int = 20, seed: int = 0
) -> tuple[list[float], list[float]]:
    """Train one network of the book's Fig. 6-18; return its training losses and accuracies.

    It goes on when the loss is not finite, as the book's does.
    """
    rng = np.random.default_rng(seed)
    widths = [x.shape[1], 100, 100, 100, 100, 100, 10]
    layers: list[Any] = []
    for i, (inputs, units) in enumerate(itertools.pairwise(widths)):
        layers.append(Affine(scale * rng.standard_normal((inputs, units)), units))
        if i < len(widths) - 2:
            layers.extend([BatchNorm(units), Relu()] if norm else [Relu()])
    losses, accuracies = [], []
    for step in range((epochs - 1) * 10 + 1):
        chosen = rng.integers(0, len(x), 100)
        z = x[chosen]
        for layer in layers:
            z = layer.forward(z, True)
        p = softmax(z)
        p[np.arange(100), y[chosen]] -= 1
        p /= 100
        for layer in reversed(layers):
            p = layer.backward(p)
        for layer in layers:
            for name, param in layer.params.items():
                param -= 0.01 * layer.grads[name]
        if step % 10 == 0:
            z = x
            for layer in layers:
                z = layer.forward(z, False)
            losses.append(cross_entropy(softmax(z), y))
            accuracies.append(float((z.argmax(axis=1) == y).mean()))
    return losses, accuracies


def softmax(z: Array) -> Array:
    """Return the probabilities of logits (N, classes)."""
    p: Array = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p


def cross_entropy(p: Array, y: NDArray[np.intp]) -> float:
    """Return the mean of -log p[label]."""
    return float(-np.log(p[np.arange(len(y)), y] + 1e-300).mean())


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains this process' networks."""
    x, y = fig6_18_data(np.float64)
    scales = task.share(FIG6_18_SCALES)

    def run() -> Result:
        with np.errstate(all="ignore"):
            finals = [
                train_network(x, y, scale, norm)[1][-1]
                for scale in scales
                for norm in (True, False)
            ]
        return {"accuracy": max(finals), "networks": len(finals)}

    return run


if __name__ == "__main__":
    serve(prepare)
