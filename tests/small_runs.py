"""Small helpers for tests that train: configs of runs, data, and how to train them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bnexp.config import resolve
from bnexp.config.schema import Config
from bnexp.data import Dataset
from bnexp.plan import Run, run_id
from bnexp.records import RunResult, RunState
from bnexp.train import train_stack

BOOK: dict[str, Any] = {
    "data": {"name": "mnist", "train": 1000},
    "network": {"layers": [100] * 5},
    "init": {"scheme": "normal", "scale": 0.05},
    "norm": {"kind": "batch", "eps": 1e-6, "start_var": 0},
    "training": {"epochs": 2, "batch_size": 100, "sampling": "replacement"},
    "evaluate": {"at": "first_step", "train": "all", "test": "none"},
}


def make_run(base: Mapping[str, Any] = BOOK, **changes: Any) -> Run:
    """Return a run of ``base`` with ``section__key=value`` (or ``key=value``) changed."""
    document = json.loads(json.dumps(base))
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            document.setdefault(section, {})[key] = value
        else:
            document[section] = value
    config = resolve(Config.model_validate_json(json.dumps(document)))
    return Run(run_id(config), config)


def make_data(
    examples: int = 1000,
    features: int = 784,
    classes: int = 10,
    *,
    test: int = 200,
    dtype: Any = "f4",
) -> Dataset:
    """Return made-up examples that can be learned: a noisy pattern for each class.

    A fifth of the features is 0 in every example.
    """
    rng = np.random.default_rng(7)
    patterns = rng.random((classes, features)) * (rng.random(features) < 0.8)
    labels = rng.integers(0, classes, examples + test)
    x = (patterns[labels] * (0.5 + rng.random((examples + test, features)))).astype(dtype)
    return Dataset(
        "made-up",
        x[:examples],
        labels[:examples].astype(np.intp),
        x[examples:],
        labels[examples:].astype(np.intp),
        classes,
    )


def train(
    runs: Sequence[Run], data: Dataset, states: Mapping[str, RunState] | None = None
) -> dict[str, RunResult]:
    """Train runs as one stack and return their results without timings."""
    results: dict[str, RunResult] = {}
    for end in train_stack(runs, data, states=states):
        results |= {result.run: result for result in end.ended}
    return results


def same(one: RunResult, other: RunResult) -> bool:
    """Whether two results have the same records and ended the same way."""
    return (one.status, one.epoch, one.step, one.records) == (
        other.status,
        other.epoch,
        other.step,
        other.records,
    )
