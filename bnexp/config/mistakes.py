"""Mistakes of a config: where each stands and what it says, gathered so that all are told at once.

A place is a line and column of a file, or the argument of the command line that brought the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bnexp.errors import ConfigError

#: Lines of one message; past that only the number of the others is told.
LINES = 50


@dataclass(frozen=True)
class Mark:
    """A place: line and column (from 1) of ``source``, or ``source`` itself when ``line`` is 0.

    ``rank`` orders places: the file first, then the arguments as they were given.
    """

    source: str
    line: int = 0
    column: int = 0
    rank: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class ConfigMistakesError(ConfigError):
    """A config with mistakes: ``mistakes`` holds a line for each, in the order of the file."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        lines = list(self.mistakes[:LINES])
        if len(self.mistakes) > LINES:
            lines.append(f"... and {len(self.mistakes) - LINES:,} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[ConfigMistakesError], tuple[tuple[str, ...]]]:
        return type(self), (self.mistakes,)


@dataclass
class Mistakes:
    """Mistakes as they are found."""

    found: list[tuple[Mark, str]] = field(default_factory=list)

    def add(self, mark: Mark, key: str, what: str) -> None:
        """Note a mistake of ``key`` (empty: of the file as a whole) at ``mark``."""
        self.found.append((mark, f"{mark}: {shown(key, 60)}: {what}" if key else f"{mark}: {what}"))

    def raise_if_any(self) -> None:
        """Raise ``ConfigMistakesError`` with every mistake found so far, if there is one."""
        if self.found:
            ordered = sorted(self.found, key=lambda one: _order(one[0]))
            raise ConfigMistakesError(line for _, line in ordered)


def _order(mark: Mark) -> tuple[int, int, int]:
    return mark.rank, mark.line, mark.column


def stop(mark: Mark, what: str) -> ConfigMistakesError:
    """Return the error for a mistake after which nothing more can be read."""
    return ConfigMistakesError([f"{mark}: {what}"])


def shown(text: str, width: int = 40) -> str:
    """Return a value or key as it may stand in a message: one line, printable, not too long."""
    if len(text) > width:
        text = text[: width - 3] + "..."
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
