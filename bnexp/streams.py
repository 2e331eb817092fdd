"""Common random numbers: every random stream has a key, never a position.

A stream is keyed by (seed, role, layer, epoch), so two runs of one seed draw the same unit normals
and see the same batches whatever else differs between them, and a resume needs no stored generator:
the epoch in the key says where to go on. ``layer`` is the ordinal among layers with weights.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Role = Literal["init", "batches", "dropout", "noise", "augmentation", "split", "labels", "probes"]

# The numbers are part of every result: add roles at the end, never renumber.
_ROLES: dict[Role, int] = {
    "init": 0,
    "batches": 1,
    "dropout": 2,
    "noise": 3,
    "augmentation": 4,
    "split": 5,
    "labels": 6,
    "probes": 7,
}


def stream(seed: int, role: Role, *, layer: int = 0, epoch: int = 0) -> np.random.Generator:
    """Return the generator of one stream, at its beginning.

    Each part of the key must be below 2**32, so that it is one word of the seed sequence and no two
    keys run together. Source of the mixing: ``numpy.random.SeedSequence``.
    """
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence((seed, _ROLES[role], layer, epoch)))
    )
