"""Results with made-up but plausible curves, for the tests of plots."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnexp.config.schema import Config
from bnexp.plan import AxisValue, Cell
from bnexp.records import Record, RunResult, Status
from bnexp.store.results import Results

SCALES = tuple(10 ** (-4 * i / 15) for i in range(16))
ARMS = ("batch", "none")
Fate = Callable[[Mapping[str, AxisValue], int], "tuple[Status | None, int]"]


def book_config(**sections: Any) -> Config:
    """A config like that of Fig. 6-18, with sections replaced."""
    base: dict[str, Any] = {
        "name": "fig6-18",
        "data": {"name": "mnist", "train": 1000},
        "network": {"layers": tuple({"dense": 100} for _ in range(5))},
        "init": {"scheme": "normal", "scale": 0.01},
        "norm": {"kind": "batch"},
        "training": {"epochs": 20, "batch_size": 100, "sampling": "replacement"},
        "evaluate": {"at": "first_step", "train": "all", "test": "none"},
    }
    return Config.model_validate({**base, **sections})


def accuracy(share: float, kind: str, seed: int, epoch: int) -> float:
    """A learning curve that rises fastest in the middle of an axis (``share`` from 0 to 1)."""
    width = 0.5 if kind == "batch" else 0.18
    center = 0.5 if kind == "batch" else 0.2
    speed = 0.6 * math.exp(-(((share - center) / width) ** 2))
    ripple = 0.015 * math.sin(3.1 * seed + 1.7 * epoch + 9 * share)
    return min(1.0, max(0.0, 0.1 + 0.88 * (1 - math.exp(-speed * epoch)) + ripple))


def diverging_scales(values: Mapping[str, AxisValue], seed: int) -> tuple[Status | None, int]:
    """Runs without norm at the two largest scales diverge at once; all others are done."""
    scale = values.get("init.scale", 0.01)
    lost = isinstance(scale, float) and scale > 0.5 and values.get("norm.kind") == "none"
    return ("diverged", 0) if lost else ("done", 99)


def all_done(values: Mapping[str, AxisValue], seed: int) -> tuple[Status | None, int]:
    """Every run is done."""
    return "done", 99


def make_results(
    axes: Mapping[str, Sequence[AxisValue]],
    *,
    config: Config | None = None,
    seeds: int = 1,
    fate: Fate = all_done,
    metrics: Sequence[str] = ("train_loss", "train_accuracy"),
    last: Sequence[str] = (),
) -> Results:
    """Results of every cell; ``fate`` says how a run ended and how many records it has at most.

    A status of None leaves the run out. Metrics in ``last`` are in the last record only.
    """
    config = config or book_config()
    cells, runs = [], {}
    for number, combo in enumerate(itertools.product(*axes.values())):
        values = dict(zip(axes, combo, strict=True))
        places = [
            list(axis).index(value) / max(len(axis) - 1, 1)
            for axis, value in zip(axes.values(), combo, strict=True)
            if len(axis) > 2
        ]
        share = places[0] if places else 0.4
        for seed in range(seeds):
            run = f"run-{number:04d}-{seed}"
            cells.append(Cell(values, seed, run))
            status, count = fate(values, seed)
            if status is not None:
                kind = str(values.get("norm.kind", config.norm.kind))
                records = _records(config, share, kind, seed, metrics, last)[:count]
                epoch = records[-1].epoch if records else 0
                runs[run] = RunResult(run, status, tuple(records), epoch, 10 * epoch + 2)
    swept = {key: tuple(axis) for key, axis in axes.items()}
    return Results(Path("results/test-000000"), config, swept, tuple(cells), runs)


def _records(
    config: Config,
    share: float,
    kind: str,
    seed: int,
    metrics: Sequence[str],
    last: Sequence[str],
) -> list[Record]:
    start = 0 if config.evaluate.at == "first_step" else 1
    records = []
    for epoch in range(start, start + config.training.epochs):
        final = epoch == start + config.training.epochs - 1
        found = {}
        for name in (*metrics, *(last if final else ())):
            value = accuracy(share, kind, seed, epoch)
            if name.startswith("test"):
                value *= 0.93
            found[name] = value if name.endswith("accuracy") else 2.4 * (1.02 - value) ** 1.5
        records.append(Record(epoch, 10 * epoch + 1, found))
    return records
