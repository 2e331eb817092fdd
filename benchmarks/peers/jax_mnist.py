"""keras-mnist in JAX: the epoch is one jitted ``scan``; several networks are ``vmap``-ed.

The parameters are donated. Loss and accuracy of the mini-batches are added up on the way.
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
    MNIST,
    MNIST_BATCH,
    MNIST_LR,
    NORM_EPS,
    NORM_KEPT,
    dense_shapes,
    gains,
    glorot,
    load,
)


def forward(params: Any, stats: Any, x: Any, train: bool) -> tuple[Any, Any]:
    """Return logits (N, 10) and, in training, the new running averages."""
    *hidden, last = params
    new_stats: list[Any] = []
    for layer, stat in zip(hidden, stats, strict=True):
        x = x @ layer["W"]
        mean, var = stat
        if train:
            now = x.mean(0), x.var(0)
            pairs = zip(stat, now, strict=True)
            new_stats.append(tuple(NORM_KEPT * old + (1 - NORM_KEPT) * new for old, new in pairs))
            mean, var = now
        x = jax.nn.relu((x - mean) * (lax.rsqrt(var + NORM_EPS) * layer["gamma"]) + layer["beta"])
    return x @ last["W"] + last["b"], new_stats


def losses_of(logits: Any, y: Any) -> Any:
    """Return the loss of each example."""
    chosen = jnp.take_along_axis(logits, y[:, None], 1)[:, 0]
    return jax.nn.logsumexp(logits, 1) - chosen


def train_epoch(params: Any, stats: Any, x: Any, y: Any, batches: Any) -> Any:
    """Return parameters and averages after an epoch, and the sums of loss and right answers."""

    def loss(params: Any, stats: Any, chosen: Any) -> Any:
        labels = y[chosen]
        logits, new_stats = forward(params, stats, x[chosen], True)
        right = (logits.argmax(1) == labels).sum()
        return losses_of(logits, labels).mean(), (new_stats, right)

    def step(carry: Any, chosen: Any) -> Any:
        params, stats, total, right = carry
        (value, (stats, more)), grads = jax.value_and_grad(loss, has_aux=True)(
            params, stats, chosen
        )
        params = jax.tree.map(lambda p, g: p - MNIST_LR * g, params, grads)
        return (params, stats, total + value, right + more), None

    return lax.scan(step, (params, stats, 0.0, 0), batches)[0]


def evaluate(params: Any, stats: Any, x: Any, y: Any) -> Any:
    """Return loss and accuracy."""
    logits, _ = forward(params, stats, x, False)
    return losses_of(logits, y).mean(), (logits.argmax(1) == y).mean()


def begin(factor: float) -> tuple[Any, Any]:
    """Return fresh parameters and running averages."""
    params, stats = [], []
    for W in glorot(dense_shapes(MNIST)):
        units = len(W)
        params.append({"W": factor * W.T})
        if units == MNIST[-1]:
            params[-1]["b"] = np.zeros(units, np.float32)
        else:
            params[-1] |= {"gamma": np.ones(units, np.float32), "beta": np.zeros(units, np.float32)}
            stats.append((np.zeros(units, np.float32), np.ones(units, np.float32)))
    return params, stats


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains this process' networks for one epoch."""
    if task.threads == 1:
        task.stay_on_one_core()
    data = load("mnist", task.train)
    x, y = jnp.asarray(data.x_train), jnp.asarray(data.y_train)
    test = jnp.asarray(data.x_test), jnp.asarray(data.y_test)
    factors = list(task.share(gains(task.networks)))
    stacked = task.mode == "vmap"
    train, measure = train_epoch, evaluate
    if stacked:
        train = jax.vmap(train, in_axes=(0, 0, None, None, None))
        measure = jax.vmap(measure, in_axes=(0, 0, None, None))
    train, measure = jax.jit(train, donate_argnums=(0, 1)), jax.jit(measure)
    rng = np.random.default_rng(0)

    def run() -> Result:
        networks = [begin(factor) for factor in factors]
        if stacked:
            networks = [jax.tree.map(lambda *arrays: np.stack(arrays), *networks)]
        accuracies, losses = [], []
        for params, stats in networks:
            order = rng.permutation(len(x))[: len(x) // MNIST_BATCH * MNIST_BATCH]
            batches = jnp.asarray(order.reshape(-1, MNIST_BATCH))
            params, stats, total, _ = train(params, stats, x, y, batches)
            accuracies.append(np.min(measure(params, stats, *test)[1]))
            losses.append(np.max(total) / len(batches))
        return {"accuracy": float(min(accuracies)), "loss": float(max(losses))}

    return run


if __name__ == "__main__":
    serve(prepare)
