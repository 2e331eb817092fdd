"""The layers a config may ask for, and their short forms in words.

A layer is a number (``100``, a dense layer), a mapping (``{conv: 8, kernel: 5}``), or words: its
kind and size and then any of the mapping's keys with their values, ``conv 8 kernel 5``. Words are
also how a layer is written out, so that a list of layers can be a value of an axis.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Tag, model_serializer, model_validator

from bnexp.config.scalars import read_scalar
from bnexp.config.schema.base import Activation, Border, NormKind, Pixels, Section, Share, Units

_SHORT = re.compile(
    r"(?P<kind>dense|conv|pool|max pool|average pool|pool global|global pool)"
    r"(?: (?P<size>[1-9][0-9]{0,8}))?(?P<options>(?: [a-z_]+ [^ ]+)*)"
)


class LayerConfig(Section):
    """One entry of ``network.layers``; it is written out in words."""

    word: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _read_short(cls, value: Any) -> Any:
        found = layer_mapping(value)
        return value if found is None else found

    @model_serializer
    def _short(self) -> int | str:
        return self.short

    @property
    def short(self) -> int | str:
        """The layer as a number or in words; what is as everywhere is left out."""
        words = [f"{self.word} {getattr(self, self.word)}"]
        fields = type(self).model_fields
        for name in sorted(fields, key=lambda name: name in WeightedLayer.model_fields):
            value = getattr(self, name)
            if name != self.word and value != fields[name].default:
                words.append(f"{name} {_text(value)}")
        return " ".join(words)


class WeightedLayer(LayerConfig):
    """A hidden layer with weights: its own bias, activation, norm and dropout, where given."""

    bias: bool = True
    activation: Activation | None = None
    norm: NormKind | None = None
    dropout: Share | None = None


class DenseLayer(WeightedLayer):
    """A hidden dense layer of so many units. Short forms: ``100`` and ``dense 100``."""

    word: ClassVar[str] = "dense"
    dense: Units

    @property
    def short(self) -> int | str:
        """The layer as a number or in words."""
        words = super().short
        return self.dense if words == f"dense {self.dense}" else words


class ConvLayer(WeightedLayer):
    """A hidden convolution with so many filters. Short form: ``conv 8``.

    ``padding`` is the number of zeros around the image; ``valid`` is none, and ``same`` as many as
    keep the size (size / ``stride``, rounded up), the odd one below and to the right.
    """

    word: ClassVar[str] = "conv"
    conv: Units
    kernel: Pixels = 3
    stride: Pixels = 1
    padding: Literal["same", "valid"] | Border = "same"


class PoolLayer(LayerConfig):
    """A pool of so many pixels each way. Short: ``pool 2``, ``average pool 2``, ``global pool``.

    The kind is ``average`` of a whole image and else ``max``; the stride is the size.
    """

    word: ClassVar[str] = "pool"
    pool: Pixels | Literal["global"]
    kind: Literal["max", "average"]
    stride: Pixels | None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, value: Any) -> Any:
        mapping = layer_mapping(value) or value
        if not isinstance(mapping, dict) or "pool" not in mapping:
            return value
        whole = mapping["pool"] == "global"
        kind, stride = ("average", None) if whole else ("max", mapping["pool"])
        return {"kind": kind, "stride": stride, **mapping}

    @property
    def is_global(self) -> bool:
        """Whether one window covers the image."""
        return self.pool == "global"

    @property
    def short(self) -> str:
        """The layer in words."""
        if self.is_global:
            return "global pool" + (" kind max" if self.kind == "max" else "")
        words = f"pool {self.pool}" if self.kind == "max" else f"average pool {self.pool}"
        return words if self.stride == self.pool else f"{words} stride {self.stride}"


def layer_mapping(value: Any) -> dict[str, Any] | None:
    """Return the mapping that a number or words are short for; None where they are no layer."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"dense": value}
    match = _SHORT.fullmatch(re.sub(" +", " ", value)) if isinstance(value, str) else None
    if match is None:
        return None
    kind, size = match["kind"], match["size"]
    if (size is None) != ("global" in kind):
        return None
    mapping: dict[str, Any] = {kind.split()[-1]: int(size)} if size else {"pool": "global"}
    if kind in ("max pool", "average pool"):
        mapping["kind"] = kind.split()[0]
    words = match["options"].split()
    for name, text in zip(words[::2], words[1::2], strict=True):
        if name in mapping:
            return None
        mapping[name] = read_scalar(text)
    return mapping


def layer_kind(value: Any) -> str | None:
    """Return ``dense``, ``conv`` or ``pool``: what kind of layer a value is; None if it is none."""
    if isinstance(value, LayerConfig):
        return value.word
    mapping = value if isinstance(value, dict) else layer_mapping(value)
    return next((word for word in LAYER_KINDS if word in mapping), None) if mapping else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


Layer = Annotated[
    Annotated[DenseLayer, Tag("dense")]
    | Annotated[ConvLayer, Tag("conv")]
    | Annotated[PoolLayer, Tag("pool")],
    Discriminator(layer_kind),
]
LAYER_KINDS: dict[str, type[LayerConfig]] = {
    model.word: model for model in (DenseLayer, ConvLayer, PoolLayer)
}
