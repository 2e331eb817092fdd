"""The ranges of a search, each read against the schema of its key, with every mistake placed.

Beside the keys of a config, ``network.depth`` and ``network.width`` may be searched: the number of
hidden layers, all alike, and the units of each.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from bnexp.config.draft import Draft, read_inline
from bnexp.config.fields import LEAVES, Leaf, canonical_key
from bnexp.config.mistakes import Mistakes, shown
from bnexp.config.nodes import Entry, ListNode, Node, Scalar
from bnexp.config.ranges import RANGE_FORMS, Range, parse_range
from bnexp.config.schema.base import Section, Units
from bnexp.config.spec import parse_space
from bnexp.config.values import explain_axis_key, read_axis_nodes
from bnexp.config.words import allowed_values
from bnexp.errors import ConfigError

_CHOICE = re.compile(r"choice\s*\((.*)\)", re.DOTALL)


class _Shape(Section):
    """What the two keys allow that stand for ``network.layers``."""

    depth: Units = 1
    width: Units = 1


#: Keys of a search that are none of a config, and what they allow.
SHAPE_LEAVES = {
    f"network.{name}": Leaf(f"network.{name}", "network", name, _Shape)
    for name in _Shape.model_fields
}


#: Keys that decide which examples and metrics trials are compared by: searched, they would cheat.
_COMPARED = frozenset(
    key
    for key, leaf in LEAVES.items()
    if leaf.section == "evaluate"
    or (leaf.section == "data" and leaf.name not in ("standardize", "label_noise"))
)


def searched_leaf(key: str) -> Leaf | None:
    """Return the leaf of a key that may be searched, or None."""
    key = canonical_key(key)
    return SHAPE_LEAVES.get(key) or (None if explain_axis_key(key) else LEAVES[key])


def read_space(draft: Draft, key: str, entry: Entry) -> str | tuple[Any, ...] | None:
    """Return the range of ``key`` as a config keeps it, or None with its mistakes noted."""
    mistakes, where = draft.mistakes, f"search.space.{key}"
    leaf = searched_leaf(key)
    if leaf is None:
        what: str = (explain_axis_key(key) or "").replace("swept", "searched")
        if key == "seed":
            what = "the seed decides which trials are drawn; give --seed N"
        mistakes.add(entry.mark, where, what.partition("; allowed: sweep.seeds")[0])
        return None
    if leaf.key in _COMPARED:
        what = "this decides what trials are compared by; sweep it, each with a search of its own"
        mistakes.add(entry.mark, where, what)
        return None
    try:
        found, nodes = _read(entry.value, mistakes)
    except ConfigError as error:
        mistakes.add(entry.value.mark, where, shown(str(error), 300))
        return None
    if found is not None:
        if wrong := _explain_ends(leaf, found):
            mistakes.add(entry.value.mark, where, wrong)
            return None
        return found.text
    return read_axis_nodes(leaf, where, nodes, mistakes) if nodes else None


def _read(node: Node, mistakes: Mistakes) -> tuple[Range | None, list[Node]]:
    """Return a range between two ends, or the nodes of a list. Raises ConfigError."""
    if isinstance(node, ListNode):
        return None, _some(node)
    if not isinstance(node, Scalar) or node.value is None:
        what = "no range" if isinstance(node, Scalar) else "a mapping is no range"
        raise ConfigError(f"{what}; allowed: {RANGE_FORMS}")
    text = node.text
    if choice := _CHOICE.fullmatch(text.strip()):
        inner = choice[1].strip()
        inner = inner if inner.startswith("[") and _is_one_list(inner) else f"[{inner}]"
        read = read_inline(inner, node.mark, mistakes)
        return None, _some(read) if isinstance(read, ListNode) else []
    if (found := parse_range(text)) is not None:
        return found, []
    spaced = parse_space(text) if text.startswith(("logspace", "linspace")) else None
    if spaced is None:
        raise ConfigError(f"{text[:60]} is no range; allowed: {RANGE_FORMS}")
    return None, [Scalar(node.mark, repr(number), number) for number in spaced]


def _is_one_list(text: str) -> bool:
    """Whether the bracket that opens a text closes at its end: not ``[32], [64]``."""
    level = 0
    for at, char in enumerate(text):
        level += (char == "[") - (char == "]")
        if level == 0:
            return at == len(text) - 1
    return True


def _some(node: ListNode) -> list[Node]:
    if not node.items:
        raise ConfigError("no values; give at least one")
    return list(node.items)


def _explain_ends(leaf: Leaf, found: Range) -> str | None:
    """Say what is wrong with a range for this key; None if all in it is allowed."""
    ends = [int(found.low), int(found.high)] if found.kind == "int" else [found.low, found.high]
    for end in ends:
        if not _allows(leaf, end):
            return f"{end!r} is out of range; allowed: {allowed_values(leaf)}"
    if found.kind != "int" and not _allows(leaf, found.low + 0.37 * (found.high - found.low)):
        return f"this key takes whole numbers; write int({found.low:g}, {found.high:g})"
    return None


def _allows(leaf: Leaf, value: float) -> bool:
    try:
        read = leaf.read(value)
    except ValidationError:
        return False
    return isinstance(read, int | float)
