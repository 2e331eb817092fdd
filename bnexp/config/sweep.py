"""The config of a sweep, with the axes that its arguments name."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from bnexp.config.dump import dump_config
from bnexp.config.fields import canonical_key
from bnexp.config.files import read_text
from bnexp.config.load import BUILTIN, load_config, load_text
from bnexp.config.mistakes import ConfigMistakesError, shown
from bnexp.config.schema import Config


def load_sweep(
    config: Config | str | PathLike[str] | None,
    *,
    axes: Sequence[str] = (),
    weights: str | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """Return the config of a sweep; ``config`` is one, or the path of one, or None.

    None takes the built-in config, whose own axes give way to those that are named. ``axes`` are
    texts ``key=SPEC``, each key once, and ``weights`` is the SPEC of ``init.scale``; where that is
    the only axis, batch norm is compared with none. Raises ``ConfigMistakesError``.
    """
    named = [*axes, *([f"init.scale={weights}"] if weights is not None else [])]
    _refuse_repeated(named)
    arguments = {"overrides": overrides, "seeds": seeds, "seed": seed}
    loaded = _load(config, axes=named, **arguments)
    if weights is not None and set(loaded.sweep.axes) == {"init.scale"}:
        named.append("norm.kind=batch,none")
        loaded = _load(config, axes=named, **arguments)
    return loaded


def _refuse_repeated(named: Sequence[str]) -> None:
    """Refuse a key that is named twice: one of the two would be lost without a word."""
    keys = [canonical_key(text.partition("=")[0].strip()) for text in named]
    again = [i for i, key in enumerate(keys) if key and key in keys[:i]]
    if again:
        raise ConfigMistakesError(
            f"--axis {shown(named[i], 80)}: {shown(keys[i], 60)}: this axis is named before "
            "(--weights names init.scale); give all its values at once"
            for i in again
        )


def _load(config: Config | str | PathLike[str] | None, **arguments: Any) -> Config:
    if config is None and arguments["axes"]:
        return load_text(read_text(BUILTIN), "built-in config", bare=True, **arguments)
    if not isinstance(config, Config):
        return load_config(config, **arguments)
    numbers = (arguments["seeds"], arguments["seed"])
    if arguments["axes"] or arguments["overrides"] or numbers != (None, None):
        return load_text(dump_config(config), "config", **arguments)
    return config
