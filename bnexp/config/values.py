"""The values of a draft, key by key and axis by axis, checked against the schema.

Every value is read alone, so that all mistakes of a file are found, each at its own place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from bnexp.config.draft import Draft, read_inline
from bnexp.config.fields import LAYERS, LEAVES, SECTIONS, Leaf, axis_value
from bnexp.config.layers import check_layer
from bnexp.config.mistakes import Mark, Mistakes, shown
from bnexp.config.nodes import Entry, ListNode, MapNode, Node, Scalar, plain
from bnexp.config.scalars import read_scalar
from bnexp.config.spec import FORMS, MAX_VALUES, parse_space, split_list
from bnexp.config.words import explain_unknown, explain_value, own_keys
from bnexp.errors import ConfigError

#: Stands for a value that was refused.
REFUSED = object()

_FIXED = {
    "name": "a name is not swept; it only names the results folder",
    "seed": "seeds are no axis; allowed: sweep.seeds, or --seeds N",
    "sweep": "keys of sweep are not swept; allowed: sweep.seeds, or --seeds N",
    "search": "keys of search are not swept; they change nothing in a run",
    "plot": "keys of plot are not swept; they change nothing in a run",
}
_SIMPLE = re.compile(r"[A-Za-z0-9.+_-]+")


def read_value(leaf: Leaf, node: Node, mistakes: Mistakes) -> Any:
    """Return the value of ``node`` as the schema keeps it, or note a mistake: ``REFUSED``."""
    if leaf is LAYERS and isinstance(node, ListNode):
        before = len(mistakes.found)
        for index, item in enumerate(node.items):
            check_layer(item, index, mistakes)
        if len(mistakes.found) > before:
            return REFUSED
    try:
        return leaf.read(plain(node))
    except ValidationError:
        mistakes.add(node.mark, leaf.key, explain_value(leaf, node))
        return REFUSED


def read_axis(draft: Draft, key: str, entry: Entry) -> tuple[Any, ...] | None:
    """Return the values of the axis over ``key``, or None with its mistakes noted."""
    mistakes = draft.mistakes
    where = f"sweep.axes.{key}" if entry.mark.line else key
    wrong_key = explain_axis_key(key)
    if wrong_key:
        mistakes.add(entry.mark, where, wrong_key)
        return None
    leaf = LEAVES[key]
    before = len(mistakes.found)
    nodes = _axis_nodes(where, entry.value, mistakes)
    if leaf is LAYERS and not entry.mark.line and (what := _explain_no_lists(nodes)):
        mistakes.add(entry.mark, where, what)
        return None
    values = read_axis_nodes(leaf, where, nodes, mistakes)
    return values if len(mistakes.found) == before else None


def read_axis_nodes(
    leaf: Leaf, where: str, nodes: Sequence[Node], mistakes: Mistakes
) -> tuple[Any, ...] | None:
    """Return the values that nodes say for a key, each once, or None with its mistakes noted."""
    before = len(mistakes.found)
    values: list[Any] = []
    first: dict[Any, Node] = {}
    for node in nodes:
        value = _read_axis_value(leaf, where, node, mistakes)
        if value is REFUSED:
            continue
        if value in first:
            mistakes.add(node.mark, where, f"{_show(node)} stands twice; give each value once")
        else:
            first[value] = node
            values.append(value)
    return tuple(values) if len(mistakes.found) == before else None


def _explain_no_lists(nodes: list[Node]) -> str | None:
    """Say how to write the layers of an argument that lacks their brackets; None if it has some."""
    texts = [shown(node.text) for node in nodes if isinstance(node, Scalar)]
    if not texts or len(texts) < len(nodes):
        return None
    more = ", ..." if len(texts) > 3 else ""
    one = f"[[{', '.join(texts[:3])}{more}]]"
    each = ", ".join(f"[{text}]" for text in texts[:3]) + more
    write = one if len(texts) == 1 else f"{each} for {len(texts):,} networks or {one} for one"
    return f"a value of this axis is a list of layers; write {write}, in quotes in a shell"


def explain_axis_key(key: str) -> str | None:
    """Say why ``key`` cannot be swept, and what to do instead; None if it can."""
    section, _, name = key.partition(".")
    if section in _FIXED:
        return _FIXED[section]
    if key in LEAVES:
        return None
    if key in SECTIONS:
        keys = ", ".join(f"{key}.{inner}" for inner in own_keys(key))
        return f"a section is not swept; name one of its keys: {keys}"
    known = section in SECTIONS and bool(name)
    return explain_unknown(section if known else "", name if known else key)


def _axis_nodes(where: str, node: Node, mistakes: Mistakes) -> list[Node]:
    """Return a node for each value of an axis, given as a list, as a SPEC, or as one value."""
    if isinstance(node, ListNode):
        if not 1 <= len(node.items) <= MAX_VALUES:
            what = f"{len(node.items):,} values; allowed: 1 to {MAX_VALUES:,}"
            mistakes.add(node.mark, where, what)
            return []
        return list(node.items)
    if isinstance(node, MapNode) or node.value is None:
        what = "a mapping is no list of values" if isinstance(node, MapNode) else "no values"
        mistakes.add(node.mark, where, f"{what}; allowed: a list, {FORMS}")
        return []
    if isinstance(node.value, str):
        try:
            return _spec_nodes(node.text, node.mark, mistakes)
        except ConfigError as error:
            mistakes.add(node.mark, where, shown(str(error), 300))
            return []
    return [node]


def _spec_nodes(text: str, mark: Mark, mistakes: Mistakes) -> list[Node]:
    spaced = parse_space(text)
    if spaced is not None:
        return [Scalar(mark, repr(number), number) for number in spaced]
    pieces = split_list(text)
    if len(pieces) == 1 and pieces[0].startswith("["):
        node = read_inline(text, mark, mistakes)
        values = list(node.items) if isinstance(node, ListNode) else []
        if isinstance(node, ListNode) and not 1 <= len(values) <= MAX_VALUES:
            raise ConfigError(f"{len(values):,} values; allowed: 1 to {MAX_VALUES:,}")
        return values
    nodes = (_piece(piece, mark, mistakes) for piece in pieces)
    return [node for node in nodes if node is not None]


def _piece(piece: str, mark: Mark, mistakes: Mistakes) -> Node | None:
    if _SIMPLE.fullmatch(piece):
        return Scalar(mark, piece, read_scalar(piece))
    return read_inline(piece, mark, mistakes)


def _read_axis_value(leaf: Leaf, where: str, node: Node, mistakes: Mistakes) -> Any:
    """Return one value of an axis in its canonical form; what is refused is named by its axis."""
    found = Mistakes()
    value = read_value(leaf, node, found)
    if value is None:
        found.add(node.mark, leaf.key, explain_value(leaf, node))
        value = REFUSED
    for mark, line in found.found:
        mistakes.found.append((mark, line.replace(f": {leaf.key}", f": {where}", 1)))
    return axis_value(value)


def _show(node: Node) -> str:
    return shown(node.text if isinstance(node, Scalar) else str(plain(node)))
