"""Which metric a figure shows and which axes make its panels and arms.

What somebody asks for is checked and refused with what there is; what nobody asks for is chosen
from the config and from what was recorded. No matplotlib here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnexp.config import recorded_metrics as configured_metrics
from bnexp.errors import ConfigError, like, meant
from bnexp.plan import AxisValue
from bnexp.plots.words import join_words
from bnexp.records import METRICS
from bnexp.store.results import Results
from bnexp.store.search import SearchResults

#: Most values of a single axis that make arms in one panel instead of panels: numbers, and words.
_MOST_ARMS, _MOST_WORDS = 6, 8
#: What is evaluated, and the key of ``evaluate`` that decides about it.
PARTS: Mapping[str, str] = {
    "train": "train",
    "running": "train",
    "val": "validation",
    "test": "test",
}
#: Metrics in the order in which one is chosen where nobody asks for one.
_PREFERRED = (
    "train_accuracy",
    "running_accuracy",
    "val_accuracy",
    "test_accuracy",
    "train_loss",
    "running_loss",
    "val_loss",
    "test_loss",
)


def recorded_metrics(results: Results) -> tuple[str, ...]:
    """Return the metrics that finished runs recorded, or that the config asks for if none did.

    In a search those of the trials: what the report on a chosen one has besides is none.
    """
    found = results.metrics or configured_metrics(results.config)
    return tuple(name for name in METRICS if name in found)


def choose_metric(results: Results, y: str | None) -> str:
    """Return the metric to draw: ``y``, else the config's, else the first accuracy recorded.

    Metrics that runs record at each evaluation go before those recorded once, at the end.

    Raises:
        ConfigError: ``y`` is no metric, or no run recorded it.
    """
    recorded = recorded_metrics(results)
    if y is not None and y not in recorded:
        near = like(y, METRICS)
        unknown = "is no metric" + (f", did you mean {near}?" if near in recorded else "")
        wrong = f"is not recorded in {results.folder}" if y in METRICS else unknown
        raise ConfigError(
            f"y: {y!r} {wrong}{_why_missing(results, y)}; "
            f"choose one of {', '.join(recorded) or METRICS[1]}"
        )
    if not recorded:
        raise ConfigError(
            "no metric is recorded: set evaluate.train or evaluate.test to something but none"
        )
    if y is not None:
        return y
    wished = [name for name in results.config.plot.metrics if name in recorded]
    if wished:
        return wished[0]
    evaluate = results.config.evaluate
    once = {part for part, key in PARTS.items() if getattr(evaluate, key) == "last"}
    preferred = [name for name in _PREFERRED if name in recorded]
    return min(preferred, key=lambda name: name.partition("_")[0] in once)


def choose_metrics(results: Results, y: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the metrics to draw in one panel: ``y``, else the config's, else one is chosen.

    Raises:
        ConfigError: one of them is no metric, no run recorded it, or they are of two kinds.
    """
    chosen = tuple(dict.fromkeys(choose_metric(results, name) for name in _names(y)))
    if len({metric_kind(name) for name in chosen}) > 1:
        recorded = recorded_metrics(results)
        groups = [[n for n in recorded if metric_kind(n) == kind] for kind in ("accuracy", "loss")]
        raise ConfigError(
            f"y: {join_words(chosen)} are of two kinds, and a panel has one scale; choose of "
            f"{' or of '.join(', '.join(group) for group in groups)}"
        )
    wished = results.config.plot.metrics
    if not chosen and set(wished) <= set(recorded_metrics(results)):
        chosen = wished
    return chosen or (choose_metric(results, None),)


def metric_kind(metric: str) -> str:
    """Return ``accuracy`` or ``loss``."""
    return metric.partition("_")[2]


def _names(y: str | Sequence[str] | None) -> tuple[str, ...]:
    return (y,) if isinstance(y, str) else tuple(y or ())


def choose_search_metric(results: Results, y: str | Sequence[str] | None) -> str:
    """Return the metric to draw of the trials of a search: ``y``, else the objective.

    Raises:
        ConfigError: the results are no search's, ``y`` is no metric or more than one, or no trial
            recorded it.
    """
    if not isinstance(results, SearchResults):
        raise ConfigError(f"{results.folder} is no search: draw it with plot_grid or plot_curves")
    names = _names(y)
    if len(names) > 1:
        raise ConfigError(
            f"y: {join_words(names)}: each of the best trials of a search has its training and "
            f"validation curves anyway; choose one, such as {results.objective}"
        )
    y = names[0] if names else results.objective
    if y == results.objective:
        return y
    recorded = recorded_metrics(results)
    if y in METRICS and y.startswith("test") and y not in recorded:
        raise ConfigError(
            f"y: {y!r} is measured of the chosen trials only, once they are chosen (trials.csv has "
            f"it): no picture tempts to choose by it; choose one of {', '.join(recorded)}"
        )
    return choose_metric(results, y)


def _why_missing(results: Results, metric: str) -> str:
    """Name the setting because of which no run records ``metric``, if it is one."""
    config = results.config
    if metric not in METRICS or metric in configured_metrics(config):
        return ""
    key = PARTS[metric.partition("_")[0]]
    if key == "validation" and not config.data.validation:
        return f" (data.validation is {config.data.validation})"
    return f" (evaluate.{key} is {getattr(config.evaluate, key)})"


def choose_axes(
    results: Results, panel: str | None, arm: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """Return the key that makes panels (None for one panel) and the keys that make arms.

    What is not asked for is taken from the config's ``plot`` where it is swept; else arms are by
    ``norm.kind`` and panels by the axis with most values. All axes left over make arms too, and so
    does a single axis of few values, that its curves can be compared in one panel.

    Raises:
        ConfigError: a key that is asked for is not swept, or both are the same.
    """
    axes = results.axes
    swept = ", ".join(axes) or "nothing"
    for option, key in (("panel", panel), ("arm", arm)):
        if key is not None and key not in axes:
            raise ConfigError(
                f"{option}: {key!r} is not swept in these results{meant(key, axes)}; swept: {swept}"
            )
    if panel is not None and panel == arm:
        raise ConfigError(f"panel and arm are both {panel!r}: choose two axes; swept: {swept}")
    wished = results.config.plot
    if panel is None and wished.panel in axes and wished.panel != arm:
        panel = wished.panel
    if arm is None:
        arm = next((k for k in (wished.arm, "norm.kind") if k in axes and k != panel), None)
    rest = [key for key in axes if key not in (panel, arm)]
    if rest == list(axes) and len(rest) == 1 and _is_short(axes[rest[0]]):
        return None, tuple(rest)
    if panel is None and rest:
        panel = max(rest, key=lambda key: len(axes[key]))
        rest.remove(panel)
    return panel, (*([arm] if arm is not None else []), *rest)


def _is_short(values: Sequence[AxisValue]) -> bool:
    """Whether one panel compares all values of an axis; words have no order that panels show."""
    words = all(isinstance(value, str) for value in values)
    return len(values) <= (_MOST_WORDS if words else _MOST_ARMS)
