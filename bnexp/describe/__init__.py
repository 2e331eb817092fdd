"""What a network is before any array exists: layers, shapes, parameters, multiply-adds.

The config builds a network's description from here, ``check`` prints it, the plan weighs its cost
with it, and ``nn`` makes arrays to its shapes. Facts of the datasets stand here too, so that a
config can be checked without loading one. Nothing here imports NumPy.
"""

from bnexp.describe.facts import DATASETS, DatasetFacts, DataSpec, Shape
from bnexp.describe.layers import (
    BATCH_NORMS,
    CENTRING_NORMS,
    Activation,
    Affine,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Norm,
    Padding,
    Pool,
    auto_groups,
    channels_of,
    norm_words,
)
from bnexp.describe.network import (
    Hidden,
    MisfitError,
    NetworkSpec,
    Pooling,
    describe_network,
    shape_words,
)

__all__ = [
    "BATCH_NORMS",
    "CENTRING_NORMS",
    "DATASETS",
    "Activation",
    "Affine",
    "Conv",
    "DataSpec",
    "DatasetFacts",
    "Dense",
    "Dropout",
    "Flatten",
    "Hidden",
    "Layer",
    "MisfitError",
    "NetworkSpec",
    "Norm",
    "Padding",
    "Pool",
    "Pooling",
    "Shape",
    "auto_groups",
    "channels_of",
    "describe_network",
    "norm_words",
    "shape_words",
]
