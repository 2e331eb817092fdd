"""What a conflict between keys is, and the words for one layer in it."""

from __future__ import annotations

from dataclasses import dataclass

from bnexp.config.schema import Config

#: Keys that decide which examples there are.
DATA_KEYS = ("data.name", "data.path", "data.test_path")


@dataclass(frozen=True)
class Conflict:
    """Keys that do not go together, and what to do about it; ``keys[0]`` is the one at fault.

    ``layer`` is the place in ``network.layers`` of a layer at fault.
    """

    keys: tuple[str, ...]
    what: str
    layer: int | None = None


def name_layer(config: Config, index: int) -> str:
    """Return a layer's place and words: ``layer 3, pool 2``."""
    return f"layer {index + 1}, {_words(config.network.layers[index].short)}"


def _words(short: int | str) -> str:
    return f"dense {short}" if isinstance(short, int) else short
