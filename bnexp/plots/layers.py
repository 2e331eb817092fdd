"""Hidden layers in a few words, for titles, legends and captions: ``conv 8 ×2, pool 2, 256``.

What is too long loses what tells least. No matplotlib here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

#: What a layer in words says beside its kind and size, in the order in which it is left out.
_OPTIONS = (
    re.compile(r" (bias|padding) [^ ]+"),
    re.compile(r" activation [^ ]+"),
    re.compile(r" (kernel|stride|kind) [^ ]+"),
    re.compile(r" (norm|dropout) [^ ]+"),
)
#: Options of a layer that a title shows, where it has the room, since they change the network most.
_TELLING = re.compile(r"\b(?:kernel|stride|norm|dropout) [^ ,]+")
#: How long it may get to show the options of its layers.
_OPTIONS_WIDTHS = (28, 44, 60)


def layers_text(layers: Iterable[Any], *, plain: bool = False, width: int | None = None) -> str:
    """Return hidden layers in short: ``100×5-50`` for five layers of 100 and one of 50.

    Layers in words have commas between: ``conv 8 ×2, pool 2, 256``. What is longer than ``width``
    characters loses the layers' own options first, those of norm and dropout last, and then layers
    in the middle.
    """
    named = [str(layer) for layer in layers]
    text, parts = _joined(named, plain)
    if width is None or len(text) <= width:
        return text
    for option in _OPTIONS:
        named = [_bare_dense(option.sub("", layer)) for layer in named]
        text, parts = _joined(named, plain)
        if len(text) <= width:
            return text
    gap = "..." if plain else "…"
    separator = ", " if ", " in text else "-"
    for kept in range(len(parts) - 1, 1, -1):
        if len(text) <= width:
            break
        text = separator.join((*parts[: kept - kept // 2], gap, *parts[len(parts) - kept // 2 :]))
    return text


def options_width(values: Iterable[Any], plain: bool) -> tuple[int, ...]:
    """Return the smallest width, if any, at which lists of layers keep all telling options."""
    lists = [value for value in values if isinstance(value, tuple | list)]
    told = [set(_TELLING.findall(layers_text(layers, plain=plain))) for layers in lists]
    for width in _OPTIONS_WIDTHS:
        texts = [layers_text(layers, plain=plain, width=width) for layers in lists]
        if all(options <= set(_TELLING.findall(t)) for options, t in zip(told, texts, strict=True)):
            return (width,)
    return ()


def _bare_dense(layer: str) -> str:
    """Return a dense layer without options as its number; others as they are."""
    number = layer.removeprefix("dense ")
    return number if number.isdigit() else layer


def _joined(layers: Iterable[str], plain: bool) -> tuple[str, list[str]]:
    """Return layers as one text and as its parts, equal neighbours told once."""
    times = "x" if plain else "×"
    parts, words = [], False
    for layer, group in groupby(layers):
        count = len(list(group))
        space = "" if layer.isdigit() else " "
        words = words or bool(space)
        parts.append(layer if count == 1 else f"{layer}{space}{times}{count}")
    return (", " if words else "-").join(parts) or "none", parts
