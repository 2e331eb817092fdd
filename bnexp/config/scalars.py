"""What a plain YAML scalar means: YAML 1.2's core schema, Python's numbers, and on/off/yes/no.

Text that YAML versions read as different numbers (``012``, ``1:30``) stays text here, so that it is
refused wherever a number is expected; ``number_remedy`` says what to write instead.
"""

from __future__ import annotations

import math
import re

#: What one scalar can be.
ScalarValue = None | bool | int | float | str

_WORDS: dict[str, bool | None] = {"": None, "~": None}
for _word, _meaning in (
    ("null", None),
    ("true", True),
    ("false", False),
    ("yes", True),
    ("no", False),
    ("on", True),
    ("off", False),
):
    _WORDS |= {_word: _meaning, _word.capitalize(): _meaning, _word.upper(): _meaning}

_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)")
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(
    rf"[-+]?(?:{_DIGITS}\.(?:{_DIGITS})?(?:[eE][-+]?[0-9]+)?"
    rf"|\.{_DIGITS}(?:[eE][-+]?[0-9]+)?"
    rf"|{_DIGITS}[eE][-+]?[0-9]+)"
)
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"([-+]?)0+([0-9_]+)")
_BASE_60 = re.compile(r"[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?")
_COMMA = re.compile(r"([-+]?[0-9]*),([0-9]+)")

#: Past this many digits an integer is read as a float: Python limits the digits of an integer.
_MANY_DIGITS = 300


def read_scalar(text: str) -> ScalarValue:
    """Return what plain (unquoted) ``text`` means: None, a boolean, a number, or text."""
    if text in _WORDS:
        return _WORDS[text]
    if _DECIMAL.fullmatch(text):
        return int(text) if len(text) <= _MANY_DIGITS else float(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _BASED.fullmatch(text) and len(text) <= _MANY_DIGITS:
        return int(text, 0)
    if special := _SPECIAL.fullmatch(text):
        return math.nan if special[3] else float(special[1] + "inf")
    return text


def number_remedy(text: str) -> str | None:
    """Say why ``text`` looks like a number but is none, and what to write; None if it does not."""
    if zero := _LEADING_ZERO.fullmatch(text):
        return f"{text} begins with 0, which some readers take for base 8; write {zero[1]}{zero[2]}"
    if _BASE_60.fullmatch(text):
        return (
            f"{text} is a number in base 60 to some readers and text to others; write it in base 10"
        )
    if comma := _COMMA.fullmatch(text):
        return f"{text} has a comma; write {comma[1] or '0'}.{comma[2]}"
    if text.lower().lstrip("+-") in ("inf", "infinity", "nan"):
        return f"{text} is not a finite number"
    return None
