"""Loading a dataset as arrays, ready for training: rows of numbers in [0, 1] and integer labels.

Every load verifies the content against the checksums in ``describe``, then converts only the
examples that were asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bnexp import describe
from bnexp.data.digits import Bytes, read_digits
from bnexp.data.download import Notify
from bnexp.data.files import get_files
from bnexp.data.idx import IdxFile, idx_files
from bnexp.data.locate import EMBEDDED, read_file
from bnexp.describe import DatasetFacts
from bnexp.errors import ConfigError

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.intp]
Count = int | Literal["all"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples as rows, in the dataset's own order; the arrays are read-only.

    ``x_train`` (N, features) and ``x_test`` (M, features) are C-contiguous, scaled to [0, 1];
    ``y_train`` (N,) and ``y_test`` (M,) hold labels from 0 to ``classes`` - 1. ``order`` is set
    when features have been rearranged (see ``layout``).
    """

    name: str
    x_train: Floats
    y_train: Labels
    x_test: Floats
    y_test: Labels
    classes: int
    order: Labels | None = None


def load_dataset(
    name: str | DatasetFacts,
    *,
    train: Count = "all",
    test: Count = "all",
    dtype: npt.DTypeLike = np.float32,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
    progress: bool = False,
    verified: bool = False,
) -> Dataset:
    """Load a dataset: the first ``train`` and the first ``test`` examples in the original order.

    Pixels become ``dtype`` (float32 or float64) in [0, 1]: digits are divided by 16, MNIST and
    Fashion-MNIST by 255. Files are taken from ``data_dir`` (else BNEXP_DATA), else the cache, else
    downloaded; with ``test=0`` the files of the test set are not needed. ``notify`` receives notes
    as lines, and ``progress`` shows a bar on stderr while downloading, if that is a terminal.
    ``verified`` says that somebody else verifies these files in this session (``verify_files``):
    then only what is asked for is read.

    Raises ``ConfigError`` for an unknown name, count or dtype, and ``DatasetError`` if a file is
    missing, damaged, not the expected one, or cannot be downloaded.
    """
    facts = _facts(name)
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ConfigError(f"dtype is {kind}; allowed: float32, float64")
    trained = _count(facts, "train", train, facts.train, least=1)
    tested = _count(facts, "test", test, facts.test, least=0)
    if facts.name in EMBEDDED:
        images, labels = read_digits(facts)
        arrays = (images, labels, images[facts.train :], labels[facts.train :])
        top = 16
    else:
        files = idx_files(facts, test=tested > 0)
        paths = get_files(facts, files, data_dir=data_dir, notify=notify, progress=progress)
        counts = [trained, trained, tested, tested] if verified else [None] * 4
        arrays = _four(
            [
                _array(read_file(paths[file.name], file, facts, first=count), file)
                for file, count in zip(files, counts, strict=False)
            ]
        )
        top = 255
    return Dataset(
        facts.name,
        _scaled(arrays[0][:trained], facts.features, top, kind),
        _labels(arrays[1][:trained]),
        _scaled(arrays[2][:tested], facts.features, top, kind),
        _labels(arrays[3][:tested]),
        facts.classes,
    )


def _facts(name: str | DatasetFacts) -> DatasetFacts:
    if isinstance(name, DatasetFacts):
        return name
    if name not in describe.DATASETS:
        allowed = ", ".join(describe.DATASETS)
        raise ConfigError(f"there is no dataset named {name!r}; allowed: {allowed}")
    return describe.DATASETS[name]


def _count(facts: DatasetFacts, key: str, asked: Count, available: int, *, least: int) -> int:
    """Return how many examples to convert."""
    if asked == "all":
        return available
    whole = isinstance(asked, int) and not isinstance(asked, bool)
    if not whole or not least <= asked <= available:
        raise ConfigError(
            f"{key} is {asked!r}; allowed for {facts.title}: all, or a whole number from {least} "
            f"to {available}"
        )
    return asked


def _array(content: bytes, file: IdxFile) -> Bytes:
    values = np.frombuffer(content, np.uint8, offset=len(file.header))
    return values.reshape(-1, *file.shape[1:])


def _four(arrays: list[Bytes]) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """Add an empty test set where none was read."""
    images, labels, *rest = arrays
    test_images, test_labels = rest or (images[:0], labels[:0])
    return images, labels, test_images, test_labels


def _scaled(images: Bytes, features: int, top: int, dtype: np.dtype[Any]) -> Floats:
    pixels = images.reshape(len(images), features)
    scaled: Floats = np.divide(pixels, top, dtype=dtype)
    scaled.flags.writeable = False
    return scaled


def _labels(labels: Bytes) -> Labels:
    converted = labels.astype(np.intp)
    converted.flags.writeable = False
    return converted
