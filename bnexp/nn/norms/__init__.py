"""Normalisation layers, by the names a config has for them.

``start_state`` sets what training begins with. The batch kinds have running averages, and may
evaluate with statistics of all training examples instead: ``begin_population``, one pass of
``forward(x, train=True)`` over them, ``end_population``. All others treat each example by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnexp import describe
from bnexp.nn.layer import Array, Workspace
from bnexp.nn.norms.base import Norm
from bnexp.nn.norms.batch import BatchNorm
from bnexp.nn.norms.group import GroupNorm
from bnexp.nn.norms.layer import InstanceNorm, LayerNorm, RMSNorm
from bnexp.nn.norms.noisy import NoisyBatchNorm
from bnexp.nn.norms.renorm import BatchRenorm

__all__ = [
    "BatchNorm",
    "BatchRenorm",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "NoisyBatchNorm",
    "Norm",
    "RMSNorm",
    "build_norm",
]


def build_norm(
    workspace: Workspace,
    spec: describe.Norm,
    *,
    eps: Array,
    momentum: Array,
    seeds: Sequence[int],
) -> Norm:
    """Build the norm of a description; ``eps``, ``momentum`` and ``seeds`` have an entry per run.

    Raises ``KeyError`` for a kind that does not exist.
    """
    if spec.kind == "group":
        return GroupNorm(
            workspace,
            spec.shape,
            groups=spec.groups,
            eps=eps,
            gamma=spec.gamma,
            beta=spec.beta,
        )
    if spec.kind not in describe.BATCH_NORMS:
        alone = {"layer": LayerNorm, "instance": InstanceNorm, "rms": RMSNorm}[spec.kind]
        return alone(workspace, spec.shape, eps=eps, gamma=spec.gamma, beta=spec.beta)
    return _build_batch_norm(workspace, spec, eps, momentum, seeds)


def _build_batch_norm(
    workspace: Workspace, spec: describe.Norm, eps: Array, momentum: Array, seeds: Sequence[int]
) -> BatchNorm:
    common: dict[str, Any] = {
        "eps": eps,
        "momentum": momentum,
        "gamma": spec.gamma,
        "beta": spec.beta,
        "start_var": spec.start_var,
        "statistics": spec.statistics,
    }
    if spec.kind == "batch_renorm":
        return BatchRenorm(
            workspace,
            spec.shape,
            r_max=spec.r_max,
            d_max=spec.d_max,
            start=spec.renorm_start,
            end=spec.renorm_end,
            **common,
        )
    if spec.kind == "noisy_batch":
        return NoisyBatchNorm(
            workspace,
            spec.shape,
            seeds=seeds,
            ordinal=spec.ordinal,
            noise=spec.noise,
            **common,
        )
    return BatchNorm(workspace, spec.shape, **common)
