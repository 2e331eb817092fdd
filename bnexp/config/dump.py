"""A config as YAML text, every default written out: what a results folder stores.

The text is written here rather than by PyYAML so that keys stand in the order of the schema, lists
on a line, and every number reads as the same number in YAML 1.1 and 1.2 alike.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from bnexp.config.cells import resolve
from bnexp.config.fields import LEAVES, axis_value
from bnexp.config.scalars import read_scalar
from bnexp.config.schema import Config, SearchConfig

_EXPONENT = re.compile(r"(.+)e([-+])0*(\d+)")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*(?: [A-Za-z0-9._-]+)*")


def dump_config(config: Config) -> str:
    """Return the resolved config as YAML; loading it gives ``resolve(config)`` again."""
    return write_config(resolve(config))


def write_config(config: Config) -> str:
    """Return the config as YAML, what is unset left out; loading it gives ``config`` again."""
    lines: list[str] = []
    section = ""
    for key, leaf in LEAVES.items():
        if leaf.section == "search" and config.search == SearchConfig():
            continue  # nothing is searched
        holder = getattr(config, leaf.section) if leaf.section else config
        value = getattr(holder, leaf.name)
        if value is None:
            continue
        if leaf.section and leaf.section != section:
            lines.append(f"{leaf.section}:")
        section = leaf.section
        indent = "  " if section else ""
        if key in ("sweep.axes", "search.space"):
            lines += _varied(leaf.name, value)
        else:
            lines += _wrapped(f"{indent}{leaf.name}: ", axis_value(value))
    return "\n".join(lines) + "\n"


def _varied(name: str, keys: Mapping[str, str | tuple[Any, ...]]) -> Iterator[str]:
    """Yield the lines of a mapping of keys to their values or ranges."""
    yield f"  {name}:" if keys else f"  {name}: {{}}"
    for key, values in keys.items():
        yield from _wrapped(f"    {key}: ", values)


def _wrapped(start: str, value: Any) -> list[str]:
    if not isinstance(value, tuple):
        return [start + dump_value(value)]
    indent = " " * (len(start) - len(start.lstrip()) + 2)
    return textwrap.wrap(
        start + dump_value(value),
        width=100,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def dump_value(value: Any) -> str:
    """Return one value as YAML on one line: lists in brackets, numbers with a point or none."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(dump_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _dump_float(value)
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and isinstance(read_scalar(value), str)
        return value if plain else _quoted(value)
    return str(value)


def _quoted(text: str) -> str:
    """Return text in double quotes, safe to be wrapped: JSON, and no two blanks side by side."""
    quoted = json.dumps(text, ensure_ascii=False).replace("  ", " \\x20")
    return "".join(char if char.isprintable() else _escaped(char) for char in quoted)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _dump_float(value: float) -> str:
    """Return the shortest exact text; YAML 1.1 wants a point and a signed exponent."""
    text = repr(value)
    if match := _EXPONENT.fullmatch(text):
        digits = match[1] if "." in match[1] else f"{match[1]}.0"
        text = f"{digits}e{match[2]}{match[3]}"
    return text
