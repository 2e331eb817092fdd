"""Words that are no layer, such as ``avg pool 2`` or ``100 relu``: what is wrong, what is meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError

from bnexp.config.fields import LAYER_LEAVES, LAYERS, Leaf
from bnexp.config.scalars import read_scalar
from bnexp.config.schema.base import Activation
from bnexp.config.schema.layers import LAYER_KINDS

#: What to write for a layer, by words that other programs have for it.
ALIASES = {
    "linear": "dense",
    "fc": "dense",
    "conv2d": "conv",
    "convolution": "conv",
    "maxpool": "pool",
    "max_pool": "pool",
    "max-pool": "pool",
    "avgpool": "average pool",
    "avg_pool": "average pool",
    "avg": "average",
    "mean": "average",
    "gap": "global pool",
    "global_pool": "global pool",
    "globalpool": "global pool",
}
_WORDS = ("dense", "conv", "pool", "average", "global", "max")
_SQUARE = re.compile(r"([0-9]+)(?:x\1)?")
_GLUED = re.compile(r"([a-z_-]+)([0-9].*)")
#: A value for each key of a layer, to show how it is written.
_EXAMPLES = {
    "kernel": "5",
    "stride": "2",
    "padding": "valid",
    "kind": "average",
    "bias": "off",
    "activation": "tanh",
    "norm": "batch",
    "dropout": "0.1",
}
#: The key that a bare word is a value of, and the value.
_BARE = {
    **{word: ("activation", word) for word in get_args(Activation)},
    **dict.fromkeys(("average", "avg", "mean"), ("kind", "average")),
    "max": ("kind", "max"),
    "same": ("padding", "same"),
    "valid": ("padding", "valid"),
    **dict.fromkeys(("batch", "batchnorm", "batch_norm", "bn"), ("norm", "batch")),
}


@dataclass
class _Guess:
    """What words may mean: the kind of layer, how its short form begins, and the other words."""

    kind: str
    begin: str
    rest: list[str]
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def leaves(self) -> dict[str, Leaf]:
        return dict(LAYER_LEAVES[self.kind])

    def bare(self, word: str) -> tuple[str, str] | None:
        """Return the key that a word without one is a value of, and the value."""
        key, value = _BARE.get(word, ("", ""))
        if square := _SQUARE.fullmatch(word):
            key, value = ("kernel" if self.kind == "conv" else "stride"), square[1]
        return (key, value) if key in self.leaves else None


def explain_words(text: str) -> str | None:
    """Say what is wrong with ``text``, which is no layer; None where no layer is near it.

    A sentence that begins with a comma goes on from ``... is not a layer``.
    """
    guess = _guess(text)
    if guess is None:
        return None
    words = list(guess.rest)
    size = _take_size(guess, words)
    options = dict(guess.extra)
    while words:
        word = words.pop(0)
        if word in LAYER_KINDS:
            return ": these are two layers; put a comma between them"
        key = word if word in guess.leaves else near(word, guess.leaves)
        if key and not words:
            return f": {key} has no value; write {key} {_EXAMPLES[key]}"
        pair = (key, words.pop(0)) if key else guess.bare(word)
        if pair is None:
            return None
        if pair[0] in options:
            return f": {pair[0]} stands twice; keep one"
        options[pair[0]] = pair[1]
    return _meant(guess, size, options)


def _meant(guess: _Guess, size: list[str], options: dict[str, str]) -> str | None:
    if "global" in guess.begin:
        options.pop("stride", None)
    meant = " ".join([guess.begin, *size, *(f"{key} {value}" for key, value in options.items())])
    if not is_allowed(LAYERS, [meant]):
        return None
    # A pool has a shorter form for what it may be given in words: average pool 2.
    short = LAYERS.read([meant])[0].short if guess.kind == "pool" else meant
    return f", did you mean {short}?"


def wrong_size(text: str) -> tuple[str, str] | None:
    """Return the kind of layer and its size where that is what is wrong: ``conv 0``."""
    guess = _guess(text)
    if guess is None or not guess.rest or "global" in guess.begin:
        return None
    size = guess.rest[0]
    if size in guess.leaves or near(size, guess.leaves) or size in _BARE:
        return None
    square = _SQUARE.fullmatch(size)
    number = (square[1].lstrip("0") or "0") if square else size
    is_size = is_allowed(guess.leaves[guess.kind], read_scalar(number))
    return None if is_size else (guess.kind, size)


def _take_size(guess: _Guess, words: list[str]) -> list[str]:
    """Take the size off the words; a layer without one gets that of an example."""
    if "global" in guess.begin:
        return []
    square = _SQUARE.fullmatch(words[0]) if words else None
    if square is None:
        return ["2" if guess.kind == "pool" else "8"]
    words.pop(0)
    return [square[1].lstrip("0")]


def _guess(text: str) -> _Guess | None:
    """Read the words for the kind of a layer off the beginning of a text."""
    words = text.lower().split()
    found: list[str] = []
    if words and words[0].isdigit():
        found = ["dense"]
    elif words and words[0] not in ALIASES and (glued := _GLUED.fullmatch(words[0])):
        words[:1] = glued.groups()
    while words and len(found) < 3 and (meant := _kind_word(words[0], found)):
        found += meant.split()
        words.pop(0)
    kinds = [word for word in found if word in LAYER_KINDS]
    if not found or len(kinds) > 1:
        return None
    kind = kinds[0] if kinds else "pool"
    if kind != "pool":
        return _Guess(kind, kind, words) if len(found) == 1 else None
    if "global" in found:
        return _Guess(kind, "global pool", words, {"kind": "max"} if "max" in found else {})
    return _Guess(kind, "average pool" if "average" in found else "pool", words)


def _kind_word(word: str, found: list[str]) -> str | None:
    """Return the word for a kind of layer that ``word`` is meant to be, after those ``found``."""
    if not set(found).isdisjoint(("dense", "conv")) or ("pool" in found and "global" not in found):
        return None
    return ALIASES.get(word) or near(word, _WORDS)


def near(word: str, words: Iterable[str]) -> str | None:
    """Return the one of ``words`` that is most like a word; None if none is like it."""
    return next(iter(difflib.get_close_matches(word, list(words), 1, 0.7)), None)


def is_allowed(leaf: Leaf, value: Any) -> bool:
    """Whether the schema takes a value."""
    try:
        leaf.read(value)
    except ValidationError:
        return False
    return True
