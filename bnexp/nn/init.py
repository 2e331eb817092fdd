"""Initial weights: unit draws keyed by seed and layer, then scaled by each run's own number.

Normals are drawn in float64 and cast, so that float32 and float64 runs start from the same numbers.
fan_in is a layer's inputs and fan_out its units. Note that "Deep Learning from Scratch" calls
``lecun`` (1/sqrt(fan_in)) Xavier's initial value; here ``xavier`` is the paper's.
"""

from __future__ import annotations

import math

import numpy as np

from bnexp.nn.layer import Array
from bnexp.streams import stream


def unit_weights(scheme: str, seed: int, ordinal: int, units: int, inputs: int) -> Array:
    """Draw the weights (units, inputs) of the ``ordinal``-th layer at scale 1, in float64.

    ``normal``: standard deviation 1, so the scale is the standard deviation. ``he`` (arXiv
    1502.01852): sqrt(2/fan_in). ``xavier`` (Glorot and Bengio, AISTATS 2010): sqrt(2/(fan_in +
    fan_out)). ``lecun`` (LeCun et al., Efficient BackProp, 1998): sqrt(1/fan_in). The ``_uniform``
    forms draw from +-sqrt(3) times that. ``orthogonal`` (arXiv 1312.6120): orthonormal rows or
    columns, whichever are fewer.
    """
    generator = stream(seed, "init", layer=ordinal)
    if scheme == "orthogonal":
        return _orthogonal(generator, units, inputs)
    kind, _, form = scheme.partition("_")
    std = {
        "normal": 1.0,
        "he": math.sqrt(2 / inputs),
        "xavier": math.sqrt(2 / (inputs + units)),
        "lecun": math.sqrt(1 / inputs),
    }[kind]
    if form == "uniform":
        return generator.uniform(-1.0, 1.0, (units, inputs)) * (math.sqrt(3) * std)
    return generator.standard_normal((units, inputs)) * std


def _orthogonal(generator: np.random.Generator, units: int, inputs: int) -> Array:
    tall = generator.standard_normal((max(units, inputs), min(units, inputs)))
    q, r = np.linalg.qr(tall)
    # The sign that makes the distribution uniform (Mezzadri, arXiv math-ph/0609050).
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if units >= inputs else np.ascontiguousarray(q.T)
