"""What a search will train, as far as that can be said before there are results.

Which trials go on is not known then, but how many: the first ones stand for them. No NumPy.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from bnexp.config import steps_per_epoch, total_steps
from bnexp.config.schema import Config
from bnexp.plan import Plan, Run, Stack, cut_stacks, run_multiply_adds
from bnexp.trials.halving import kept_count, rung_epochs
from bnexp.trials.planning import has_report, report_run


@dataclass(frozen=True)
class Stage:
    """Runs that are trained together from the epoch ``start`` on: to ``pause``, or to the end."""

    runs: tuple[Run, ...]
    start: int = 0
    pause: int | None = None

    @property
    def epochs(self) -> int:
        """All epochs that it trains."""
        return sum(
            _epochs(run.config, self.pause) - _epochs(run.config, self.start) for run in self.runs
        )

    @property
    def steps(self) -> int:
        """All updates that it makes."""
        return sum(map(self._steps_of, self.runs))

    @property
    def multiply_adds(self) -> int:
        """The share of its updates in what the whole runs take."""
        return sum(
            run_multiply_adds(run.config) * self._steps_of(run) // total_steps(run.config)
            for run in self.runs
        )

    def stacks(self, jobs: int) -> list[Stack]:
        """Return the stacks that its runs are trained as."""
        started = {run.id: self.start for run in self.runs}
        return cut_stacks(self.runs, jobs=jobs, started=started, pause=self.pause)

    def _steps_of(self, run: Run) -> int:
        return _steps(run.config, self.pause) - _steps(run.config, self.start)


def plan_stages(plan: Plan, *, prune: bool = True) -> list[Stage]:
    """Return all that a search is expected to train, stage after stage, its report at the end.

    Without ``prune`` it is what the search would train if nothing were pruned.
    """
    runs, search = tuple(plan.runs.values()), plan.config.search
    if search.sampler == "tpe":
        starts = range(0, len(runs), search.ask)
        stages = [Stage(runs[start : start + search.ask]) for start in starts]
    else:
        stages = _rungs(plan.config, runs) if prune else [Stage(runs)]
    if has_report(plan.config) and search.report:
        chosen = plan.cells[: search.report]
        reports = [report_run(plan.config, dict(cell.values)) for cell in chosen]
        stages.append(Stage(tuple({run.id: run for run in reports}.values())))
    return stages


def _rungs(config: Config, runs: tuple[Run, ...]) -> list[Stage]:
    """Return what is trained up to each rung, and from the last one on."""
    edges: Sequence[int | None] = [0, *rung_epochs(config), None]
    stages, count = [], len(runs)
    for start, pause in itertools.pairwise(edges):
        stages.append(Stage(runs[:count], start or 0, pause))
        count = kept_count(config.search, count)
    return stages


def _epochs(config: Config, until: int | None) -> int:
    last = config.training.epochs
    return last if until is None else min(until, last)


def _steps(config: Config, until: int | None) -> int:
    return min(_epochs(config, until) * steps_per_epoch(config), total_steps(config))
