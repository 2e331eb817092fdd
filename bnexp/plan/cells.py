"""Axes and seeds -> cells -> runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bnexp.config import resolve, with_values
from bnexp.config.schema import Config
from bnexp.plan.identity import identify
from bnexp.plan.work import Run

#: What an axis may take: a number, a word, or a list (of layers).
AxisValue = bool | int | float | str | tuple["AxisValue", ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of axis values and a seed: a point of the sweep; ``run`` is the run's id.

    In a search it is the trial of number ``trial``; ``report`` is the id of the run that measures
    the test examples if the trial is chosen.
    """

    values: Mapping[str, AxisValue]
    seed: int
    run: str
    trial: int | None = None
    report: str | None = None


@dataclass(frozen=True)
class Plan:
    """All cells of a config's sweep, and the runs they need by id, in the order of the axes.

    ``expected`` is how many runs there will be, where more follow from the results of these.
    """

    config: Config
    cells: tuple[Cell, ...]
    runs: Mapping[str, Run]
    expected: int = 0

    @property
    def kinds(self) -> dict[str, Config]:
        """A config by each ``stack_key``: how long runs of one take, and on what, is the same."""
        return {key: run.config for key, run in first_of_each(self.runs.values()).items()}


def first_of_each(runs: Iterable[Run]) -> dict[str, Run]:
    """Return the first of the runs with each ``stack_key``."""
    found: dict[str, Run] = {}
    for run in runs:
        found.setdefault(run.stack_key, run)
    return found


def plan_sweep(config: Config) -> Plan:
    """Cross the axes with the seeds.

    The first axis varies slowest and seeds fastest. Raises ConfigError for a combination that the
    schema refuses, naming it.
    """
    config = resolve(config)
    axes = config.sweep.axes
    seeds = range(config.seed, config.seed + config.sweep.seeds)
    cells: list[Cell] = []
    runs: dict[str, Run] = {}
    known: dict[str, Any] = {}
    for combination in itertools.product(*axes.values()):
        values = dict(zip(axes, combination, strict=True))
        for seed in seeds:
            run = identify(config, values, seed, known=known)
            run = runs.setdefault(run.id, run)
            cells.append(Cell(values, seed, run.id))
    return Plan(config, tuple(cells), runs)


def plan_run(config: Config) -> Plan:
    """Plan the config itself: one cell without axis values, whatever its ``sweep`` says."""
    resolved = with_values(resolve(config), {}, seed=config.seed)
    run = identify(resolved)
    return Plan(resolved, (Cell({}, resolved.seed, run.id),), {run.id: run})
