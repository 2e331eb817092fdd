"""Small helpers for tests that train: configs of runs, data, and how to train them."""

from __future__ import annotations

import atexit
import functools
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bnexp.config import resolve
from bnexp.config.schema import Config
from bnexp.data import Dataset
from bnexp.engines.base import Workplace
from bnexp.engines.shelf import DataShelf
from bnexp.plan import Run, Stack, identify, stack_key
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
    return identify(config)


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


@functools.cache
def image_file() -> str:
    """Write 240 + 70 made-up images of 12 x 12 pixels in 3 channels, 4 classes, and say where."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    rng = np.random.default_rng(11)
    patterns, labels = rng.integers(0, 200, (4, 12, 12, 3)), rng.integers(0, 4, 310)
    x = (patterns[labels] * (0.4 + 0.8 * rng.random((310, 12, 12, 3)))).astype(np.uint8)
    path = str(Path(folder.name) / "images.npz")
    y = labels.astype(np.uint8)
    np.savez(path, x_train=x[:240], y_train=y[:240], x_test=x[240:], y_test=y[240:])
    return path


#: A convolutional network at real widths; the last batch of an epoch is an odd one.
IMAGES: dict[str, Any] = {
    "data": {"name": "npz", "train": 150, "test": 70, "standardize": "unit"},
    "network": {"layers": ["conv 8", "pool 2", "conv 16", "global pool", 100]},
    "norm": {"kind": "batch"},
    "optimizer": {"lr": 0.05},
    "training": {"epochs": 3, "batch_size": 64},
    "evaluate": {"at": "epoch_end", "train": "running", "test": "all"},
}


def make_image_run(**changes: Any) -> Run:
    """Return a run of ``IMAGES`` with ``section__key=value`` changed."""
    return make_run(IMAGES, data__path=image_file(), **changes)


def load(run: Run) -> Dataset:
    """Return the examples of a run, as an engine loads them."""
    return DataShelf().load(Stack((run,), 0), Workplace())


@dataclass
class History:
    """All that a stack's training leaves behind: results by run, states by run and epoch."""

    results: dict[str, RunResult] = field(default_factory=dict)
    states: dict[tuple[str, int], RunState] = field(default_factory=dict)

    def at(self, epoch: int) -> dict[str, RunState]:
        """Return the states of the runs that were in training after an epoch."""
        return {run: state for (run, at), state in self.states.items() if at == epoch}


def follow(
    runs: Sequence[Run], data: Dataset, states: Mapping[str, RunState] | None = None
) -> History:
    """Train runs as one stack, which they may share, and keep every state on the way."""
    assert len({stack_key(run.config) for run in runs}) == 1
    found = History()
    for end in train_stack(runs, data, states=states):
        found.results |= {result.run: result for result in end.ended}
        found.states |= {(run, end.epoch): state for run, state in end.states().items()}
    return found


def assert_same_bits(part: History, whole: History) -> None:
    """Require that ``part`` went bit for bit as its runs went in ``whole``."""
    assert part.results
    for run, result in part.results.items():
        assert same(result, whole.results[run])
    for key, state in part.states.items():
        other = whole.states[key]
        assert state.records == other.records
        for name in state.arrays.keys() | other.arrays.keys():
            # What a neighbour alone needs stays 0: a run without momentum has no velocity.
            one, two = (s.arrays.get(name, np.zeros(1)) for s in (state, other))
            assert np.array_equal(one, two) or not (one.any() or two.any()), (key, name)
