"""What the results folder of a search says: its trials in order, and the report on the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bnexp.records import METRICS, RunResult
from bnexp.store.results import Results
from bnexp.trials.rank import Ranked, rank_trials


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

    def report(self, ranked: Ranked) -> RunResult | None:
        """Return the run with test examples of a chosen trial; of others there is none to show."""
        if ranked.rank > self.config.search.report or ranked.cell.report is None:
            return None
        return self.runs.get(ranked.cell.report)

    def trial_rows(self) -> list[dict[str, Any]]:
        """Return one plain row per trial, the best first: the rows of ``trials.csv``.

        Test metrics stand there for the chosen trials only.
        """
        metrics = [name for name in METRICS if name in self.metrics or name in self._reported]
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
    def _reported(self) -> set[str]:
        chosen = [self.report(ranked) for ranked in self.ranked[: self.config.search.report]]
        return {name for result in chosen if result for name in result.final}
