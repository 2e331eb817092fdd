"""What a whole config records, and conflicts of records, seeds and plot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bnexp.config.checks.conflict import Conflict
from bnexp.config.network import evaluated_validation
from bnexp.config.schema import Config, Metric

_EVALUATE = ("evaluate.train", "evaluate.test", "evaluate.validation", "data.validation")


def recorded_metrics(config: Config) -> tuple[Metric, ...]:
    """Return the metrics that ``evaluate`` records: of training data, validation, test."""
    metrics: list[Metric] = []
    if config.evaluate.train == "running":
        metrics += ["running_loss", "running_accuracy"]
    elif config.evaluate.train != "none":
        metrics += ["train_loss", "train_accuracy"]
    if evaluated_validation(config) != "none":
        metrics += ["val_loss", "val_accuracy"]
    if config.evaluate.test != "none":
        metrics += ["test_loss", "test_accuracy"]
    return tuple(metrics)


def find_whole_conflicts(config: Config, axes: Collection[str]) -> Iterator[Conflict]:
    """Yield the conflicts of records, seeds and plot in a config swept over ``axes``."""
    recorded = recorded_metrics(config)
    if not recorded:
        what = "nothing would be recorded; set evaluate.train or evaluate.test to all"
        yield Conflict(_EVALUATE, what)
    else:
        yield from _find_plot_conflicts(config.plot.metrics, recorded)
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


def _find_plot_conflicts(drawn: Sequence[Metric], recorded: Sequence[Metric]) -> Iterator[Conflict]:
    """Yield the conflict of the metrics that one panel is to show."""
    missing = [metric for metric in drawn if metric not in recorded]
    if missing:
        what = f"{missing[0]} is not recorded; allowed: {', '.join(recorded)}"
        yield Conflict(("plot.y", *_EVALUATE), f"{what} (evaluate decides)")
    elif len({metric.endswith("loss") for metric in drawn}) > 1:
        what = "accuracies and losses do not go in one panel; give only one kind"
        yield Conflict(("plot.y",), what)
