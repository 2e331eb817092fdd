"""The networks of Fig. 6-18 in a NumPy loop written for speed: float32, one network after another.

Arrays are (batch, features); what a step needs is allocated once and reused, sums over the batch
are products with a row of ones, and evaluation folds batch norm into one multiplication and one
addition.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import (
    FIG6_18,
    FIG6_18_BATCH,
    FIG6_18_EVERY,
    FIG6_18_LR,
    FIG6_18_SCALES,
    Floats,
    Ints,
    fig6_18_batches,
    fig6_18_data,
    unit_normals,
)

EPS = np.float32(1e-6)


class Network:
    """One network with the arrays of its steps."""

    def __init__(self, normals: list[Floats], scale: float, norm: bool) -> None:
        self.norm = norm
        self.W = [np.ascontiguousarray(weights.T) * np.float32(scale) for weights in normals]
        self.b = [np.zeros(W.shape[1], np.float32) for W in self.W]
        self.dW = [np.empty_like(W) for W in self.W]
        hidden = FIG6_18[1:-1] if norm else []
        self.gamma = [np.ones(units, np.float32) for units in hidden]
        self.beta = [np.zeros(units, np.float32) for units in hidden]
        self.mean = [np.zeros(units, np.float32) for units in hidden]
        self.var = [np.zeros(units, np.float32) for units in hidden]
        sizes = [(FIG6_18_BATCH, units) for units in FIG6_18[1:]]
        self.z = [np.empty(size, np.float32) for size in sizes]  # centred and scaled by norm
        self.h = [np.empty(size, np.float32) for size in sizes]  # the next layer's input
        self.scratch = np.empty((FIG6_18_BATCH, 100), np.float32)
        self.ones = np.ones(FIG6_18_BATCH, np.float32)
        self.inv_std = [np.empty(0, np.float32)] * len(self.W)

    def step(self, x: Floats, y: Ints) -> None:
        """Make one update."""
        last = len(self.W) - 1
        h = x
        for i, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            z = np.matmul(h, W, out=self.z[i])
            if i == last:
                z += b
                break
            # In front of batch norm a bias has no effect and no gradient.
            h = self._normalise(i, z) if self.norm else np.add(z, b, out=self.h[i])
            np.maximum(h, 0, out=h)
        dy = softmax(self.z[last])
        dy[np.arange(len(y)), y] -= 1
        dy *= np.float32(1 / len(y))
        for i in range(last, -1, -1):
            np.matmul((self.h[i - 1] if i else x).T, dy, out=self.dW[i])
            db = self.ones @ dy
            if i:
                dh = np.matmul(dy, self.W[i].T, out=self.scratch)
                dh *= self.h[i - 1] > 0
            self.dW[i] *= np.float32(FIG6_18_LR)
            self.W[i] -= self.dW[i]
            if i == last or not self.norm:
                self.b[i] -= np.float32(FIG6_18_LR) * db
            if i:
                # The scratch is free again once the gradient is where the activations were.
                dy = self._backward(i - 1, dh) if self.norm else self._keep(i - 1, dh)

    def _normalise(self, i: int, z: Floats) -> Floats:
        mean = (self.ones @ z) * np.float32(1 / len(z))
        z -= mean
        var = np.einsum("ij,ij->j", z, z) * np.float32(1 / len(z))
        self.inv_std[i] = 1 / np.sqrt(var + EPS)
        z *= self.inv_std[i]
        for kept, new in ((self.mean[i], mean), (self.var[i], var)):
            kept *= np.float32(0.9)
            kept += np.float32(0.1) * new
        h = np.multiply(z, self.gamma[i], out=self.h[i])
        h += self.beta[i]
        return h

    def _backward(self, i: int, dh: Floats) -> Floats:
        z = self.z[i]
        dbeta, dgamma = self.ones @ dh, np.einsum("ij,ij->j", dh, z)
        # dz = gamma / std * (dh - mean(dh) - z * mean(dh * z)), in the place of z.
        z *= dgamma * np.float32(-1 / len(z))
        z += dh
        z -= dbeta * np.float32(1 / len(z))
        z *= self.gamma[i] * self.inv_std[i]
        self.gamma[i] -= np.float32(FIG6_18_LR) * dgamma
        self.beta[i] -= np.float32(FIG6_18_LR) * dbeta
        return z

    def _keep(self, i: int, dh: Floats) -> Floats:
        np.copyto(self.z[i], dh)
        return self.z[i]

    def measure(self, x: Floats, y: Ints) -> tuple[float, float]:
        """Return loss and accuracy in evaluation mode."""
        for i, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            x = x @ W
            if i == len(self.W) - 1:
                x += b
                break
            if self.norm:
                factor = self.gamma[i] / np.sqrt(self.var[i] + EPS)
                x *= factor
                x += self.beta[i] - factor * self.mean[i]
            else:
                x += b
            np.maximum(x, 0, out=x)
        accuracy = float((x.argmax(1) == y).mean())
        p = softmax(x)[np.arange(len(y)), y]
        return float(-np.log(p + np.float32(1e-30)).mean()), accuracy


def softmax(z: Floats) -> Floats:
    """Turn logits (N, classes) into probabilities, in place."""
    z -= z.max(1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(1, keepdims=True)
    return z


def train_network(x: Floats, y: Ints, batches: Ints, network: Network) -> float:
    """Train one network and return its last accuracy."""
    batch = np.empty((FIG6_18_BATCH, x.shape[1]), np.float32)
    for step, chosen in enumerate(batches):
        network.step(np.take(x, chosen, axis=0, out=batch, mode="clip"), y[chosen])
        if step % FIG6_18_EVERY == 0:
            _, accuracy = network.measure(x, y)
    return accuracy


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains this process' networks."""
    x, y = fig6_18_data()
    batches, normals = fig6_18_batches(), unit_normals(FIG6_18)
    pairs = list(itertools.product(task.share(FIG6_18_SCALES), (True, False)))

    def run() -> Result:
        with np.errstate(all="ignore"):
            accuracies = [
                train_network(x, y, batches, Network(normals, scale, norm)) for scale, norm in pairs
            ]
        return {"accuracy": max(accuracies), "networks": len(pairs)}

    return run


if __name__ == "__main__":
    serve(prepare)
