"""Examples made up for tests, and what a config asks of them."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import numpy as np

from bnexp.data import prepare
from bnexp.data.raw import Raw
from bnexp.describe import DatasetFacts, DataSpec


def spec(**changes):
    settings = {
        "name": "digits",
        "path": None,
        "test_path": None,
        "train": 1000,
        "validation": 0,
        "split": "stratified",
        "test": 100,
        "seed": 0,
        "standardize": "unit",
        "label_noise": 0.0,
        **changes,
    }
    return DataSpec(**settings)


def made_up(kind=np.uint8, shape=(3, 4, 2), train=2500, test=1200, top=None):
    """Return raw examples, more than are converted at once; a feature and a channel's are equal."""
    rng = np.random.default_rng(3)
    size = (train + test, *shape)
    images = rng.integers(0, 256, size) if kind == np.uint8 else rng.normal(5, 3, size)
    images[:, 0, 1, 0] = 7
    rows = images.astype(kind).transpose(0, 1, 3, 2).reshape(len(images), -1)
    labels = rng.integers(0, 5, len(rows))
    facts = DatasetFacts("npz", "x", shape, 5, train, test, MappingProxyType({}))
    return Raw(facts, top, rows[:train], labels[:train], rows[train:], labels[train:])


def prepared(raw, dtype=np.float32, keep_raw=False, **changes):
    wanted = spec(train=len(raw.x_train), test=len(raw.x_test), **changes)
    wanted = dataclasses.replace(wanted, train=wanted.train - wanted.validation)
    return prepare.prepare(raw, wanted, np.dtype(dtype), keep_raw=keep_raw)


def load_prepared(wanted, dtype=np.float32, **options):
    """Load what ``spec`` gave."""
    return prepare.load_prepared(wanted, dtype, **options)
