"""From a search and values to a plan: trials as cells, each with its run.

While a search goes on the test set is not looked at: a trial's run measures no test examples. The
run that reports on a trial once it is chosen is the config itself with the trial's values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnexp.config import resolve, with_values
from bnexp.config.ranges import Range
from bnexp.config.schema import Config, DenseLayer, SweepConfig
from bnexp.plan import Cell, Plan, Run, identify
from bnexp.trials.draw import Values, draw_values, ranges_of, trial_count


def plan_search(config: Config, trials: Sequence[Values] | None = None) -> Plan:
    """Plan the trials of a config's search; ``trials`` are their values where results decide them.

    Raises ConfigError for a trial that the schema refuses, naming its values.
    """
    config = search_config(config)
    total = trial_count(config)
    if trials is None:
        trials = draw_values(config, total)
    measured = _trial_config(config)
    cells: list[Cell] = []
    runs: dict[str, Run] = {}
    for number, values in enumerate(trials, 1):
        run = _run(measured, values)
        report = report_run(config, values).id if has_report(config) else None
        runs.setdefault(run.id, run)
        cells.append(Cell(values, config.seed, run.id, number, report))
    missing = max(0, total - len(cells))
    return Plan(config, tuple(cells), runs, len(runs) + missing)


def search_config(config: Config) -> Config:
    """Return the config of a search as a results folder keeps it: resolved, without a sweep."""
    return resolve(config.model_copy(update={"sweep": SweepConfig()}))


def trial_run(config: Config, values: Values) -> Run:
    """Return the run of a trial: no test examples, unless trials are to be chosen by them."""
    return _run(_trial_config(config), values)


def _trial_config(config: Config) -> Config:
    if not has_report(config):
        return config
    untested = config.evaluate.model_copy(update={"test": "none"})
    return config.model_copy(update={"evaluate": untested})


def report_run(config: Config, values: Values) -> Run:
    """Return the run that reports on a chosen trial, as the config evaluates it."""
    return _run(config, values)


def has_report(config: Config) -> bool:
    """Whether chosen trials are trained once more with what trials are not measured on."""
    return config.evaluate.test != "none" and not config.search.objective.startswith("test")


def check_ends(config: Config) -> None:
    """Raise ConfigError where an end of a range makes a config that is not allowed.

    An end alone, with the config's own values for all other keys: a search that asks for its trials
    one after the other should not find that out in its middle.
    """
    for key, found in ranges_of(config).items():
        for value in _ends(found):
            with_values(config, _real_values(config, {key: value}), seed=config.seed)


def _ends(found: Range) -> list[Any]:
    points = found.points
    if points is None:
        return [found.low, found.high]
    numbers = all(isinstance(value, int | float) for value in points)
    return [min(points), max(points)] if numbers else list(points)


def _run(config: Config, values: Values) -> Run:
    return identify(config, _real_values(config, values), config.seed)


def _real_values(config: Config, values: Values) -> Values:
    """Return values for the keys of a config: depth and width become its layers."""
    real = {k: v for k, v in values.items() if k not in ("network.depth", "network.width")}
    if len(real) == len(values):
        return real
    layers = config.network.layers
    if "network.depth" in values:
        layers = layers[:1] * values["network.depth"]
    if "network.width" in values:
        width = {"dense": values["network.width"]}
        layers = tuple(
            layer.model_copy(update=width) for layer in layers if isinstance(layer, DenseLayer)
        )
    return {**real, "network.layers": tuple(layer.model_dump() for layer in layers)}
