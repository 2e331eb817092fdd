"""The config of a sweep, with the axes that its arguments name, and that of a run."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Mapping, Sequence
from os import PathLike
from typing import Any

from bnexp.config.dump import write_config
from bnexp.config.fields import SHORT_SECTIONS, canonical_key
from bnexp.config.files import read_text
from bnexp.config.load import BUILTIN, WEIGHTS, load_config, load_text
from bnexp.config.mistakes import ConfigMistakesError, shown
from bnexp.config.schema import Config


def load_sweep(
    config: Config | Mapping[str, Any] | str | PathLike[str] | None,
    *,
    axes: Sequence[str] = (),
    weights: str | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """Return the config of a sweep; ``config`` is one, or a mapping or the path of one, or None.

    None takes the built-in config, whose own axes give way to those that are named. ``axes`` are
    texts ``key=SPEC``, each key once, and ``weights`` is the SPEC of ``init.scale``; where that is
    the only axis, batch norm is compared with none. Raises ``ConfigMistakesError``.
    """
    _refuse_repeated(axes, weights)
    loaded = load_any(
        config, axes=axes, weights=weights, seeds=seeds, seed=seed, overrides=overrides
    )
    _refuse_overruled(overrides, loaded)
    return loaded


def _refuse_overruled(overrides: Sequence[str], config: Config) -> None:
    """Refuse to set a key that is swept: the value would be lost without a word."""
    pairs = [text.partition("=") for text in overrides]
    lost = [
        f"--set {shown(key + equals + value, 80)}: {canonical_key(key.strip())} is swept, so this "
        f"has no effect; sweep that value alone: --axis {key.strip()}={value.strip()}"
        for key, equals, value in pairs
        if _one_key(key.strip(), value) in config.sweep.axes
    ]
    if lost:
        raise ConfigMistakesError(lost)


def _one_key(key: str, value: str) -> str:
    """Return the key that an override sets; a mapping for a section sets others too."""
    return "" if value.lstrip().startswith("{") else canonical_key(SHORT_SECTIONS.get(key, key))


def load_run(
    config: Config | Mapping[str, Any] | str | PathLike[str],
    *,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """Return the config of a single run, given as for ``load_sweep``; its sweep is not used.

    Raises ``ConfigMistakesError``.
    """
    return load_any(config, axes=(), overrides=overrides, seeds=None, seed=seed)


def _refuse_repeated(axes: Sequence[str], weights: str | None) -> None:
    """Refuse a key that is named twice: one of the two would be lost without a word."""
    named = [(f"--axis {shown(text, 80)}", text.partition("=")[0]) for text in axes]
    if weights is not None:
        named.append((f"--weights {shown(weights, 80)}", WEIGHTS))
    keys = [canonical_key(key.strip()) for _, key in named]
    again = [i for i, key in enumerate(keys) if key and key in keys[:i]]
    if again:
        raise ConfigMistakesError(
            f"{named[i][0]}: {shown(keys[i], 60)}: this axis is named before; give all its values "
            "at once"
            for i in again
        )


def load_any(
    config: Config | Mapping[str, Any] | str | PathLike[str] | None, **arguments: Any
) -> Config:
    """Return a config given as itself, as a mapping, or by its path, with arguments applied."""
    axes = arguments["axes"] or arguments.get("weights") is not None
    if config is None and axes:
        return load_text(read_text(BUILTIN), "built-in config", bare=True, **arguments)
    if isinstance(config, Mapping):
        return load_text(_yaml(config), "config", **arguments)
    if not isinstance(config, Config):
        return load_config(config, **arguments)
    numbers = (arguments["seeds"], arguments["seed"])
    given = axes or arguments["overrides"] or arguments.get("search")
    if given or numbers != (None, None):
        return load_text(write_config(config), "config", **arguments)
    return config


def pairs_of(name: str, values: Mapping[str, Any] | None) -> ItemsView[str, Any]:
    """Return keys and what is said of each. Raises ``ConfigMistakesError`` for no mapping."""
    if values is None:
        return {}.items()
    if hasattr(values, "items"):
        return values.items()
    example = '{"optimizer.lr": [0.1, 0.01]}'
    raise ConfigMistakesError(
        [f"{name}: {values!r} is no mapping; allowed: keys and their values, such as {example}"]
    )


def _yaml(config: Mapping[str, Any]) -> str:
    """Write a mapping of plain values as YAML, of which JSON is a part."""
    try:
        return json.dumps(config)
    except (TypeError, ValueError) as error:
        raise ConfigMistakesError(
            [f"config: {error}; allowed: a mapping of names to numbers, words, lists and mappings"]
        ) from None
