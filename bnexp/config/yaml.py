"""YAML text into nodes with marks, within bounds: no file can make reading slow or deep.

PyYAML's event stream is used with a stack of our own, so that nesting, aliases and the number of
values are bounded while reading, and every key and value keeps its line and column. What scalars
mean is decided in ``scalars``, not by PyYAML's rules of YAML 1.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from bnexp.config.mistakes import ConfigMistakesError, Mark, Mistakes, shown, stop
from bnexp.config.nodes import Entry, ListNode, MapNode, Node, Scalar
from bnexp.config.scalars import read_scalar
from bnexp.config.syntax import explain_syntax
from bnexp.config.torn import PIECE

#: Levels of lists and mappings in each other.
MAX_DEPTH = 32
#: Keys and values in one file, counting what an alias stands for each time.
MAX_NODES = 25_000

_CORE = "tag:yaml.org,2002:"
_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "str": (str,),
}


@dataclass
class _Frame:
    """A list or mapping whose end has not been read yet."""

    mark: Mark
    is_map: bool
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    seen: dict[str, Mark] = field(default_factory=dict)
    key: tuple[str, Mark] | None = None
    nodes_before: int = 0
    height: int = 1


def read_yaml(text: str, place: Callable[[int, int], Mark], mistakes: Mistakes) -> Node | None:
    """Read one YAML document; None when it holds nothing.

    ``place`` makes the mark of a line and column (from 1). Duplicate keys go to ``mistakes``.
    Raises ``ConfigMistakesError`` where reading cannot go on: text that is not YAML, a second
    document, a refused tag, too much nesting or too many values.
    """
    builder = _Builder(place, mistakes)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        line, column, what = explain_syntax(error, text)
        raise stop(place(line, column), what) from None
    except (ValueError, OverflowError):
        # PyYAML lets chr() and int() complain of an escape or a version out of range.
        raise stop(builder.mark, 'a number after "\\U" or "%YAML" is out of range here') from None
    return builder.root


class _Builder:
    """Turns events into nodes, one at a time."""

    def __init__(self, place: Callable[[int, int], Mark], mistakes: Mistakes) -> None:
        self.root: Node | None = None
        self.mark = place(1, 1)
        self._place = place
        self._mistakes = mistakes
        self._stack: list[_Frame] = []
        self._documents = 0
        self._nodes = 0
        self._anchors: dict[str, tuple[Node, int, int]] = {}

    def take(self, event: Any) -> None:
        """Take the next event of the stream."""
        if event.start_mark is not None:
            self.mark = self._place(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.ScalarEvent):
            self._count(1)
            self._put(self._scalar(event), event.anchor, 1, 0)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor))
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._open(event)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._stop("a second document begins here; a config is one: remove this ---")

    def _stop(self, what: str) -> ConfigMistakesError:
        return stop(self.mark, what)

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._stop(f"too many values; allowed: {MAX_NODES:,}, aliases written out")

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        tag: str | None = event.tag
        quoted = event.style is not None or tag == "!"
        if tag is None or tag == "!":
            return Scalar(self.mark, text, text if quoted else read_scalar(text), quoted)
        allowed = _SCALAR_TAGS.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
        if allowed is None:
            raise self._refuse_tag(tag, ", ".join(f"!!{name}" for name in _SCALAR_TAGS))
        value = text if allowed == (str,) else read_scalar(text)
        if type(value) not in allowed:
            raise self._stop(f"{shown(text)} is not what the tag {_tag_name(tag)} says")
        if float in allowed and type(value) is int:
            value = float(value)
        return Scalar(self.mark, text, value, isinstance(value, str))

    def _refuse_tag(self, tag: str, allowed: str) -> ConfigMistakesError:
        name = shown(_tag_name(tag), 60)
        return self._stop(f"the tag {name} is refused; allowed: no tag, or {allowed}")

    def _open(self, event: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise self._stop(f"nested too deep; allowed: {MAX_DEPTH} levels")
        is_map = isinstance(event, yaml.MappingStartEvent)
        core = "map" if is_map else "seq"
        if event.tag not in (None, "!", _CORE + core):
            raise self._refuse_tag(event.tag, f"!!{core}")
        before = self._nodes
        self._count(1)
        self._stack.append(_Frame(self.mark, is_map, event.anchor, nodes_before=before))

    def _close(self) -> None:
        frame = self._stack.pop()
        node: Node
        if frame.is_map:
            node = MapNode(frame.mark, tuple(frame.entries))
        else:
            node = ListNode(frame.mark, tuple(frame.items))
        self._put(node, frame.anchor, self._nodes - frame.nodes_before, frame.height)

    def _alias(self, name: str) -> None:
        if any(frame.anchor == name for frame in self._stack):
            raise self._stop(f"the alias *{shown(name)} contains itself; write the value out")
        if name not in self._anchors:
            raise self._stop(f"the alias *{shown(name)} has no anchor &{shown(name)} before it")
        node, nodes, height = self._anchors[name]
        self._count(nodes)
        if len(self._stack) + height > MAX_DEPTH:
            raise self._stop(f"nested too deep; allowed: {MAX_DEPTH} levels")
        self._put(node, None, nodes, height)

    def _put(self, node: Node, anchor: str | None, nodes: int, height: int) -> None:
        """Put a finished node where it belongs: into the open list or mapping, or at the root."""
        if anchor is not None:
            self._anchors[anchor] = (node, nodes, height)
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.height = max(frame.height, height + 1)
        if not frame.is_map:
            frame.items.append(node)
        elif frame.key is None:
            frame.key = self._key(frame, node)
        else:
            frame.entries.append(Entry(*frame.key, node))
            frame.key = None

    def _key(self, frame: _Frame, node: Node) -> tuple[str, Mark]:
        if not isinstance(node, Scalar):
            raise stop(node.mark, "a list or mapping cannot be a key; write a word")
        first = frame.seen.get(node.text)
        frame.seen.setdefault(node.text, node.mark)
        if first is not None and not PIECE.fullmatch(node.text):
            where = f"line {first.line}, column {first.column}" if first.line else "before"
            what = f"this key stands twice, first at {where}; keep one"
            self._mistakes.add(node.mark, node.text, what)
        return node.text, node.mark


def _tag_name(tag: str) -> str:
    return "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
