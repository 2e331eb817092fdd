"""Where a config says what: the places of its keys, and the texts of its axes and ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

from bnexp.config.draft import Draft
from bnexp.config.fields import canonical_key
from bnexp.config.files import read_text
from bnexp.config.load import BUILTIN, read_draft
from bnexp.config.mistakes import Mark, shown
from bnexp.config.nodes import Scalar


@dataclass(frozen=True)
class WrittenSpec:
    """The text that says the values of a key in ``sweep.axes`` or ``search.space``."""

    section: Literal["sweep.axes", "search.space"]
    key: str
    text: str
    mark: Mark


def written_places(
    path: str | PathLike[str] | None, *, overrides: Sequence[str] = ()
) -> dict[str, Mark]:
    """Return where each key of a config stands that ``load_config`` has read, by its full name."""
    return {key: node.mark for key, node in _draft(path, overrides).leaves.items()}


def written_specs(
    path: str | PathLike[str] | None, *, overrides: Sequence[str] = ()
) -> Iterator[WrittenSpec]:
    """Yield the axes and ranges of a config, and of its overrides, that are given as text."""
    draft = _draft(path, overrides)
    for section, varied in (("sweep.axes", draft.axes), ("search.space", draft.space)):
        for key, entry in varied.items():
            if isinstance(entry.value, Scalar):
                mark = entry.value.mark
                yield WrittenSpec(section, canonical_key(key), entry.value.text, mark)  # type: ignore[arg-type]


def _draft(path: str | PathLike[str] | None, overrides: Sequence[str]) -> Draft:
    """Read a config again, but for one from a pipe: it is gone, and to wait for it were in vain."""
    source = "built-in config" if path is None else shown(str(Path(path)), 400)
    place = BUILTIN if path is None else Path(path)
    return read_draft(read_text(place) if place.is_file() else "", source, overrides)
