"""The examples of a dataset as they are stored: rows of bytes or numbers, not yet scaled."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bnexp import describe, userdata
from bnexp.data.content import DataFile
from bnexp.data.digits import Bytes, read_digits
from bnexp.data.files import get_files
from bnexp.data.forms import dataset_files
from bnexp.data.locate import EMBEDDED, Notify, read_files
from bnexp.describe import DatasetFacts, DataSpec

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.intp]

#: The value of a pixel that is fully on.
_TOP = {"digits": 16, "mnist": 255, "fashion-mnist": 255, "cifar10": 255}


@dataclass(frozen=True, eq=False)
class Raw:
    """Examples as rows (N, features) as stored, in the order of ``facts.input_shape``.

    Labels are (N,). ``top`` is the largest number that there can be, None where nobody knows.
    """

    facts: DatasetFacts
    top: int | None
    x_train: Array
    y_train: Labels
    x_test: Array
    y_test: Labels


def top_of(facts: DatasetFacts) -> int | None:
    """Return the largest number of a dataset's pixels, None for a user's own."""
    return _TOP.get(facts.name)


def read_raw(
    facts: DatasetFacts,
    *,
    train: int,
    test: int,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
    progress: bool = False,
    verified: bool = False,
) -> Raw:
    """Read the first ``train`` and the first ``test`` examples of a dataset that has a name.

    The arguments are those of ``load_dataset``. Raises ``DatasetError``.
    """
    if facts.name in EMBEDDED:
        images, digits = read_digits(facts)
        split = facts.train
        parts = (images[:split], digits[:split], images[split:], digits[split:])
    else:
        files = dataset_files(facts, test=test > 0)
        found = get_files(facts, files, data_dir=data_dir, notify=notify, progress=progress)
        first = _counts(facts, files, train, test) if verified else None
        wanted = [file for file in files if first is None or first[file.name]]
        contents = read_files(found, wanted, facts, first=first)
        is_idx = files[0].archive is None
        parts = _from_idx(contents, files) if is_idx else _from_cifar(contents, facts, train, test)
    return Raw(
        facts,
        top_of(facts),
        parts[0][:train].reshape(-1, facts.features),
        parts[1][:train].astype(np.intp),
        parts[2][:test].reshape(-1, facts.features),
        parts[3][:test].astype(np.intp),
    )


def _counts(
    facts: DatasetFacts, files: Sequence[DataFile], train: int, test: int
) -> dict[str, int]:
    """Return how many examples of each file are wanted."""
    if files[0].archive is None:
        return {file.name: test if file.name.startswith("t10k") else train for file in files}
    counts = {}
    for file in files:
        is_test = file.name == list(facts.content)[-1]
        counts[file.name] = min(test if is_test else train, file.shape[0])
        train -= 0 if is_test else counts[file.name]
    return counts


def _from_idx(
    contents: Iterator[tuple[DataFile, bytes]], files: Sequence[DataFile]
) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """Return images and labels of both parts, empty ones where no test set was read."""
    arrays = {
        file.name: np.frombuffer(content, np.uint8, offset=len(file.header)).reshape(
            -1, *file.shape[1:]
        )
        for file, content in contents
    }
    images, labels, *rest = (arrays[file.name] for file in files)
    test_images, test_labels = rest or (images[:0], labels[:0])
    return images, labels, test_images, test_labels


def _from_cifar(
    contents: Iterator[tuple[DataFile, bytes]], facts: DatasetFacts, train: int, test: int
) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """Return images (N, height, channels, width) and labels; whatever order the files come in."""
    height, channels, width = facts.input_shape
    names = list(facts.content)
    images = np.empty((train, height, channels, width), np.uint8)
    labels = np.empty(train, np.uint8)
    test_images = np.empty((test, height, channels, width), np.uint8)
    test_labels = np.empty(test, np.uint8)
    for file, content in contents:
        records = np.frombuffer(content, np.uint8).reshape(-1, file.shape[1])
        is_test = file.name == names[-1]
        start = 0 if is_test else names.index(file.name) * file.shape[0]
        part = slice(start, start + len(records))
        x, y = (test_images[part], test_labels[part]) if is_test else (images[part], labels[part])
        y[...] = records[: len(y), 0]
        x[...] = records[: len(x), 1:].reshape(-1, channels, height, width).transpose(0, 2, 1, 3)
    return images, labels, test_images, test_labels


def read_user(name: str, path: str, test_path: str | None, *, train: int, test: int) -> Raw:
    """Read the first ``train`` and the first ``test`` examples of a user's own data.

    Raises ``DatasetError`` where it is malformed, or a number is not finite.
    """
    from bnexp.data.own import read_csv, read_npz

    facts = userdata.user_facts(name, path, test_path)
    if name == "npz":
        x_train, y_train = read_npz(path, "train", facts, train)
        x_test, y_test = read_npz(path, "test", facts, test)
    else:
        x_train, y_train = read_csv(path, facts, train)
        x_test, y_test = read_csv(test_path, facts, test)
    return Raw(facts, top_of(facts), x_train, y_train, x_test, y_test)


def read_spec(
    spec: DataSpec,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
    progress: bool = False,
    verified: bool = False,
) -> Raw:
    """Read the examples of ``spec`` as they are stored. Raises ``DatasetError``."""
    train = spec.train + spec.validation
    if spec.path is not None:
        return read_user(spec.name, spec.path, spec.test_path, train=train, test=spec.test)
    return read_raw(
        describe.DATASETS[spec.name],
        train=train,
        test=spec.test,
        data_dir=data_dir,
        notify=notify,
        progress=progress,
        verified=verified,
    )


def spec_facts(spec: DataSpec) -> DatasetFacts:
    """Return the facts of the dataset that ``spec`` is about. Raises ``DatasetError``."""
    if spec.path is None:
        return describe.DATASETS[spec.name]
    return userdata.user_facts(spec.name, spec.path, spec.test_path)


def first_of(raw: Raw, train: int, test: int) -> Raw:
    """Return the first examples of each part, without a copy."""
    return dataclasses.replace(
        raw,
        x_train=raw.x_train[:train],
        y_train=raw.y_train[:train],
        x_test=raw.x_test[:test],
        y_test=raw.y_test[:test],
    )
