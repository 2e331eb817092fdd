"""Facts of the datasets, so that a config can be checked without loading one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

#: (features,), or (height, channels, width) of an image.
Shape = tuple[int, ...]


@dataclass(frozen=True)
class DatasetFacts:
    """What is known of a dataset without reading its examples.

    ``shape`` is that of one example as people write it: (height, width), (height, width, channels)
    or (features,). ``train`` and ``test`` count examples, and ``content`` maps each file to the MD5
    of its uncompressed content. ``first_of`` has the place of the first training example of each
    class, None where there is none; it is empty for the datasets that come with their names.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    classes: int
    train: int
    test: int
    content: MappingProxyType[str, str]
    first_of: tuple[int | None, ...] = ()

    @property
    def features(self) -> int:
        """Numbers in one example."""
        return math.prod(self.shape)

    @property
    def is_images(self) -> bool:
        """Whether its examples have a height and a width."""
        return len(self.shape) > 1

    @property
    def input_shape(self) -> Shape:
        """The shape of one example as a network takes it; channels stand in the middle."""
        if not self.is_images:
            return self.shape
        height, width, *channels = self.shape
        return (height, *(channels or [1]), width)


@dataclass(frozen=True)
class DataSpec:
    """The examples that one config asks for, all counts in numbers.

    ``train`` examples are trained on and ``validation`` others held out: together they are the
    first ``train + validation`` of the training part, divided by a draw of ``seed``. ``test``
    counts the first examples of the test part. ``path`` and ``test_path`` are set for a user's own
    data only.
    """

    name: str
    path: str | None
    test_path: str | None
    train: int
    validation: int
    split: Literal["stratified", "plain"]
    test: int
    seed: int
    standardize: Literal["none", "unit", "channel", "pixel"]
    label_noise: float


def _mnist_like(name: str, title: str, sums: Sequence[str]) -> DatasetFacts:
    files = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    content = MappingProxyType(dict(zip(files, sums, strict=True)))
    return DatasetFacts(name, title, (28, 28), 10, 60_000, 10_000, content)


_DIGITS = DatasetFacts(
    "digits",
    "digits",
    (8, 8),
    10,
    1297,
    500,
    MappingProxyType({"digits.npz": "7696c07daa6d85010f8268703ab8b067"}),
)
_MNIST = _mnist_like(
    "mnist",
    "MNIST",
    (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
)
_FASHION = _mnist_like(
    "fashion-mnist",
    "Fashion-MNIST",
    (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
)
_CIFAR10 = DatasetFacts(
    "cifar10",
    "CIFAR-10",
    (32, 32, 3),
    10,
    50_000,
    10_000,
    MappingProxyType(
        {
            "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
            "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
            "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
            "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
            "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
            "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
        }
    ),
)

#: The datasets a config may name beside a user's own, by name.
DATASETS: MappingProxyType[str, DatasetFacts] = MappingProxyType(
    {facts.name: facts for facts in (_DIGITS, _MNIST, _FASHION, _CIFAR10)}
)
