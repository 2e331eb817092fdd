"""cifar10-cnn in JAX, channels last: one jitted and donated step, called for every mini-batch.

A ``scan`` over the epoch took seven times as long (XLA does not thread convolutions inside loops),
and products of patches in the place of convolutions twice as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import (
    CIFAR10_BATCH,
    CIFAR10_CONVS,
    CIFAR10_DENSE,
    CIFAR10_LR,
    NORM_EPS,
    NORM_KEPT,
    dense_shapes,
    glorot,
    images,
    load,
)


def conv(x: Any, W: Any) -> Any:
    """Return the 3x3 convolution of images (N, H, W, C)."""
    return lax.conv_general_dilated(
        x, W, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def pool(x: Any) -> Any:
    """Return the largest of every 2x2."""
    count, height, width, channels = x.shape
    return x.reshape(count, height // 2, 2, width // 2, 2, channels).max((2, 4))


def normalise(x: Any, layer: Any, stat: Any, train: bool) -> tuple[Any, Any]:
    """Return batch norm over all axes but the last, and the running averages."""
    mean, var = stat
    if train:
        axes = tuple(range(x.ndim - 1))
        now, kept = (x.mean(axes), x.var(axes)), NORM_KEPT
        stat = tuple(kept * old + (1 - kept) * new for old, new in zip(stat, now, strict=True))
        mean, var = now
    return (x - mean) * (lax.rsqrt(var + NORM_EPS) * layer["gamma"]) + layer["beta"], stat


def forward(params: Any, stats: Any, x: Any, train: bool) -> tuple[Any, Any]:
    """Return logits (N, 10) and the running averages."""
    new_stats = []
    for i, (layer, stat) in enumerate(zip(params, stats, strict=False)):
        is_conv = i < len(CIFAR10_CONVS)
        x = x.reshape(len(x), -1) if not is_conv else x
        x = jax.nn.relu((conv(x, layer["W"]) if is_conv else x @ layer["W"]) + layer["b"])
        x, stat = normalise(x, layer, stat, train)
        new_stats.append(stat)
        if is_conv and CIFAR10_CONVS[i][2]:
            x = pool(x)
    return x @ params[-1]["W"] + params[-1]["b"], new_stats


def losses_of(logits: Any, y: Any) -> Any:
    """Return the loss of each example."""
    return jax.nn.logsumexp(logits, 1) - jnp.take_along_axis(logits, y[:, None], 1)[:, 0]


def adam(params: Any, grads: Any, m: Any, v: Any, count: Any) -> Any:
    """Return parameters and moments after an update of Adam."""
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    rate = CIFAR10_LR * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), params, m, v)
    return params, m, v


def train_step(carry: Any, x: Any, y: Any, chosen: Any) -> Any:
    """Return everything after one update."""
    params, stats, m, v, count, total, right = carry
    labels = y[chosen]

    def loss(params: Any) -> Any:
        logits, new_stats = forward(params, stats, x[chosen], True)
        return losses_of(logits, labels).mean(), (new_stats, (logits.argmax(1) == labels).sum())

    (value, (stats, more)), grads = jax.value_and_grad(loss, has_aux=True)(params)
    count = count + 1
    params, m, v = adam(params, grads, m, v, count)
    return params, stats, m, v, count, total + value * len(chosen), right + more


def evaluate(params: Any, stats: Any, x: Any, y: Any) -> Any:
    """Return the sum of losses and how many are right."""
    logits, _ = forward(params, stats, x, False)
    return losses_of(logits, y).sum(), (logits.argmax(1) == y).sum()


def begin() -> Any:
    """Return fresh parameters, running averages, moments, and counts."""
    shapes = [(filters, channels, 3, 3) for channels, filters, _ in CIFAR10_CONVS]
    params, stats = [], []
    for W in glorot([*shapes, *dense_shapes(CIFAR10_DENSE)]):
        units = len(W)
        params.append({"W": W.transpose(2, 3, 1, 0) if W.ndim == 4 else W.T})
        params[-1]["b"] = np.zeros(units, np.float32)
        params[-1] |= {"gamma": np.ones(units, np.float32), "beta": np.zeros(units, np.float32)}
        stats.append((np.zeros(units, np.float32), np.ones(units, np.float32)))
    del params[-1]["gamma"], params[-1]["beta"]
    params = jax.tree.map(jnp.array, params)
    m, v = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
    return params, jax.tree.map(jnp.array, stats[:-1]), m, v, 0.0, 0.0, 0


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains the network for one epoch."""
    data = load("cifar10", task.train)
    x, x_test = jnp.asarray(images(data.x_train)), images(data.x_test)
    y, y_test = jnp.asarray(data.y_train), np.asarray(data.y_test)
    step = jax.jit(train_step, donate_argnums=0)
    measure = jax.jit(evaluate)
    rng = np.random.default_rng(0)

    def run() -> Result:
        carry, order = begin(), rng.permutation(len(x))
        for start in range(0, len(order), CIFAR10_BATCH):
            carry = step(carry, x, y, order[start : start + CIFAR10_BATCH])
        measured = [
            measure(*carry[:2], x_test[start : start + 1000], y_test[start : start + 1000])
            for start in range(0, len(x_test), 1000)
        ]
        accuracy = sum(int(right) for _, right in measured) / len(x_test)
        return {"accuracy": accuracy, "loss": float(carry[5]) / len(x)}

    return run


if __name__ == "__main__":
    serve(prepare)
