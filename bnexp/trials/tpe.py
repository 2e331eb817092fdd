"""Bayesian search by Optuna's tree-structured Parzen estimator (arXiv 2304.11127).

Trials are asked for ``search.ask`` at a time and trained as stacks. The values of a trial follow
from the seed, its number, and how all trials of earlier asks ended, told in the order of their
numbers: the study lives in memory and is built anew for every ask, so there is nothing to lose in a
kill, and no number of workers can change it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bnexp.config.ranges import Range
from bnexp.config.schema import Config
from bnexp.errors import ConfigError
from bnexp.trials.draw import Values, draw_trial, hashed, ranges_of, rounded

if TYPE_CHECKING:
    import optuna

#: Trials drawn as ``random`` draws them, and at least the first ask: nothing is known yet.
STARTUP = 10


def require_optuna() -> None:
    """Raise ConfigError, with the remedy, where Optuna is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError(
            "search.sampler: tpe needs Optuna, which is not installed; install it with "
            "pip install optuna, or choose random"
        )


def ask_trials(
    config: Config, told: Sequence[tuple[Values, float | None]], count: int
) -> list[Values]:
    """Return the values of the next ``count`` trials.

    ``told`` are the values and objectives of all trials of earlier asks, in order; None is told as
    the worst objective there is. Raises ConfigError where Optuna is missing.
    """
    require_optuna()
    first = len(told) + 1
    ranges = ranges_of(config)
    with _quiet():
        study = _build_study(config, ranges, told)
        trials: list[Values] = []
        for number in range(first, first + count):
            if number <= max(STARTUP, config.search.ask):
                trials.append(draw_trial(config, number))
                continue
            trials.append(_ask(study, ranges, hashed(config.seed, number, "tpe") % 2**32))
    return trials


def _build_study(
    config: Config, ranges: Mapping[str, Range], told: Sequence[tuple[Values, float | None]]
) -> optuna.Study:
    import optuna

    search = config.search
    study = optuna.create_study(direction="maximize" if search.is_maximized else "minimize")
    known = [value for _, value in told if value is not None]
    worst = (min if search.is_maximized else max)(known, default=0.0)
    spaces = {key: _distribution(found) for key, found in ranges.items()}
    for values, value in told:
        params = {key: _param(ranges[key], values[key]) for key in ranges}
        done = optuna.trial.create_trial(
            params=params, distributions=spaces, value=worst if value is None else value
        )
        study.add_trial(done)
    return study


def _ask(study: optuna.Study, ranges: Mapping[str, Range], seed: int) -> Values:
    """Ask for one trial; those asked for before it count as running."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=1, multivariate=True, constant_liar=True
    )
    spaces = {key: _distribution(found) for key, found in ranges.items()}
    trial = study.ask(spaces)
    return {key: _value(found, trial.params[key]) for key, found in ranges.items()}


def _distribution(found: Range) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if found.kind == "int":
        return IntDistribution(int(found.low), int(found.high))
    if found.kind == "choice":
        # By place: a list of layers is no value that Optuna takes.
        numbers = _is_ordered(found)
        last = len(found.values) - 1
        return IntDistribution(0, last) if numbers else CategoricalDistribution(range(last + 1))
    return FloatDistribution(found.low, found.high, log=found.kind == "loguniform")


def _is_ordered(found: Range) -> bool:
    """Whether a list holds numbers that rise or fall: near places are near values then."""
    values = list(found.values)
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return False
    return sorted(values) in (values, values[::-1])


def _param(found: Range, value: Any) -> Any:
    return found.values.index(value) if found.kind == "choice" else value


def _value(found: Range, param: Any) -> Any:
    if found.kind == "choice":
        return found.values[param]
    return int(param) if found.kind == "int" else rounded(found, float(param))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from logging and warning: what it has to say is said by the search."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
