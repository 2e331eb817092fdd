"""A search at work: what is to train next follows, each time anew, from what its folder holds.

So a search that was killed goes on as if it had not been: no decision is kept anywhere but in the
records that led to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bnexp.config.schema import Config
from bnexp.driver import Options, Round, Watcher, train_plan
from bnexp.plan import Plan, Run
from bnexp.records import RunResult
from bnexp.store.folder import ResultsFolder
from bnexp.store.search import SearchResults
from bnexp.trials import objective_value, plan_search
from bnexp.trials.draw import Values, trial_count
from bnexp.trials.halving import halve, is_ended, pruned_result
from bnexp.trials.planning import check_ends, report_run, search_config
from bnexp.trials.tpe import ask_trials


def train_search(
    config: Config, path: Path, options: Options, watcher: Watcher, *, fresh: bool = False
) -> SearchResults:
    """Train the trials of a config's search in the folder ``path`` and return all its results.

    A folder that holds more trials of the same search than are asked for keeps them, and they are
    ranked together. Raises what ``train_plan`` does, and ConfigError.
    """
    check_ends(search_config(config))
    if config.search.sampler == "tpe":
        first = min(config.search.ask, trial_count(config))
        plan = plan_search(config, ask_trials(config, [], first))
    else:
        plan = plan_search(config)
    with ResultsFolder(path, plan, "search", fresh=fresh) as folder:
        search = _Search(folder, watcher)
        results = train_plan(folder, options, watcher, search.next_round)
    assert isinstance(results, SearchResults)
    return results


@dataclass
class _Search:
    """Decides what a folder needs next.

    ``tried`` are the runs that this process trained, ``before`` those that had failed before.
    """

    folder: ResultsFolder
    watcher: Watcher
    tried: set[str] = field(default_factory=set)
    before: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Take in trials that the folder holds beyond those asked for."""
        ends = self.folder.results.runs
        self.before = frozenset(run for run, end in ends.items() if end.status == "failed")
        config, held = self.folder.plan.config, len(self.folder.results.cells)
        if held > trial_count(config):
            self.watcher.note(
                f"{self.folder.path} holds {held} trials of this search: all of them are trained, "
                "and ranked together"
            )
            search = config.search.model_copy(update={"trials": held})
            config = config.model_copy(update={"search": search})
            known = [dict(cell.values) for cell in self.folder.plan.cells]
            self.folder.plan = plan_search(
                config, known if config.search.sampler == "tpe" else None
            )

    def next_round(self) -> Round | None:
        """Return what to train next: trials, in the end the report on the best; None if all is."""
        self.folder.wanted = frozenset()
        known = self.folder.known()
        failed = frozenset(self.tried & self.folder.failed)
        self._ask(known, failed)
        runs = list(self.folder.plan.runs.values())
        standing = halve(self.folder.plan.config, runs, known, failed)
        self._settle(known, standing.pruned)
        if standing.work:
            return self._round(standing.work, standing.pause)
        if left := trial_count(self.folder.plan.config) - len(self.folder.plan.cells):
            self.watcher.note(
                f"{left} trials follow from how those before them end, of which some failed: the "
                "same command tries these again, and goes on"
            )
            return None
        reports = tuple(run for run in self._reports() if run.id not in failed)
        return self._round(reports, None) if reports else None

    def _round(self, runs: tuple[Run, ...], pause: int | None) -> Round:
        self.tried |= {run.id for run in runs}
        self.folder.wanted = frozenset(run.id for run in runs)
        return Round(runs, pause, tuple(self._report_data()))

    def _ask(self, known: Mapping[str, RunResult], failed: frozenset[str]) -> None:
        """Ask for more trials where results decide about them and all before have ended.

        One that failed by bad luck would lead to others than it does when it is trained, so a trial
        has to fail in two commands before the search goes on without it.
        """
        plan: Plan = self.folder.plan
        config, total = plan.config, trial_count(plan.config)
        lost = failed & self.before
        while len(plan.cells) < total and all(
            run in lost or is_ended(known.get(run)) for run in plan.runs
        ):
            told = [
                (dict(cell.values), objective_value(config.search, known.get(cell.run)))
                for cell in plan.cells
            ]
            more = self._next_trials(config, told, min(config.search.ask, total - len(told)))
            plan = plan_search(config, [*(values for values, _ in told), *more])
        if plan is not self.folder.plan:
            self.folder.ask(plan)
            self.watcher.grow(plan)

    def _next_trials(
        self, config: Config, told: Sequence[tuple[Values, float | None]], count: int
    ) -> list[Values]:
        """Return the values of the next trials: what the folder says, where it was asked before.

        Another version of Optuna may ask for others; nothing that was trained is thrown away.
        """
        numbers = range(len(told) + 1, len(told) + count + 1)
        cells = self.folder.results.cells
        held = {cell.trial: dict(cell.values) for cell in cells if cell.trial in numbers}
        if len(held) == count:
            return [held[number] for number in numbers]
        asked = ask_trials(config, told, count)
        return [held.get(number, values) for number, values in zip(numbers, asked, strict=True)]

    def _settle(self, known: Mapping[str, RunResult], pruned: Mapping[str, int]) -> None:
        """See that the folder says of every run how it ended, by all that is known by now."""
        for run in self.folder.plan.runs.values():
            result = known.get(run.id)
            if result is None or result.status == "failed":
                continue
            if run.id in pruned:
                result = pruned_result(run, result, pruned[run.id])
            elif not is_ended(result):
                continue
            old = self.folder.results.runs.get(run.id)
            if old is None or (old.status, old.step) != (result.status, result.step):
                self.folder.add(result)
                self.watcher.ended(result)

    def _report_data(self) -> list[Run]:
        """Return a run that needs what reports need: missing data are missed at the beginning."""
        plan = self.folder.plan
        first = plan.cells[0]
        return [report_run(plan.config, dict(first.values))] if first.report else []

    def _reports(self) -> list[Run]:
        """Return the runs that report on the best trials, but for those that are there."""
        results = self.folder.results
        assert isinstance(results, SearchResults)
        config = self.folder.plan.config
        chosen = [r for r in results.ranked[: config.search.report] if r.value is not None]
        return [
            report_run(config, dict(ranked.cell.values))
            for ranked in chosen
            if ranked.cell.report and not is_ended(results.report(ranked))
        ]
