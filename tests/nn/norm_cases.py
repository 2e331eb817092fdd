"""Norms of every kind for tests, each with parameters and a state of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from stacks import attach

from bnexp.nn.layer import Array, Shape, Workspace
from bnexp.nn.norms import (
    BatchNorm,
    BatchRenorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    NoisyBatchNorm,
    Norm,
    RMSNorm,
)

KINDS = ("batch", "batch_renorm", "noisy_batch", "group", "layer", "instance", "rms")
BATCH_KINDS = KINDS[:3]
AFFINE = ("vector", "scalar", "none")


class FrozenRenorm(BatchRenorm):
    """Keeps R and D of the first forward pass, as the backward pass takes them: as constants."""

    def _follow(self) -> None:
        if not hasattr(self, "R"):
            super()._follow()


def make_norm(
    kind: str,
    shape: int | Shape,
    eps: Sequence[float],
    *,
    dtype: type = np.float64,
    momentum: float | Array = 0.75,
    seeds: Sequence[int] | None = None,
    renorm: type[BatchRenorm] = BatchRenorm,
    limits: tuple[float, float] = (1.5, 0.5),
    groups: int = 2,
    **options: Any,
) -> Norm:
    """Build a norm; gamma, beta and what has run so far are drawn, the same for each K."""
    runs = len(eps)
    common: dict[str, Any] = {"eps": np.array(eps, np.float64), **options}
    workspace = Workspace(np.dtype(dtype))
    layer: Norm
    if kind in BATCH_KINDS:
        common["momentum"] = np.broadcast_to(momentum, (runs,)).astype(np.float64)
    if kind == "batch":
        layer = BatchNorm(workspace, shape, **common)
    elif kind == "batch_renorm":
        r_max, d_max = limits
        layer = renorm(workspace, shape, r_max=r_max, d_max=d_max, start=0.0, end=0.5, **common)
        layer.start_step(9, 10)
    elif kind == "noisy_batch":
        layer = NoisyBatchNorm(workspace, shape, seeds=seeds or [5] * runs, ordinal=2, **common)
        layer.start_epoch(3)
    elif kind == "group":
        layer = GroupNorm(workspace, shape, groups=groups, **common)
    else:
        classes = {"layer": LayerNorm, "instance": InstanceNorm, "rms": RMSNorm}
        layer = classes[kind](workspace, shape, **common)
    attach(layer, runs, np.random.default_rng(1))
    layer.start_state()
    return layer


def results(layer: Norm, x: Array, dy: Array) -> dict[str, Array]:
    """Go forward, backward and forward in evaluation; return all that comes of it."""
    dtype = layer.workspace.dtype
    with np.errstate(all="ignore"):
        found = {"y": layer.forward(x.astype(dtype), True).copy()}
        dx = layer.backward(dy.astype(dtype))
        assert dx is not None
        found["dx"] = dx.copy()
        found["evaluated"] = layer.forward(x.astype(dtype), False).copy()
    return {**found, **{f"d{name}": grad for name, grad in layer.grads.items()}, **state_of(layer)}


def state_of(layer: Norm) -> dict[str, Array]:
    """Return views (K, C, 1) of what has run so far, by name."""
    if not isinstance(layer, BatchNorm):
        return {}
    if isinstance(layer, BatchRenorm):
        return {"running_mean": layer.running_mean, "running_std": layer.running_std}
    return {"running_mean": layer.running_mean, "running_var": layer.running_var}


def per_run(values: Array) -> Array:
    """Add up all of a run's values, (K, ...) to (K,)."""
    return values.reshape(len(values), -1).sum(axis=1)
