"""What a YAML file says, with the place of every key and value: scalars, lists and mappings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bnexp.config.mistakes import Mark
from bnexp.config.scalars import ScalarValue


@dataclass(frozen=True)
class Scalar:
    """One value: ``text`` as it was written, ``value`` as it is meant."""

    mark: Mark
    text: str
    value: ScalarValue
    quoted: bool = False


@dataclass(frozen=True)
class ListNode:
    """A list of values."""

    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Entry:
    """A key of a mapping, as it was written, and its value."""

    key: str
    mark: Mark
    value: Node


@dataclass(frozen=True)
class MapNode:
    """A mapping. A key may stand twice: the reader reports it and keeps both."""

    mark: Mark
    entries: tuple[Entry, ...]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


Node = Scalar | ListNode | MapNode


def plain(node: Node) -> Any:
    """Return ``node`` as plain Python: scalars, lists and dicts."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {entry.key: plain(entry.value) for entry in node}
