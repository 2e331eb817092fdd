"""What the results folder of a search says: its trials in order, and the report on the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bnexp.errors import ResultsError
from bnexp.plan import AxisValue
from bnexp.records import METRICS, RunResult
from bnexp.store.cells import cells_with, wanted_values
from bnexp.store.results import Results, refuse_unrecorded
from bnexp.trials.rank import Ranked, rank_trials

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, repr=False)
class SearchResults(Results):
    """The trials of a search (as ``cells``, in the order of their numbers) and their results.

    ``axes`` maps each searched key to the values that trials took, in order of size. ``runs`` also
    holds the runs that report on chosen trials, by ids of their own.
    """

    def __repr__(self) -> str:
        done, total = self.finished
        best = self.ranked[0]
        found = "none yet" if best.value is None else f"{self.objective} = {best.value:.4g}"
        return f"<SearchResults {self.folder}: {done} of {total} runs, best: {found}>"

    @property
    def objective(self) -> str:
        """The metric that trials are ranked by."""
        return self.config.search.objective

    @cached_property
    def ranked(self) -> list[Ranked]:
        """All trials, the best first."""
        return rank_trials(self.config.search, self.cells, self.runs)

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The values of the best trial by key; None while no trial has an objective."""
        first = self.ranked[0]
        return None if first.value is None else first.cell.values

    def curve(  # type: ignore[override]  # no axis is called trial
        self,
        metric: str,
        *,
        trial: int | None = None,
        seed: int | None = None,
        **values: AxisValue | list[Any],
    ) -> NDArray[np.float64]:
        """Return one trial's metric at each record: ``curve("val_accuracy", trial=17)``.

        A trial is named by its number, or as a cell of a sweep is by its values; all have the seed
        of the search. Test metrics are those of its report, which only chosen trials have. Raises
        ResultsError when there is no such trial, or nothing of it yet, and for a metric that nobody
        recorded.
        """
        recorded = self._recorded
        refuse_unrecorded(self.folder, metric, recorded)
        ranked = self._trial(trial, seed, wanted_values(values))
        result, what = ranked.result, f"trial {ranked.cell.trial}"
        if metric in recorded and metric not in self.metrics:
            result, what = self.report(ranked), f"the {metric} of {what}, which is not chosen,"
        return self._curve(metric, result, what)

    def _trial(
        self, number: int | None, seed: int | None, wanted: Mapping[str, AxisValue]
    ) -> Ranked:
        """Return the trial with a number and values, if given; of equal ones the first drawn."""
        found = [
            cell
            for cell in (cells_with(self.cells, wanted, seed) if wanted else self.cells)
            if number in (None, cell.trial) and seed in (None, cell.seed)
        ]
        if not found or (number is None and not wanted):
            asked = {"trial": number, "seed": seed, **wanted}
            named = {key: value for key, value in asked.items() if value is not None}
            what = f"no trial with {named}" if named else "a curve is that of one trial"
            raise ResultsError(
                f"{self.folder}: {what}; name one of 1 to {len(self.cells)}, such as "
                f"trial={self.ranked[0].cell.trial}, the best; trial_rows() has the values of all"
            )
        return next(ranked for ranked in self.ranked if ranked.cell is found[0])

    def report(self, ranked: Ranked) -> RunResult | None:
        """Return the run with test examples of a chosen trial; of others there is none to show."""
        if ranked.rank > self.config.search.report or ranked.cell.report is None:
            return None
        return self.runs.get(ranked.cell.report)

    def trial_rows(self) -> list[dict[str, Any]]:
        """Return one plain row per trial, the best first: the rows of ``trials.csv``.

        Test metrics stand there for the chosen trials only.
        """
        metrics = self._recorded
        rows = []
        for ranked in self.ranked:
            cell, result = ranked.cell, ranked.result
            row: dict[str, Any] = {"rank": ranked.rank, "trial": cell.trial, "run": cell.run}
            row |= {**cell.values, "objective": ranked.value}
            row["status"] = result.status if result else "missing"
            row["epoch"] = result.epoch if result else None
            row["step"] = result.step if result else None
            final = dict(result.final) if result else {}
            report = self.report(ranked)
            if report is not None:
                final = {**report.final, **final}
            rows.append(row | {name: final.get(name) for name in metrics})
        return rows

    @property
    def _recorded(self) -> list[str]:
        """Names of the metrics that trials have, or the reports on chosen ones."""
        chosen = [self.report(ranked) for ranked in self.ranked[: self.config.search.report]]
        reported = {name for result in chosen if result for name in result.final}
        return [name for name in METRICS if name in reported or name in self.metrics]
