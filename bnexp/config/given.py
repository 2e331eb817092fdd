"""Values of a key that Python or the command line gives outside of a config."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bnexp.config.draft import Draft
from bnexp.config.mistakes import Mark, Mistakes
from bnexp.config.nodes import Entry, Scalar
from bnexp.config.scalars import read_scalar
from bnexp.config.values import read_axis
from bnexp.errors import ConfigError


def spec_text(key: str, values: str | Iterable[Any]) -> str:
    """Write values as the SPEC that the command line would have. Raises ConfigError."""
    if isinstance(values, str):
        return values
    try:
        return list_text(values)
    except TypeError as error:
        raise ConfigError(
            f"{key}: {values!r} is no list of values ({error}); allowed: numbers, words, on/off, "
            'lists of layers, or a SPEC such as "logspace(0, -4, 16)"'
        ) from None


def list_text(values: Iterable[Any]) -> str:
    """Write values as a list in YAML. Raises TypeError.

    Words such as "on" mean what they mean without quotes: no key that varies takes them as text.
    """
    return json.dumps([_meant(value) for value in values], default=_plain)


def read_given(key: str, values: str | Iterable[Any], source: str) -> tuple[Any, ...]:
    """Return the values of ``key`` that a SPEC or a list says; ``source`` names it in messages.

    Raises ConfigError: a value that is not allowed, or a key that is none.
    """
    text, mark = spec_text(f"{source}: {key}", values), Mark(source)
    draft = Draft(mark, Mistakes())
    found = read_axis(draft, key, Entry(key, mark, Scalar(mark, text, text or None)))
    draft.mistakes.raise_if_any()
    return found or ()


def _meant(value: Any) -> Any:
    meaning = read_scalar(value) if isinstance(value, str) else value
    return meaning if isinstance(meaning, bool) else value


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers and arrays into Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no such value")
