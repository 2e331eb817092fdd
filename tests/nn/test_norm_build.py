"""Norms from their descriptions: the class of each kind, and every option in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnexp import describe
from bnexp.nn import norms
from bnexp.nn.layer import Workspace
from bnexp.nn.norms import BatchNorm, BatchRenorm, GroupNorm, NoisyBatchNorm, Norm

CLASSES: dict[str, type[Norm]] = {
    "batch": norms.BatchNorm,
    "batch_renorm": norms.BatchRenorm,
    "noisy_batch": norms.NoisyBatchNorm,
    "group": norms.GroupNorm,
    "layer": norms.LayerNorm,
    "instance": norms.InstanceNorm,
    "rms": norms.RMSNorm,
}
EPS, MOMENTUM, SEEDS = np.array([0.0, 0.1]), np.array([0.9, 0.5]), [3, 4]


def build(kind: str, **options: Any) -> Norm:
    given = {"gamma": "scalar", "beta": "none", "start_var": 0.25, **options}
    spec = describe.Norm(kind=kind, shape=(3, 8, 2), **given)
    workspace = Workspace(np.dtype(np.float32))
    return norms.build_norm(workspace, spec, eps=EPS, momentum=MOMENTUM, seeds=SEEDS)


@pytest.mark.parametrize("kind", CLASSES)
def test_kinds(kind: str) -> None:
    layer = build(kind)
    assert type(layer) is CLASSES[kind]
    assert layer.shape == (3, 8, 2)
    assert layer.others == {"gamma": (1, 1)}
    assert layer.weights == {}
    assert layer.eps[:, 0, 0].tolist() == [0, np.float32(0.1)]
    assert isinstance(layer, BatchNorm) == (kind in describe.BATCH_NORMS)


def test_options() -> None:
    layer = build("group", groups=4)
    assert isinstance(layer, GroupNorm)
    assert layer.groups == 4
    for kind in describe.BATCH_NORMS:
        batch = build(kind, statistics="population")
        assert isinstance(batch, BatchNorm)
        assert batch.population is not None
        assert batch.start_var == 0.25
        assert batch.momentum[0, :, 0, 0].tolist() == [np.float32(0.9), 0.5]
    renorm = build("batch_renorm", r_max=2.0, d_max=4.0, renorm_start=0.1, renorm_end=0.6)
    assert isinstance(renorm, BatchRenorm)
    assert (renorm.r_max, renorm.d_max, renorm.start, renorm.end) == (2, 4, 0.1, 0.6)
    assert renorm.population is None
    noisy = build("noisy_batch", noise=(1.0, 2.0, 0.3, 0.4), ordinal=5)
    assert isinstance(noisy, NoisyBatchNorm)
    assert (noisy.noise, noisy.ordinal, noisy.seeds) == ((1, 2, 0.3, 0.4), 5, (3, 4))


def test_an_unknown_kind() -> None:
    with pytest.raises(KeyError, match="spectral"):
        build("spectral")
