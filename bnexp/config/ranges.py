"""The range of a searched key: ``loguniform(1e-6, 1e-2)``, ``int(1, 6)``, a list of values.

A config keeps a range as its text, or as the tuple of the values to choose from, so that it is
written and read as it stands; ``range_of`` gives it meaning.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bnexp.config.scalars import read_scalar
from bnexp.errors import ConfigError

RANGE_FORMS = (
    "loguniform(1e-6, 1e-2), uniform(0, 0.5), int(1, 6), choice([a, b]), a list of values, "
    "logspace(A, B, N) or linspace(A, B, N)"
)
_CALL = re.compile(r"(loguniform|uniform|int)\s*\(([^()]*)\)", re.DOTALL)
#: Values whose largest is this many times the smallest, evenly spaced in the exponent, are log.
_LOG_RATIO = 10.0


@dataclass(frozen=True)
class Range:
    """Where the value of a searched key may lie: between two ends, or in a list (``choice``)."""

    kind: Literal["loguniform", "uniform", "int", "choice"]
    low: float = 0
    high: float = 0
    values: tuple[Any, ...] = ()

    @property
    def text(self) -> str:
        """The range as a config says it; for ``choice`` the list itself is what a config keeps."""
        return f"{self.kind}({self.low!r}, {self.high!r})"

    @property
    def points(self) -> Sequence[Any] | None:
        """All values, or None where there is a continuum of them."""
        if self.kind == "int":
            return range(int(self.low), int(self.high) + 1)
        return self.values if self.kind == "choice" else None

    @property
    def is_log(self) -> bool:
        """Whether the range is spaced evenly in the exponent, as an axis should be, too."""
        if self.kind != "choice":
            return self.kind == "loguniform"
        numbers = [v for v in self.values if isinstance(v, int | float) and v is not True and v > 0]
        if len(numbers) < max(3, len(self.values)) or max(numbers) < _LOG_RATIO * min(numbers):
            return False
        steps = [math.log(b / a) for a, b in itertools.pairwise(numbers)]
        return max(steps) - min(steps) < 0.01 * max(map(abs, steps))


def parse_range(text: str) -> Range | None:
    """Return the range that a text says; None where it is none of the three with two ends.

    Raises ConfigError for ends that are no numbers or do not enclose anything.
    """
    match = _CALL.fullmatch(text.strip())
    if match is None:
        return None
    kind, pieces = match[1], [piece.strip() for piece in match[2].split(",")]
    if len(pieces) != 2:
        raise ConfigError(f"{kind} needs two numbers: {kind}(lowest, highest)")
    low, high = (_end(kind, piece) for piece in pieces)
    if kind == "loguniform" and low <= 0:
        raise ConfigError(f"loguniform: {pieces[0]} has no logarithm; allowed: numbers above 0")
    if low > high or (low == high and kind != "int"):
        raise ConfigError(f"{kind}: {pieces[0]} is not below {pieces[1]}; give the lower end first")
    return Range(kind, low, high)  # type: ignore[arg-type]


def _end(kind: str, text: str) -> float:
    number = read_scalar(text)
    if kind == "int" and isinstance(number, float) and number.is_integer():
        number = int(number)
    allowed: tuple[type, ...] = (int,) if kind == "int" else (int, float)
    if type(number) not in allowed or not abs(number) < 1e300:  # type: ignore[arg-type]
        what = "whole numbers" if kind == "int" else "finite numbers"
        raise ConfigError(f'{kind}: "{text[:40]}" is not allowed; allowed: {what}')
    return number if kind == "int" else float(number)  # type: ignore[arg-type,return-value]


def range_of(said: str | Sequence[Any]) -> Range:
    """Return the range of what a config keeps for a searched key. Raises ConfigError."""
    if not isinstance(said, str):
        return Range("choice", values=tuple(said))
    found = parse_range(said)
    if found is None:
        raise ConfigError(f"{said[:60]} is not understood; allowed: {RANGE_FORMS}")
    return found
