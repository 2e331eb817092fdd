"""Loading a dataset by its name: rows of numbers in [0, 1] and integer labels.

Every load verifies the content against the checksums in ``describe``, then converts only the
examples that were asked for.
"""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
import numpy.typing as npt

from bnexp import describe
from bnexp.data.dataset import Dataset
from bnexp.data.locate import Notify
from bnexp.data.prepare import prepare
from bnexp.data.raw import read_raw
from bnexp.describe import DatasetFacts, DataSpec
from bnexp.errors import ConfigError

__all__ = ["Dataset", "load_dataset"]

Count = int | Literal["all"]


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

    Pixels become ``dtype`` (float32 or float64) in [0, 1]: digits are divided by 16, all others by
    255. The whole of CIFAR-10 takes 737 MB in float32 (see ``load_prepared``). Files are taken from
    ``data_dir`` (else BNEXP_DATA), else the cache, else downloaded; with ``test=0`` the files of
    the test set are not needed. ``notify`` receives notes as lines, and ``progress`` shows a bar on
    stderr while downloading, if that is a terminal. ``verified`` says that somebody else verifies
    these files in this session (``verify_files``): then only what is asked for is read.

    Raises ``ConfigError`` for an unknown name, count or dtype, and ``DatasetError`` if a file is
    missing, damaged, not the expected one, or cannot be downloaded.
    """
    facts = _facts(name)
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ConfigError(f"dtype is {kind}; allowed: float32, float64")
    trained = _count(facts, "train", train, facts.train, least=1)
    tested = _count(facts, "test", test, facts.test, least=0)
    raw = read_raw(
        facts,
        train=trained,
        test=tested,
        data_dir=data_dir,
        notify=notify,
        progress=progress,
        verified=verified,
    )
    spec = DataSpec(
        facts.name, None, None, trained, 0, "stratified", tested, 0, "unit", label_noise=0.0
    )
    return prepare(raw, spec, kind, keep_raw=False)


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
