"""The sentences about a wrong value or key: what is wrong with it, what is allowed instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from bnexp.config.fields import LAYERS, LEAVES, SECTIONS, Leaf, canonical_key
from bnexp.config.mistakes import shown
from bnexp.config.nodes import ListNode, Node, Scalar
from bnexp.config.scalars import number_remedy, read_scalar
from bnexp.config.schema.base import Metric
from bnexp.config.syntax import missing_blank
from bnexp.errors import meant

#: Names that other programs give to keys of ours.
_ALIASES = {
    "learning_rate": "optimizer.lr",
    "batchnorm": "norm",
    "batch_norm": "norm",
    "bn": "norm",
    "dataset": "data.name",
    "hidden": "network.layers",
    "units": "network.layers",
    "weights": "init.scale",
    "std": "init.scale",
    "early_stopping": "training.patience",
    "augment": "augmentation",
    "validation_split": "data.validation",
    "label_smooth": "regularization.label_smoothing",
    "seeds": "sweep.seeds",
    "axes": "sweep.axes",
}
_NAME = 'letters, digits, ".", "_" and "-", at most 60, the first a letter or digit'
#: What keys allow where the schema does not say it in words.
_ALLOWED = {
    "network.layers": "a list of at most 1,000 layers, such as [100, 100] or [conv 8, pool 2, 100]",
    "name": _NAME,
    "plot.panel": "a swept key, such as init.scale",
    "plot.arm": "a swept key, such as init.scale",
    "plot.y": f"{', '.join(get_args(Metric))}, or a list of some of one kind",
    "data.path": "the path of a file",
    "data.test_path": "the path of a file",
    "search.space": "keys and their ranges",
    "search.rungs": "auto, or epochs in rising order, such as [5, 10, 25]",
    "data.validation": "a whole number >= 0, or a share above 0 and below 1",
}


def allowed_values(leaf: Leaf) -> str:
    """Say what the schema allows for a key."""
    if leaf.key in _ALLOWED:
        return _ALLOWED[leaf.key]
    if leaf.key == "norm.kind":
        return f"{_say(leaf.allowed)} (off: none, on: batch)"
    return _say(leaf.allowed)


def _say(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_say(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema or "const" in schema:
        words = schema.get("enum", [schema.get("const")])
        return ", ".join(str(word) for word in words)
    kind = schema.get("type")
    if kind == "integer":
        return "a whole number" + _bounds(schema, last=-1)
    if kind == "number":
        return "a number" + _bounds(schema, last=0)
    return {"boolean": "on, off (true, false)", "array": "a list"}.get(str(kind), "text")


def _bounds(schema: Mapping[str, Any], *, last: int) -> str:
    """Say the bounds of a number; ``last`` is -1 where below N means up to N - 1."""
    if "exclusiveMaximum" in schema and last:
        schema = {**schema, "maximum": schema["exclusiveMaximum"] + last}
    if "minimum" in schema and "maximum" in schema:
        return f" from {_bound(schema['minimum'])} to {_bound(schema['maximum'])}"
    signs = (("exclusiveMinimum", ">"), ("minimum", ">="), ("exclusiveMaximum", "<"))
    said = [f" {sign} {_bound(schema[name])}" for name, sign in signs if name in schema]
    return " and".join(said)


def _bound(number: float) -> str:
    """Write a bound without the ".0" that some versions of pydantic give it."""
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


def explain_value(leaf: Leaf, node: Node) -> str:
    """Say what is wrong with a value that the schema refuses, and what is allowed."""
    return f"{_wrong(leaf, node)}; allowed: {allowed_values(leaf)}"


def _wrong(leaf: Leaf, node: Node) -> str:
    if leaf is LAYERS and isinstance(node, ListNode):
        return f"{len(node.items):,} layers are too many"
    if leaf.key == "search.rungs" and isinstance(node, ListNode):
        return "these are no epochs"
    if leaf.key == "plot.y" and isinstance(node, ListNode):
        return "these are not all metrics" if node.items else "there is no metric"
    if not isinstance(node, Scalar):
        return f"a {'list' if isinstance(node, ListNode) else 'mapping'} is not allowed here"
    text = shown(node.text)
    if node.value is None:
        return f"{text} is no value" if text else "there is no value"
    kinds = {one.get("type") for one in leaf.allowed.get("anyOf", [leaf.allowed])}
    words = allowed_words(leaf.allowed)
    near = meant(_bare(leaf, text), words) if isinstance(node.value, str) else ""
    if kinds & {"integer", "number"}:
        wrong = _wrong_number(node, text, words=bool(words), whole="integer" in kinds)
        return wrong + near
    if leaf is LAYERS:
        return f"{text} is not a list; write [{text}]"
    if kinds == {"boolean"}:
        return f"{_quotes(node, text)} is neither on nor off"
    if not words:
        text_as_name = isinstance(node.value, str)
        return f'"{text}" is not allowed' if text_as_name else f'{text} is not text; write "{text}"'
    return f"{_quotes(node, text)} is not known{near}"


def _bare(leaf: Leaf, word: str) -> str:
    """Return a word without the name of its key, as other programs add it: batchnorm2d is batch."""
    names = "|".join((leaf.section.rpartition(".")[2], leaf.name))
    return re.sub(rf"(?<=\w)[ _-]?(?:{names})(?:[ _-]?[123]d)?$", "", word, flags=re.IGNORECASE)


def _wrong_number(node: Scalar, text: str, *, words: bool, whole: bool) -> str:
    if isinstance(node.value, str):
        if remedy := number_remedy(text):
            return remedy
        if node.quoted:
            bare = node.text.strip()
            remedy = f"; write {shown(bare)} without quotes"
            is_number = isinstance(read_scalar(bare), int | float)
            return f'"{text}" is text{remedy if is_number else ""}'
        return f"{text} is not allowed" if words else f"{text} is not a number"
    if isinstance(node.value, bool):
        hint = ", did you mean none?" if words and not node.value else ""
        return f"{text} is not a number{hint}" if not words else f"{text} is not allowed{hint}"
    number = node.value
    if isinstance(number, float) and number - number != 0:
        return f"{text} is not a finite number"
    if whole and isinstance(number, float) and not number.is_integer():
        return f"{text} is not a whole number"
    return f"{text} is out of range"


def _quotes(node: Scalar, text: str) -> str:
    return f'"{text}"' if node.quoted else text


def allowed_words(schema: Mapping[str, Any]) -> list[str]:
    """Return the words that a schema allows."""
    options = schema.get("anyOf", [schema])
    words = [word for one in options for word in one.get("enum", [one.get("const")])]
    return [word for word in words if isinstance(word, str)]


def explain_unknown(section: str, key: str) -> str:
    """Say that ``key`` is no key of ``section`` (empty: of the config), and which may be meant."""
    own = own_keys(section)
    if remedy := missing_blank(key):
        return remedy
    if section == "sweep" and canonical_key(key) in LEAVES:
        return f'unknown key; an axis stands under "axes:", so write axes: {{{key}: ...}}'
    near = suggest(section, key) if len(key) <= 60 else ()
    if near:
        return f"unknown key; did you mean {' or '.join(near)}?"
    return f"unknown key; allowed: {', '.join(own)}"


def own_keys(section: str) -> list[str]:
    """Return the keys of a section, or those at the top of a config."""
    if section:
        return [leaf.name for leaf in LEAVES.values() if leaf.section == section]
    return list(dict.fromkeys(leaf.section or leaf.name for leaf in LEAVES.values()))


def keys_named(word: str) -> tuple[Sequence[str], Sequence[str]]:
    """Return the full keys that can be set whose last part is a word, and those it stands for."""
    if word in LEAVES:
        return [word], []
    whole = ("sweep", "search", "plot")
    keys = [leaf.key for leaf in LEAVES.values() if leaf.name == word and leaf.section not in whole]
    alias = canonical_key(_ALIASES.get(word, ""))
    return keys, [alias] if alias in LEAVES and not alias.startswith("sweep") else []


def suggest(section: str, key: str) -> Sequence[str]:
    """Return the full keys that a mistaken key may mean, best first; at most three."""
    plain = key.strip().lower().replace("-", "_")
    prefix = f"{section}." if section else ""
    if plain in _ALIASES:
        return [_ALIASES[plain]]
    if plain in LEAVES or plain in SECTIONS:
        return [plain]
    elsewhere = [
        leaf.key for leaf in LEAVES.values() if leaf.name == plain and leaf.section != section
    ]
    if elsewhere:
        return elsewhere[:3]
    if "." in plain:
        return difflib.get_close_matches(plain, LEAVES, 1, 0.75)
    if near := difflib.get_close_matches(plain, own_keys(section), 1, 0.7):
        return [prefix + near[0]]
    names = [leaf.name for leaf in LEAVES.values()]
    near = difflib.get_close_matches(plain, names, 1, 0.75)
    return [leaf.key for leaf in LEAVES.values() if near and leaf.name == near[0]][:3]
