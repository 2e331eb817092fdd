"""Search: which values to try, how trials are ranked, and which of them go on.

Everything here is a pure function of a config and of records: nothing trains, and nothing knows of
folders, so that a search that was killed decides again what it decided before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnexp.lazy import lazy_names

if TYPE_CHECKING:
    from bnexp.trials.draw import draw_values, trial_count
    from bnexp.trials.halving import Standing, halve, rung_epochs
    from bnexp.trials.planning import plan_search
    from bnexp.trials.rank import Ranked, objective_value, rank_trials

__all__ = [
    "Ranked",
    "Standing",
    "draw_values",
    "halve",
    "objective_value",
    "plan_search",
    "rank_trials",
    "rung_epochs",
    "trial_count",
]

__getattr__ = lazy_names(
    __name__,
    {
        "draw": ["draw_values", "trial_count"],
        "halving": ["Standing", "halve", "rung_epochs"],
        "rank": ["Ranked", "objective_value", "rank_trials"],
        "planning": ["plan_search"],
    },
)
