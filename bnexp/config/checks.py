"""The rules between the keys of one config: what each key allows alone is in the schema.

A conflict names the keys that make it, the one to change first, so that a file can show the place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bnexp.config.network import test_size, train_size
from bnexp.config.schema import Config, Metric
from bnexp.describe import CENTRING_NORMS, DATASETS


@dataclass(frozen=True)
class Conflict:
    """Keys that do not go together, and what to do about it; ``keys[0]`` is the one at fault."""

    keys: tuple[str, ...]
    what: str


def find_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of what one config trains (not of its sweep or plot)."""
    yield from _data_conflicts(config)
    yield from _batch_conflicts(config)
    if config.optimizer.nesterov and config.optimizer.momentum == 0:
        what = "Nesterov's form needs a momentum; set optimizer.momentum above 0, such as 0.9"
        yield Conflict(("optimizer.nesterov", "optimizer.momentum"), what)


def _data_conflicts(config: Config) -> Iterator[Conflict]:
    dataset = DATASETS[config.data.name]
    sizes = (
        ("train", config.data.train, dataset.train, config.evaluate.train, train_size(config)),
        ("test", config.data.test, dataset.test, config.evaluate.test, test_size(config)),
    )
    for part, asked, known, evaluated, size in sizes:
        data, evaluate = f"data.{part}", f"evaluate.{part}"
        if isinstance(asked, int) and asked > known:
            what = f"{asked:,} examples, but {dataset.name} has {known:,}; allowed: 1 to {known:,}"
            yield Conflict((data, "data.name"), f"{what}, or all")
        elif isinstance(evaluated, int) and evaluated > size:
            what = f"{evaluated:,} examples, but {data} is {size:,}; allowed: 1 to {size:,}, or all"
            yield Conflict((evaluate, data, "data.name"), what)


def _batch_conflicts(config: Config) -> Iterator[Conflict]:
    size, batch = train_size(config), config.training.batch_size
    keys: tuple[str, ...] = ("training.batch_size", "data.train", "data.name")
    if batch > size:
        what = f"{batch:,} is more than the {size:,} training examples; allowed: 1 to {size:,}"
        yield Conflict(keys, what)
    elif config.norm.kind in CENTRING_NORMS and config.network.layers:
        keys = (*keys, "norm.kind", "network.layers")
        if batch == 1:
            what = "batch norm needs at least 2 examples in a batch; raise batch_size, or norm: off"
            yield Conflict(keys, what)
        elif _last_batch(config) == 1:
            what = (
                f"the last batch of {size:,} examples in batches of {batch:,} holds one example, "
                "which batch norm cannot use; set training.drop_last to true or change batch_size"
            )
            yield Conflict((*keys, "training.sampling", "training.drop_last"), what)


def _last_batch(config: Config) -> int:
    """Return the examples in the last batch of an epoch."""
    training = config.training
    if training.drop_last or training.sampling == "replacement":
        return training.batch_size
    return train_size(config) % training.batch_size or training.batch_size


def recorded_metrics(config: Config) -> tuple[Metric, ...]:
    """Return the metrics that ``evaluate`` records, those of training data first."""
    metrics: list[Metric] = []
    if config.evaluate.train == "running":
        metrics += ["running_loss", "running_accuracy"]
    elif config.evaluate.train != "none":
        metrics += ["train_loss", "train_accuracy"]
    if config.evaluate.test != "none":
        metrics += ["test_loss", "test_accuracy"]
    return tuple(metrics)


def find_whole_conflicts(config: Config, axes: Collection[str]) -> Iterator[Conflict]:
    """Yield the conflicts of records, seeds and plot in a config swept over ``axes``."""
    recorded = recorded_metrics(config)
    evaluate = ("evaluate.train", "evaluate.test")
    if not recorded:
        what = "nothing would be recorded; set evaluate.train or evaluate.test to all"
        yield Conflict(evaluate, what)
    elif config.plot.y is not None and config.plot.y not in recorded:
        what = f"{config.plot.y} is not recorded; allowed: {', '.join(recorded)}"
        yield Conflict(("plot.y", *evaluate), f"{what} (evaluate decides)")
    if config.seed + config.sweep.seeds > 2**32:
        what = (
            f"the last of {config.sweep.seeds:,} seeds would be too large; allowed: up to 2^32 - 1"
        )
        yield Conflict(("seed", "sweep.seeds"), what)
    swept = f"allowed: {', '.join(axes)}" if axes else "this config sweeps none: see sweep.axes"
    for key, axis in (("plot.panel", config.plot.panel), ("plot.arm", config.plot.arm)):
        if axis is not None and axis not in axes:
            yield Conflict((key,), f"{axis} is not a swept key; {swept}")
    if config.plot.panel is not None and config.plot.panel == config.plot.arm:
        what = f"{config.plot.arm} is plot.panel already; give another swept key, or leave it out"
        yield Conflict(("plot.arm", "plot.panel"), what)
