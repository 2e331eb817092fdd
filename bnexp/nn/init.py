"""Initial weights: unit draws keyed by seed and layer, then scaled by each run's own number.

Normals are drawn in float64 and cast, so that float32 and float64 runs start from the same numbers.
fan_in is a layer's inputs and fan_out its units; a convolution with F filters on C channels has
fan_in C * kernel area and fan_out F * kernel area. Note that "Deep Learning from Scratch" calls
``lecun`` (1/sqrt(fan_in)) Xavier's initial value; here ``xavier`` is the paper's.
"""

from __future__ import annotations

import math

import numpy as np

from bnexp.nn.layer import Array
from bnexp.streams import stream


def unit_weights(
    scheme: str,
    seed: int,
    ordinal: int,
    units: int,
    inputs: int,
    *,
    kernel: tuple[int, int] | None = None,
) -> Array:
    """Draw the weights (units, inputs) of the ``ordinal``-th layer at scale 1, in float64.

    With a ``kernel`` (height, width) they are those of a convolution with ``units`` filters on
    ``inputs`` channels, (units, inputs, height, width), in the order and with the fans of PyTorch.

    ``normal``: standard deviation 1, so the scale is the standard deviation. ``he`` (arXiv
    1502.01852): sqrt(2/fan_in). ``xavier`` (Glorot and Bengio, AISTATS 2010): sqrt(2/(fan_in +
    fan_out)). ``lecun`` (LeCun et al., Efficient BackProp, 1998): sqrt(1/fan_in). The ``_uniform``
    forms draw from +-sqrt(3) times that. ``orthogonal`` (arXiv 1312.6120): orthonormal rows or
    columns, whichever are fewer, of (units, fan_in).
    """
    generator = stream(seed, "init", layer=ordinal)
    area = math.prod(kernel or ())
    fan_in, fan_out = inputs * area, units * area
    shape = (units, inputs, *(kernel or ()))
    if scheme == "orthogonal":
        return _orthogonal(generator, units, fan_in).reshape(shape)
    kind, _, form = scheme.partition("_")
    std = {
        "normal": 1.0,
        "he": math.sqrt(2 / fan_in),
        "xavier": math.sqrt(2 / (fan_in + fan_out)),
        "lecun": math.sqrt(1 / fan_in),
    }[kind]
    if form == "uniform":
        return generator.uniform(-1.0, 1.0, shape) * (math.sqrt(3) * std)
    return generator.standard_normal(shape) * std


def _orthogonal(generator: np.random.Generator, units: int, inputs: int) -> Array:
    tall = generator.standard_normal((max(units, inputs), min(units, inputs)))
    q, r = np.linalg.qr(tall)
    # The sign that makes the distribution uniform (Mezzadri, arXiv math-ph/0609050).
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if units >= inputs else np.ascontiguousarray(q.T)
