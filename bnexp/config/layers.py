"""One entry of ``network.layers``, read with every mistake in it placed and explained."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from bnexp.config.fields import LAYER_LEAVES, LAYERS, Leaf
from bnexp.config.layer_words import ALIASES, explain_words, is_allowed, near, wrong_size
from bnexp.config.mistakes import Mark, Mistakes, shown
from bnexp.config.nodes import ListNode, MapNode, Node, Scalar, plain
from bnexp.config.scalars import number_remedy, read_scalar
from bnexp.config.schema.layers import LAYER_KINDS, layer_mapping
from bnexp.config.words import explain_value

_FOLLOWS = "follows each conv and dense layer by itself: leave it out, or set it for one layer"
#: What is no layer here but stands among the layers in other programs, and what to do.
_NO_LAYERS = {
    "flatten": "flattening is inserted where images meet dense layers; leave it out",
    "softmax": "the output layer is added by the task; leave it out",
    "output": "the output layer is added by the task; leave it out",
    "dropout": f"dropout {_FOLLOWS}, {{dense: 100, dropout: 0.1}}",
    **dict.fromkeys(
        ("norm", "batch", "batchnorm", "batch_norm", "bn", "layernorm"),
        f"a norm {_FOLLOWS}, {{dense: 100, norm: batch}}",
    ),
    **dict.fromkeys(
        ("relu", "leaky_relu", "elu", "gelu", "softplus", "sigmoid", "tanh"),
        f"an activation {_FOLLOWS}, {{dense: 100, activation: tanh}}",
    ),
}
_ALLOWED = (
    'allowed: 100, "conv 8", "pool 2", "average pool 2", "global pool", '
    "or a mapping such as {conv: 8, kernel: 5}"
)


def check_layer(node: Node, index: int, mistakes: Mistakes) -> None:
    """Note every mistake in entry ``index`` (from 0) of ``network.layers``.

    The messages count from 1: an argument has no line and column that tell one layer from another.
    """
    for mark, key, what in _mistakes(node):
        full_key = f"{LAYERS.key}.{key}" if key else LAYERS.key
        mistakes.add(mark, full_key, f"layer {index + 1}: {what}")


def _mistakes(node: Node) -> Iterator[tuple[Mark, str, str]]:
    """Yield the place, the key inside the layer (or nothing) and the words of each mistake."""
    if isinstance(node, MapNode):
        pairs = [(entry.key, entry.mark, entry.value) for entry in node]
        yield from _mapping_mistakes(node.mark, pairs)
        return
    value = plain(node)
    mapping = None if isinstance(node, ListNode) else layer_mapping(value)
    if mapping is None:
        yield _explain_no_layer(node)
    elif isinstance(value, str):
        scalars = ((key, Scalar(node.mark, str(text), text)) for key, text in mapping.items())
        yield from _mapping_mistakes(node.mark, [(key, node.mark, one) for key, one in scalars])
    elif not is_allowed(LAYERS, [value]):
        yield node.mark, "", explain_value(LAYER_LEAVES["dense"]["dense"], node)


def _mapping_mistakes(
    mark: Mark, pairs: list[tuple[str, Mark, Node]]
) -> Iterator[tuple[Mark, str, str]]:
    kinds = [key for key, *_ in pairs if key in LAYER_KINDS]
    if len(set(kinds)) != 1:
        yield mark, "", f"{_explain_kinds([key for key, *_ in pairs], kinds)}; {_ALLOWED}"
        return
    leaves = LAYER_LEAVES[kinds[0]]
    values = {key: plain(value) for key, _, value in pairs}
    for key, place, node in pairs:
        if key not in leaves:
            yield place, key, _explain_key(kinds[0], key, leaves)
        elif key == "stride" and values.get("pool") == "global":
            yield place, key, "a global pool has one window and no stride; leave it out"
        elif not is_allowed(leaves[key], values[key]):
            yield node.mark, key, explain_value(leaves[key], node)


def _explain_key(kind: str, key: str, leaves: Mapping[str, Leaf]) -> str:
    meant = difflib.get_close_matches(key.lower(), leaves, 1, 0.6)
    if meant:
        return f"unknown key; did you mean {meant[0]}?"
    return f"unknown key; allowed in a {kind} layer: {', '.join(leaves)}"


def _explain_kinds(keys: list[str], kinds: list[str]) -> str:
    if kinds:
        return f"a layer is one of {' and '.join(dict.fromkeys(kinds))}, not both"
    for key in keys:
        plain_key = key.strip().lower()
        if plain_key in _NO_LAYERS:
            return _NO_LAYERS[plain_key]
        meant = ALIASES.get(plain_key) or near(plain_key, LAYER_KINDS)
        if meant:
            return f"{{{shown(key)}: ...}} is not a layer, did you mean {meant}?"
    return f"{{{shown(keys[0])}: ...}} is not a layer" if keys else "{} is not a layer"


def _explain_no_layer(node: Node) -> tuple[Mark, str, str]:
    """Say what is wrong with a value that is neither a number nor words for a layer."""
    text = _text(node)
    if isinstance(plain(node), str):
        words = text.lower().split()
        if words and words[0] in _NO_LAYERS:
            return node.mark, "", f"{_NO_LAYERS[words[0]]}; {_ALLOWED}"
        if wrong := wrong_size(text):
            kind, size = wrong
            leaf = LAYER_LEAVES[kind][kind]
            return node.mark, kind, explain_value(leaf, Scalar(node.mark, size, read_scalar(size)))
    return node.mark, "", f"{_explain(node, text)}; {_ALLOWED}"


def _explain(node: Node, text: str) -> str:
    if isinstance(node, ListNode):
        return "a list is not a layer"
    reason = None
    if isinstance(plain(node), str):
        if remedy := number_remedy(text):
            return remedy
        reason = explain_words(text)
    return f"{shown(text) or 'nothing'} is not a layer{reason or ''}"


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else str(plain(node))
