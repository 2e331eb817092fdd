"""From a config with defaults left open to what is trained: ``resolve``, and one cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from bnexp.config.checks import find_conflicts, recorded_metrics
from bnexp.config.fields import LEAVES, canonical_key
from bnexp.config.mistakes import ConfigMistakesError
from bnexp.config.network import evaluated_validation, weight_decay
from bnexp.config.schema import Config, Metric, PlotConfig, SearchConfig, SweepConfig
from bnexp.config.words import allowed_values, explain_unknown

_NO_SWEEP = SweepConfig()
_NO_SEARCH = SearchConfig()
_SEED_END = 2**32
#: Sections that are remembered, a kilobyte each: cells that follow each other have most in common.
_MOST_KNOWN = 256
_PREFERRED: tuple[Metric, ...] = (
    "train_accuracy",
    "running_accuracy",
    "val_accuracy",
    "test_accuracy",
)
#: Keys whose default follows from another: while that one is swept, each cell has its own.
_DEPENDENT: tuple[tuple[str, str, Callable[[Config], Any]], ...] = (
    ("data.standardize", "data.name", lambda c: c.data.resolved_standardize),
    ("init.scale", "init.scheme", lambda c: c.init.resolved_scale),
    ("regularization.weight_decay", "optimizer.kind", weight_decay),
    ("optimizer.lr", "optimizer.kind", lambda c: c.optimizer.resolved_lr),
    ("optimizer.momentum", "optimizer.kind", lambda c: c.optimizer.resolved_momentum),
    ("evaluate.validation", "data.validation", evaluated_validation),
)


def resolve(config: Config) -> Config:
    """Return ``config`` with the values filled in that depend on others; twice changes nothing.

    - ``init.scale``: 0.01 for the scheme ``normal``, a gain of 1 for the others.
    - ``data.standardize``, ``optimizer.lr``, ``optimizer.momentum``,
      ``regularization.weight_decay`` and ``evaluate.validation``: see their sections. A value stays
      unset where the key it depends on is swept or searched, for then each cell has its own.
    - ``plot.y``: the accuracy on training examples when ``evaluate.train`` gives one, else the
      running accuracy, else that on validation examples, else that on test examples.
    """
    updates: dict[str, dict[str, Any]] = {}
    varied = config.sweep.axes.keys() | config.search.space.keys()
    for key, cause, default in _DEPENDENT:
        section, _, name = key.partition(".")
        if getattr(getattr(config, section), name) is None and cause not in varied:
            updates.setdefault(section, {})[name] = default(config)
    if config.plot.y is None:
        recorded = recorded_metrics(config)
        y = next((metric for metric in _PREFERRED if metric in recorded), None)
        if y is not None:
            updates["plot"] = {"y": y}
    sections = {
        section: getattr(config, section).model_copy(update=changed)
        for section, changed in updates.items()
    }
    return config.model_copy(update=sections) if sections else config


def with_values(
    config: Config,
    values: Mapping[str, Any],
    seed: int | None = None,
    *,
    known: dict[str, Any] | None = None,
) -> Config:
    """Return the config of one cell: ``values`` set by dotted key, resolved, nothing else varied.

    ``seed`` replaces the config's. ``plot.panel`` and ``plot.arm``, which name axes, are cleared.
    Cheap enough for sweeps of 10,000 cells, whose configs share sections where each is given the
    same ``known``, empty at first. Raises ``ConfigMistakesError`` with a line for every value that
    is not allowed and every conflict, each naming the cell.
    """
    mistakes: list[str] = []
    cell = _cell(config, values, seed, {} if known is None else known, mistakes)
    if seed is not None and (type(seed) is not int or not 0 <= seed < _SEED_END):
        mistakes.append(f"seed: {seed!r}; allowed: {allowed_values(LEAVES['seed'])}")
    if not mistakes:
        mistakes += [f"{conflict.keys[0]}: {conflict.what}" for conflict in find_conflicts(cell)]
    if mistakes:
        name = name_cell(values, seed)
        raise ConfigMistakesError(f"cell {name}: {mistake}" for mistake in mistakes)
    return resolve(cell)


def with_values_again(
    config: Config, values: Mapping[str, Any], seed: int, known: dict[str, Any]
) -> Config:
    """Return what ``with_values`` returned before, without looking for mistakes."""
    return resolve(_cell(config, values, seed, known, []))


def _cell(
    config: Config,
    values: Mapping[str, Any],
    seed: int | None,
    known: dict[str, Any],
    mistakes: list[str],
) -> Config:
    """Return the config with ``values`` set, as far as they are allowed."""
    updates = _sections(config, values, mistakes, known)
    updates |= {"sweep": _NO_SWEEP, "search": _NO_SEARCH, "plot": PlotConfig(y=config.plot.y)}
    if seed is not None:
        updates["seed"] = seed
    return config.model_copy(update=updates)


def _sections(
    config: Config, values: Mapping[str, Any], mistakes: list[str], known: dict[str, Any]
) -> dict[str, Any]:
    """Return the sections that ``values`` change, validated, or as they are ``known`` already."""
    changes: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        leaf = LEAVES.get(canonical_key(key))
        if leaf is None or leaf.section in ("", "sweep", "search", "plot"):
            what = explain_unknown("", key) if leaf is None else "this key is not swept"
            mistakes.append(f"{key}: {what}")
        else:
            changes.setdefault(leaf.section, {})[leaf.name] = value
    updates: dict[str, Any] = {}
    for section, changed in changes.items():
        old = getattr(config, section)
        name = f"{section} {id(old)}: {changed!r}"
        try:
            if name not in known:
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                known[name] = type(old).model_validate({**old.__dict__, **changed})
            updates[section] = known[name]
        except ValidationError as error:
            wrong = dict.fromkeys(f"{section}.{detail['loc'][0]}" for detail in error.errors())
            for key in wrong:
                value = changed[LEAVES[key].name]
                mistakes.append(
                    f"{key}: {value!r} is refused; allowed: {allowed_values(LEAVES[key])}"
                )
    return updates


def name_cell(values: Mapping[str, Any], seed: int | None = None) -> str:
    """Return the values of a cell as text: ``init.scale = 0.1, norm.kind = batch, seed = 0``."""
    pairs = [f"{key} = {_text(value)}" for key, value in values.items()]
    if seed is not None:
        pairs.append(f"seed = {seed}")
    return ", ".join(pairs)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
