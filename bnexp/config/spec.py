"""The values of an axis, written as text: ``logspace``, ``linspace``, or a list with commas.

Spaced values are computed in decimal and rounded to 12 significant digits, so that they are the
same numbers on every platform and 0.1 is 0.1; what is written out stays as it is written.
"""

from __future__ import annotations

import decimal
import difflib
import re
from decimal import Decimal

from bnexp.config.scalars import read_scalar
from bnexp.errors import ConfigError

#: Values of one axis.
MAX_VALUES = 10_000

FORMS = "logspace(0, -4, 16), linspace(0, 1, 11), or values with commas: 1, 0.1, 0.01"

_SPACE = re.compile(r"(logspace|linspace)\s*(?:\((?P<args>[^()]*)\)|:(?P<colons>.*))?", re.DOTALL)
_CALL = re.compile(r"\w*\s*\(")
_EXACT = decimal.Context(prec=40, Emax=100_000, Emin=-100_000)
_ROUNDED = decimal.Context(prec=12, Emax=100_000, Emin=-100_000)


def parse_space(text: str) -> tuple[float, ...] | None:
    """Return the numbers of a ``logspace`` or ``linspace``, or None when the text is neither.

    ``logspace`` is ``logspace(0, -4, 16)``; ``logspace(A, B, N)`` or ``logspace:A:B:N`` are N
    powers of ten from 10^A to 10^B, evenly spaced in the exponent, and ``linspace`` N numbers from
    A to B (N = 1 gives the first). Raises ``ConfigError`` for a malformed one, N out of range, or
    numbers that are not finite.
    """
    text = text.strip()
    match = _SPACE.fullmatch(text)
    if match is None:
        word = re.split(r"[:(]", text)[0]
        near = difflib.get_close_matches(word, ("logspace", "linspace"), 1, 0.8)
        if near or _CALL.match(text):
            meant = f", did you mean {near[0]}?" if near and near != [word] else ""
            raise ConfigError(f"{text[:60]} is not understood{meant}; allowed: {FORMS}")
        return None
    name = match[1]
    if match["args"] is not None:
        args = match["args"].split(",")
    elif match["colons"] is not None:
        args = match["colons"].split(":")
    elif name == "logspace":
        args = ["0", "-4", "16"]
    else:
        args = []
    if len(args) != 3:
        raise ConfigError(f"{name} needs three numbers: {name}(first, last, how many)")
    count = _count(name, args[2].strip())
    first, last = (_number(name, arg.strip()) for arg in args[:2])
    return tuple(_space(name == "logspace", first, last, count))


def explain_exponents(text: str) -> str | None:
    """Say how to write a ``logspace`` that seems to be given its ends, not their exponents.

    That is one between positive numbers, one of them 0.1, 0.01, 0.001, ... None for any other text,
    also a malformed one.
    """
    match = _SPACE.fullmatch(text.strip())
    if match is None or match[1] != "logspace":
        return None
    args = [arg.strip() for arg in re.split("[,:]", match["args"] or match["colons"] or "")]
    try:
        first, last = (_number("logspace", arg) for arg in args[:2])
    except (ConfigError, ValueError):
        return None
    ends = (first, last)
    if min(ends) <= 0 or not any(end < 1 and _EXACT.log10(end) % 1 == 0 for end in ends):
        return None
    count = ", ".join(["", *args[2:]])
    given = " to ".join(f"{10 ** float(end):.4g}" for end in ends)
    meant = ", ".join(f"{float(_EXACT.log10(end)):.4g}" for end in ends)
    values = " to ".join(f"{float(end):.4g}" for end in ends)
    return (
        f"logspace takes exponents: {text.strip()} is {given}; logspace({meant}{count}) is {values}"
    )


def split_list(text: str) -> tuple[str, ...]:
    """Split a text at its commas, but for those inside brackets. Raises ``ConfigError``."""
    pieces, start, level = [], 0, 0
    for at, char in enumerate(text):
        level += (char in "[{(") - (char in ")}]")
        if char == "," and level == 0:
            pieces.append(text[start:at].strip())
            start = at + 1
    pieces.append(text[start:].strip())
    if len(pieces) > MAX_VALUES:
        raise ConfigError(f"{len(pieces):,} values; allowed: at most {MAX_VALUES:,}")
    if not all(pieces):
        missing = "it is empty" if len(pieces) == 1 else "a value is missing beside a comma"
        raise ConfigError(f"{missing}; allowed: {FORMS}")
    return tuple(pieces)


def _count(name: str, text: str) -> int:
    count = read_scalar(text)
    if type(count) is not int or not 1 <= count <= MAX_VALUES:
        allowed = f"a whole number from 1 to {MAX_VALUES:,}"
        raise ConfigError(f'{name}: "{text[:40]}" is not how many values; allowed: {allowed}')
    return count


def _number(name: str, text: str) -> Decimal:
    number = read_scalar(text)
    if type(number) is int or (type(number) is float and abs(number) < 1e300):
        exact = Decimal(text.replace("_", "")) if type(number) is float else Decimal(number)
        if abs(exact) <= (300 if name == "logspace" else Decimal("1e300")):
            return exact
    allowed = "powers from -300 to 300" if name == "logspace" else "finite numbers"
    raise ConfigError(f'{name}: "{text[:40]}" is not allowed; allowed: {allowed}')


def _space(powers: bool, first: Decimal, last: Decimal, count: int) -> list[float]:
    values = []
    with decimal.localcontext(_EXACT):
        for i in range(count):
            value = first + (last - first) * i / max(count - 1, 1)
            if powers:
                value = Decimal(10) ** value
            values.append(float(_ROUNDED.plus(value)) + 0.0)
    return values
