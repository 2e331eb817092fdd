"""What a network is before any array exists: layers, shapes, parameters, multiply-adds.

The config builds a network's description from here, ``check`` prints it, the plan weighs its cost
with it, and ``nn`` makes arrays to its shapes. Facts of the datasets stand here too, so that a
config can be checked without loading one. Nothing here imports NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

#: Kinds of norm that subtract a mean, so that a bias right before them has no effect.
CENTRING_NORMS = frozenset({"batch"})


@dataclass(frozen=True)
class DatasetFacts:
    """What is known of a dataset without reading it.

    ``shape`` is that of one example, ``train`` and ``test`` count examples, and ``content`` maps
    each file to the MD5 of its uncompressed content.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    classes: int
    train: int
    test: int
    content: MappingProxyType[str, str]

    @property
    def features(self) -> int:
        """Numbers in one example."""
        return math.prod(self.shape)


def _mnist_like(name: str, title: str, sums: Sequence[str]) -> DatasetFacts:
    files = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    content = MappingProxyType(dict(zip(files, sums, strict=True)))
    return DatasetFacts(name, title, (28, 28), 10, 60_000, 10_000, content)


#: The datasets a config may name.
DATASETS: MappingProxyType[str, DatasetFacts] = MappingProxyType(
    {
        "digits": DatasetFacts(
            "digits",
            "digits",
            (8, 8),
            10,
            1297,
            500,
            MappingProxyType({"digits.npz": "7696c07daa6d85010f8268703ab8b067"}),
        ),
        "mnist": _mnist_like(
            "mnist",
            "MNIST",
            (
                "6bbc9ace898e44ae57da46a324031adb",
                "a25bea736e30d166cdddb491f175f624",
                "2646ac647ad5339dbf082846283269ea",
                "27ae3e4e09519cfbb04c329615203637",
            ),
        ),
        "fashion-mnist": _mnist_like(
            "fashion-mnist",
            "Fashion-MNIST",
            (
                "f4a8712d7a061bf5bd6d2ca38dc4d50a",
                "9018921c3c673c538a1fc5bad174d6f9",
                "8181f5470baa50b63fa0f6fddb340f0a",
                "15d484375f8d13e6eb1aabb0c3f46965",
            ),
        ),
    }
)

Affine = Literal["vector", "scalar", "none"]


@dataclass(frozen=True)
class Dense:
    """A fully connected layer: ``units`` outputs; no ``bias`` where a norm would subtract it."""

    inputs: int
    units: int
    bias: bool

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.units * (self.inputs + self.bias)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the forward pass for one example."""
        return self.units * self.inputs


@dataclass(frozen=True)
class Norm:
    """A normaliser over ``units`` features, with its learned scale and shift."""

    kind: str
    units: int
    gamma: Affine
    beta: Affine
    start_var: float

    @property
    def parameters(self) -> int:
        """Entries of gamma and beta."""
        count = {"vector": self.units, "scalar": 1, "none": 0}
        return count[self.gamma] + count[self.beta]


@dataclass(frozen=True)
class Activation:
    """An elementwise nonlinearity."""

    kind: str
    units: int


@dataclass(frozen=True)
class Dropout:
    """Dropout after the ``ordinal``-th layer with weights."""

    units: int
    ordinal: int


Layer = Dense | Norm | Activation | Dropout


@dataclass(frozen=True)
class NetworkSpec:
    """A network from its input to its logits, layer by layer."""

    inputs: int
    classes: int
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Trained numbers in all."""
        return sum(layer.parameters for layer in self.layers if isinstance(layer, Dense | Norm))

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward pass for one example."""
        return sum(layer.multiply_adds for layer in self.layers if isinstance(layer, Dense))

    def step_multiply_adds(self, batch_size: int) -> int:
        """Multiply-adds of one update: forward, weight gradients, all input gradients but one."""
        dense = [layer for layer in self.layers if isinstance(layer, Dense)]
        return batch_size * (3 * self.multiply_adds - dense[0].multiply_adds)


def describe_network(
    inputs: int,
    classes: int,
    units: Sequence[int],
    *,
    activation: str,
    norm: Norm | None = None,
    norm_place: Literal["before", "after"] = "before",
    dropout: bool = False,
) -> NetworkSpec:
    """Describe a dense network: hidden layers of ``units``, then the output layer for ``classes``.

    Norm (whose ``units`` are set per layer), activation and dropout follow each hidden layer.
    """
    layers: list[Layer] = []
    width = inputs
    for ordinal, count in enumerate(units):
        before = norm is not None and norm_place == "before"
        cancelled = before and norm is not None and norm.kind in CENTRING_NORMS
        layers.append(Dense(width, count, bias=not cancelled))
        here = (
            None if norm is None else Norm(norm.kind, count, norm.gamma, norm.beta, norm.start_var)
        )
        if here is not None and before:
            layers.append(here)
        layers.append(Activation(activation, count))
        if here is not None and not before:
            layers.append(here)
        if dropout:
            layers.append(Dropout(count, ordinal))
        width = count
    layers.append(Dense(width, classes, bias=True))
    return NetworkSpec(inputs, classes, tuple(layers))
