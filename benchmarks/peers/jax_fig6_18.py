"""The networks of Fig. 6-18 in JAX: each whole run is one jitted function, or all of them are.

A run is one ``scan`` over its 191 steps with the evaluation inside. ``each`` calls it once per
network (the scale is an argument, so it is compiled once per arm), ``vmap`` once per arm.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import (
    FIG6_18,
    FIG6_18_EVERY,
    FIG6_18_LR,
    FIG6_18_SCALES,
    fig6_18_batches,
    fig6_18_data,
    unit_normals,
)


def forward(params: Any, stats: Any, x: Any, norm: bool, train: bool) -> tuple[Any, Any]:
    """Return logits (N, 10) and, in training, the new running averages."""
    new_stats = []
    for i, layer in enumerate(params):
        x = x @ layer["W"]
        if "b" in layer:
            x = x + layer["b"]
        if i == len(params) - 1:
            break
        if norm:
            mean, var = stats[i]
            if train:
                batch_mean, batch_var = x.mean(0), x.var(0)
                new_stats.append((0.9 * mean + 0.1 * batch_mean, 0.9 * var + 0.1 * batch_var))
                mean, var = batch_mean, batch_var
            x = (x - mean) * (lax.rsqrt(var + 1e-6) * layer["gamma"]) + layer["beta"]
        x = jax.nn.relu(x)
    return x, new_stats


def cross_entropy(logits: Any, y: Any) -> Any:
    """Return the mean loss."""
    chosen = jnp.take_along_axis(logits, y[:, None], 1)[:, 0]
    return (jax.nn.logsumexp(logits, 1) - chosen).mean()


def train(scale: Any, normals: Any, x: Any, y: Any, batches: Any, *, norm: bool) -> Any:
    """Return the losses and accuracies at every step; those not evaluated are zero."""
    params, stats = [], []
    for i, weights in enumerate(normals):
        units = len(weights)
        params.append({"W": scale * weights.T})
        if norm and i < len(normals) - 1:  # where a bias has no effect
            params[-1] |= {"gamma": jnp.ones(units), "beta": jnp.zeros(units)}
            stats.append((jnp.zeros(units), jnp.zeros(units)))
        else:
            params[-1] |= {"b": jnp.zeros(units)}

    def loss(params: Any, stats: Any, chosen: Any) -> Any:
        logits, new_stats = forward(params, stats, x[chosen], norm, True)
        return cross_entropy(logits, y[chosen]), new_stats

    def evaluate(params: Any, stats: Any) -> Any:
        logits, _ = forward(params, stats, x, norm, False)
        return cross_entropy(logits, y), (logits.argmax(1) == y).mean()

    def step(carry: Any, now: Any) -> Any:
        params, stats = carry
        index, chosen = now
        grads, new_stats = jax.grad(loss, has_aux=True)(params, stats, chosen)
        params = jax.tree.map(lambda p, g: p - FIG6_18_LR * g, params, grads)
        is_due = index % FIG6_18_EVERY == 0
        nothing = jnp.zeros(()), jnp.zeros(())
        metrics = lax.cond(is_due, evaluate, lambda *_: nothing, params, new_stats)
        return (params, new_stats), metrics

    steps = jnp.arange(len(batches)), batches
    return lax.scan(step, (params, stats), steps)[1]


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains this process' networks."""
    if task.parts > 1:
        task.stay_on_one_core()
    data = [jnp.asarray(array) for array in (*fig6_18_data(), fig6_18_batches())]
    normals = [jnp.asarray(weights) for weights in unit_normals(FIG6_18)]
    scales = jnp.asarray(list(task.share(FIG6_18_SCALES)))
    functions = [partial(train, norm=norm) for norm in (True, False)]
    if task.mode == "vmap":
        functions = [jax.vmap(one, in_axes=(0, None, None, None, None)) for one in functions]
    arms = [jax.jit(function) for function in functions]

    def run() -> Result:
        parts = [scales] if task.mode == "vmap" else list(scales)
        pending = [arm(part, normals, *data) for arm in arms for part in parts]
        accuracies = [float(accuracy[..., -1].max()) for _, accuracy in pending]
        return {"accuracy": max(accuracies), "networks": 2 * len(scales)}

    return run


if __name__ == "__main__":
    serve(prepare)
