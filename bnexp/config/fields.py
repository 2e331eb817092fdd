"""The keys of a config by their dotted names, and reading one value against the schema.

Everything that names a key (the file, ``--set``, ``--axis``, the values of a cell) goes through
``LEAVES`` and ``canonical_key``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from bnexp.config.schema import Config, Section
from bnexp.config.schema.layers import LAYER_KINDS


@dataclass(frozen=True)
class Leaf:
    """One key that takes a value: its dotted ``key`` and the model and field that hold it.

    ``given`` is what the model needs beside it.
    """

    key: str
    section: str
    name: str
    model: type[Section]
    given: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def allowed(self) -> Mapping[str, Any]:
        """What the key allows, as JSON schema."""
        schema: dict[str, Any] = self.model.model_json_schema()["properties"][self.name]
        return schema

    def read(self, value: Any) -> Any:
        """Return ``value`` as the schema keeps it. Raises pydantic's ``ValidationError``."""
        return getattr(self.model.model_validate({**dict(self.given), self.name: value}), self.name)


def _leaves() -> dict[str, Leaf]:
    leaves = {}
    for name, field in Config.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, Section):
            for inner in model.model_fields:
                leaves[f"{name}.{inner}"] = Leaf(f"{name}.{inner}", name, inner, model)
        else:
            leaves[name] = Leaf(name, "", name, Config)
    return leaves


#: Every key that takes a value, by its dotted name, in the order of the schema.
LEAVES: Mapping[str, Leaf] = MappingProxyType(_leaves())
#: The mappings at the top of a config, in the order of the schema.
SECTIONS: tuple[str, ...] = tuple(
    dict.fromkeys(leaf.section for leaf in LEAVES.values() if leaf.section)
)
#: Sections that may be given as one word, and the key that the word means.
SHORT_SECTIONS: Mapping[str, str] = MappingProxyType({"norm": "norm.kind"})
LAYERS = LEAVES["network.layers"]
#: The keys inside a layer, by its kind and their names: the kind's own first.
LAYER_LEAVES: Mapping[str, Mapping[str, Leaf]] = MappingProxyType(
    {
        kind: {
            name: Leaf(f"{LAYERS.key}.{name}", LAYERS.key, name, model, ((kind, 1),))
            for name in sorted(model.model_fields, key=lambda name: name != kind)
        }
        for kind, model in LAYER_KINDS.items()
    }
)


def canonical_key(key: str) -> str:
    """Return the full key of a short one: ``norm`` is ``norm.kind``; others stay as they are."""
    return SHORT_SECTIONS.get(key, key)


def axis_value(value: Any) -> Any:
    """Return a value of the schema as an axis keeps it: layers as a tuple of their units."""
    if isinstance(value, tuple):
        return tuple(axis_value(item) for item in value)
    if isinstance(value, BaseModel):
        return value.model_dump()
    return value
