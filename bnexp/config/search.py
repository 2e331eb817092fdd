"""The config of a search, with what its arguments say instead of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from bnexp.config.given import list_text
from bnexp.config.mistakes import ConfigMistakesError
from bnexp.config.schema import Config
from bnexp.config.sweep import load_any, pairs_of


def load_search(
    config: Config | Mapping[str, Any] | str | PathLike[str],
    *,
    space: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    **search: Any,
) -> Config:
    """Return the config of a search; ``config`` is one, or a mapping or the path of one.

    ``space`` maps keys to ranges that replace or join those of the config; ``search`` are keys of
    that section. Raises ``ConfigMistakesError``.
    """
    ranges = [f"search.space.{key}={_text(key, said)}" for key, said in pairs_of("space", space)]
    given = {name: value for name, value in search.items() if value is not None}
    loaded = load_any(
        config, overrides=[*overrides, *ranges], axes=(), seeds=None, seed=seed, search=given
    )
    if not loaded.search.space:
        raise ConfigMistakesError(
            [
                "search.space: this config searches nothing; name keys and their ranges, such as "
                "search: {space: {optimizer.lr: 'loguniform(1e-4, 1)'}}"
            ]
        )
    return loaded


def _text(key: str, said: Any) -> str:
    if isinstance(said, str):
        return said
    try:
        return list_text(said)
    except TypeError as error:
        raise ConfigMistakesError([f"search.space.{key}: {said!r} is no range ({error})"]) from None
