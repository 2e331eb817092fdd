"""Values torn apart by a comma inside braces, where YAML reads what follows as a key.

``{lr: 0,01}`` has the keys ``lr`` and ``01``, the latter without a value.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from bnexp.config.nodes import Entry, Scalar

_OPENED = re.compile(r"\w+\s*\([^()]*")
_DIGITS = re.compile(r"[0-9]+")
_WHOLE = re.compile(r"[-+]?[0-9]+")
#: What may stand after the comma of a torn value, so that it is no key.
PIECE = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*\)?")


def join_calls(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str | None]]:
    """Yield entries, each with the text of its value if that is a torn ``name(A, B, N)``."""
    rest = deque(entries)
    while rest:
        entry = rest.popleft()
        pieces: list[str] = []
        if _OPENED.fullmatch(_text(entry)):
            while rest and _is_piece(rest[0], entry) and not any(")" in piece for piece in pieces):
                pieces.append(rest.popleft().key)
        yield entry, ", ".join([_text(entry), *pieces]) if pieces else None


def join_numbers(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str | None]]:
    """Yield entries, each with the text of its value if that is a torn number with a comma."""
    rest = deque(entries)
    while rest:
        entry, torn = rest.popleft(), None
        begins = rest and _WHOLE.fullmatch(_text(entry))
        if begins and _is_piece(rest[0], entry) and _DIGITS.fullmatch(rest[0].key):
            torn = f"{_text(entry)},{rest.popleft().key}"
        yield entry, torn


def _text(entry: Entry) -> str:
    value = entry.value
    return value.text if isinstance(value, Scalar) and not value.quoted else ""


def _is_piece(entry: Entry, before: Entry) -> bool:
    """Whether an entry is a key alone, in the line of the value before it."""
    alone = isinstance(entry.value, Scalar) and not entry.value.text
    return alone and entry.mark.line == before.value.mark.line
