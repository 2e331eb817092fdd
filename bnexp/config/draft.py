"""A config as it is gathered: a node for every key that was given, in the file or an argument.

The file's mapping is laid out flat by dotted keys, so that an argument sets a key by replacing its
node, and every mistake found later still knows its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bnexp.config.fields import LEAVES, SECTIONS, SHORT_SECTIONS, canonical_key
from bnexp.config.mistakes import ConfigMistakesError, Mark, Mistakes, shown
from bnexp.config.nodes import Entry, ListNode, MapNode, Node, Scalar
from bnexp.config.scalars import number_remedy
from bnexp.config.syntax import missing_blank
from bnexp.config.torn import join_calls, join_numbers
from bnexp.config.words import explain_unknown, own_keys
from bnexp.config.yaml import read_yaml


@dataclass
class Draft:
    """What was given: ``leaves`` by dotted key, ``axes`` and ``space`` by the key that varies."""

    start: Mark
    mistakes: Mistakes
    leaves: dict[str, Node] = field(default_factory=dict)
    axes: dict[str, Entry] = field(default_factory=dict)
    space: dict[str, Entry] = field(default_factory=dict)
    sections: dict[str, Mark] = field(default_factory=dict)
    broken_axes: list[str] = field(default_factory=list)

    def take_file(self, root: Node | None) -> None:
        """Take the document of a file: a mapping."""
        example = "such as network: {layers: [100, 100]}"
        if root is None or (isinstance(root, Scalar) and root.value is None):
            self.mistakes.add(self.start, "", f"the file is empty; a config needs a key, {example}")
        elif not isinstance(root, MapNode):
            what = "a list" if isinstance(root, ListNode) else f'the text "{shown(root.text)}"'
            what = f"this is {what}; a config is a mapping of keys to values, {example}"
            if isinstance(root, Scalar) and (remedy := missing_blank(root.text)):
                what = remedy
            self.mistakes.add(root.mark, "", what)
        else:
            for entry in root:
                self._take_top(entry)

    def _take_top(self, entry: Entry) -> None:
        if entry.key in SECTIONS:
            self._take_section(entry.key, entry.mark, entry.value)
        elif entry.key in LEAVES and not LEAVES[entry.key].section:
            self.leaves[entry.key] = entry.value
        else:
            self._unknown("", entry)

    def _take_section(self, section: str, mark: Mark, node: Node) -> None:
        self.sections[section] = mark
        short = SHORT_SECTIONS.get(section)
        if isinstance(node, MapNode):
            for entry, torn in join_numbers(node):
                key = f"{section}.{entry.key}"
                if torn:
                    self.mistakes.add(entry.value.mark, key, f"{number_remedy(torn)}")
                elif key == "sweep.axes":
                    self._take_axes(entry)
                elif key == "search.space":
                    self._take_space(entry)
                elif key in LEAVES:
                    self.leaves[key] = entry.value
                else:
                    self._unknown(section, entry)
        elif short and isinstance(node, Scalar) and node.value is not None:
            self.leaves[short] = node
        else:
            allowed = ("on, off, batch, none, or " if short else "") + "a mapping of "
            wrong = "a list" if isinstance(node, ListNode) else "one value"
            what = f"{wrong} is not allowed here"
            if isinstance(node, Scalar) and node.value is None:
                what = "there is no value; leave the key out for the defaults"
            elif isinstance(node, Scalar) and (remedy := missing_blank(node.text)):
                what = remedy
            what = f"{what}; allowed: {allowed}{', '.join(own_keys(section))}"
            self.mistakes.add(node.mark, section, what)

    def _take_axes(self, axes: Entry) -> None:
        self.sections["sweep.axes"] = axes.mark
        if not isinstance(axes.value, MapNode):
            what = "this is no mapping; allowed: keys and their values, such as {norm: [on, off]}"
            self.mistakes.add(axes.value.mark, "sweep.axes", what)
            return
        for entry, torn in join_calls(axes.value):
            if torn:
                self.broken_axes.append(canonical_key(entry.key))
                self._refuse_torn("sweep.axes", entry, torn)
            else:
                self.take_axis(entry)

    def _take_space(self, space: Entry) -> None:
        self.sections["search.space"] = space.mark
        if not isinstance(space.value, MapNode):
            what = "this is no mapping; allowed: keys and their ranges, "
            example = 'such as {optimizer.lr: "loguniform(1e-4, 1)"}'
            self.mistakes.add(space.value.mark, "search.space", what + example)
            return
        for entry, torn in join_calls(space.value):
            if torn:
                self._refuse_torn("search.space", entry, torn)
            else:
                self.take_range(entry)

    def _refuse_torn(self, section: str, entry: Entry, torn: str) -> None:
        what = f'a comma ends the value here; put it in quotes: "{shown(torn, 80)}"'
        self.mistakes.add(entry.value.mark, f"{section}.{entry.key}", what)

    def take_axis(self, entry: Entry) -> None:
        """Take an axis; one of the same key is replaced, and keeps its position."""
        self._take_varied(self.axes, entry, "sweep.axes", "axis")

    def take_range(self, entry: Entry) -> None:
        """Take the range of a searched key; one of the same key is replaced."""
        self._take_varied(self.space, entry, "search.space", "key")

    def _take_varied(self, taken: dict[str, Entry], entry: Entry, section: str, noun: str) -> None:
        key = canonical_key(entry.key)
        earlier = taken.get(key)
        if earlier is not None and earlier.mark.line and entry.mark.line:
            if earlier.key != entry.key:
                where = f"line {earlier.mark.line}, column {earlier.mark.column}"
                what = f"the same {noun} as {earlier.key} at {where}; keep one"
                self.mistakes.add(entry.mark, f"{section}.{entry.key}", what)
            return
        taken[key] = entry

    def take_override(self, text: str, rank: int) -> None:
        """Take a ``key=value`` of ``--set``: the value is read as YAML."""
        mark = Mark(f"--set {shown(text, 80)}", rank=rank)
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key:
            self.mistakes.add(mark, "", 'a key and "=" are needed, such as optimizer.lr=0.1')
            return
        if key == "sweep" or key.startswith("sweep.axes"):
            what = "set an axis with --axis key=SPEC and the number of seeds with --seeds"
            self.mistakes.add(mark, key, what)
            return
        node = read_inline(value, mark, self.mistakes)
        if node is None:
            return
        if key == "search.space":
            self._take_space(Entry(key, mark, node))
            return
        if key.startswith("search.space."):
            self.take_range(Entry(key.removeprefix("search.space."), mark, node))
            return
        section, _, name = key.partition(".")
        if key in LEAVES:
            self.leaves[key] = node
        elif key in SECTIONS:
            self._take_section(key, mark, node)
        elif section in SECTIONS and name:
            self._unknown(section, Entry(name, mark, node))
        else:
            self._unknown("", Entry(key, mark, node))

    def drop_sweep_and_plot(self) -> None:
        """Forget the axes, seeds, search and plot of the file."""
        self.axes.clear()
        self.space.clear()
        for key in [key for key in self.leaves if key.startswith(("sweep.", "search.", "plot."))]:
            del self.leaves[key]

    def _unknown(self, section: str, entry: Entry) -> None:
        key = f"{section}.{entry.key}" if section else entry.key
        if not entry.key:
            what = 'a key is missing before the ":"'
        elif entry.key == "<<":
            what = "merge keys are not supported; write the keys out"
        elif entry.key in LEAVES and not section:
            outer, _, inner = entry.key.partition(".")
            what = f'a dotted key is not allowed in a file; write "{inner}" under "{outer}:"'
        else:
            what = explain_unknown(section, entry.key)
        self.mistakes.add(entry.mark, key, what)


def read_inline(text: str, mark: Mark, mistakes: Mistakes) -> Node | None:
    """Read the YAML of an argument; None after a mistake in it, which is noted."""
    try:
        node = read_yaml(text, lambda _line, _column: mark, mistakes)
    except ConfigMistakesError as error:
        mistakes.add(mark, "", error.mistakes[0].removeprefix(f"{mark}: "))
        return None
    return Scalar(mark, "", None) if node is None else node
