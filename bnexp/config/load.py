"""A config from a file and arguments, every value checked and every mistake told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from bnexp.config.checks import (
    Conflict,
    find_conflicts,
    find_search_conflicts,
    find_whole_conflicts,
)
from bnexp.config.draft import Draft
from bnexp.config.fields import LAYERS, LEAVES, axis_value, canonical_key
from bnexp.config.files import read_text
from bnexp.config.mistakes import Mark, Mistakes, shown
from bnexp.config.nodes import Entry, ListNode, Scalar
from bnexp.config.schema import Config
from bnexp.config.spaces import read_space
from bnexp.config.values import REFUSED, explain_axis_key, read_axis, read_value
from bnexp.config.yaml import read_yaml

#: The config that is used when none is named.
BUILTIN = Path(__file__).parent / "builtin" / "fig6-18-digits.yaml"
#: The key that ``weights`` sweeps.
WEIGHTS = "init.scale"


def load_config(
    path: str | PathLike[str] | None,
    *,
    overrides: Sequence[str] = (),
    axes: Sequence[str] = (),
    weights: str | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    search: Mapping[str, Any] | None = None,
) -> Config:
    """Read and validate a config; ``path=None`` takes the built-in one (Fig. 6-18 on digits).

    ``overrides`` are texts ``key=value`` (the value as YAML; ``norm=on`` and other short forms
    too). ``axes`` are texts ``key=SPEC``: each replaces the axis of that key or is added after
    those of the file. ``weights`` is the SPEC of ``init.scale``; where that is the only axis, batch
    norm is compared with none. ``seeds`` and ``seed`` replace ``sweep.seeds`` and ``seed``,
    ``search`` keys of that section. In the config that comes back, ``sweep.axes`` maps full keys to
    tuples of validated values.

    Raises ``ConfigMistakesError`` (a ``ConfigError``) with a line for every mistake:
    ``file:line:column: key: what is wrong; what is allowed``.
    """
    source = "built-in config" if path is None else shown(str(Path(path)), 400)
    text = read_text(BUILTIN if path is None else Path(path))
    return load_text(
        text,
        source,
        overrides=overrides,
        axes=axes,
        weights=weights,
        seeds=seeds,
        seed=seed,
        search=search,
    )


def load_text(
    text: str,
    source: str = "config",
    *,
    overrides: Sequence[str] = (),
    axes: Sequence[str] = (),
    weights: str | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    search: Mapping[str, Any] | None = None,
    bare: bool = False,
) -> Config:
    """Read and validate a config given as YAML text; ``source`` names it in messages.

    ``bare`` leaves out the text's own sweep, search and plot. For the other arguments, and the
    ``ConfigMistakesError`` that is raised, see ``load_config``.
    """
    draft = read_draft(text, source, overrides, bare=bare)
    for rank, axis in enumerate(axes, len(overrides) + 1):
        _take_axis(draft, axis, Mark(f"--axis {shown(axis, 80)}", rank=rank))
    last = len(overrides) + len(axes) + 1
    if weights is not None:
        mark = Mark(f"--weights {shown(weights, 80)}", rank=last)
        _take_axis(draft, f"{WEIGHTS}={weights}", mark)
        if draft.axes.keys() == {WEIGHTS}:
            _take_axis(draft, "norm.kind=batch,none", mark)
    given = {"--seeds": ("sweep.seeds", seeds), "--seed": ("seed", seed)}
    given |= {f"--{name}": (f"search.{name}", value) for name, value in (search or {}).items()}
    for flag, (key, value) in given.items():
        if value is not None:
            mark = Mark(f"{flag} {value}", rank=last + 1)
            draft.leaves[key] = Scalar(mark, str(value), value)
    config = _finish(draft)
    draft.mistakes.raise_if_any()
    return config


def read_draft(text: str, source: str, overrides: Sequence[str], *, bare: bool = False) -> Draft:
    """Return what a config and its overrides say, with the mistakes that are seen by then."""
    mistakes = Mistakes()
    draft = Draft(Mark(source, 1, 1), mistakes)
    draft.take_file(read_yaml(text, lambda line, column: Mark(source, line, column), mistakes))
    if bare:
        draft.drop_sweep_and_plot()
    for rank, override in enumerate(overrides, 1):
        draft.take_override(override, rank)
    return draft


def _take_axis(draft: Draft, text: str, mark: Mark) -> None:
    key, equals, spec = text.partition("=")
    if not equals or not key.strip():
        what = 'a key and "=" are needed, such as optimizer.lr=1,0.1,0.01'
        draft.mistakes.add(mark, "", what)
        return
    draft.take_axis(Entry(key.strip(), mark, Scalar(mark, spec, spec or None)))


def _finish(draft: Draft) -> Config:
    """Build the config of a draft; what was refused keeps its default, its mistake is noted."""
    values: dict[str, Any] = {}
    refused: set[str] = set()
    for key, node in draft.leaves.items():
        value = read_value(LEAVES[key], node, draft.mistakes)
        if value is REFUSED:
            refused.add(key)
        else:
            values[key] = value
    for key in ("plot.panel", "plot.arm"):
        if values.get(key) is not None:
            values[key] = canonical_key(values[key])
    axes = {key: read_axis(draft, key, entry) for key, entry in draft.axes.items()}
    values["sweep.axes"] = {key: found for key, found in axes.items() if found is not None}
    space = {key: read_space(draft, key, entry) for key, entry in draft.space.items()}
    values["search.space"] = {key: found for key, found in space.items() if found is not None}
    if None in space.values():
        refused.add("search.space")
    swept = [key for key in (*axes, *draft.broken_axes) if explain_axis_key(key) is None]
    config = Config.model_validate(_nested(values))
    conflicts = [
        *(one for one in find_conflicts(config) if not _is_swept(one, config, axes)),
        *(one for one in find_whole_conflicts(config, swept) if axes.keys().isdisjoint(one.keys)),
        *find_search_conflicts(config),
    ]
    _note(draft, conflicts, refused)
    return config


def _is_swept(conflict: Conflict, config: Config, axes: Mapping[str, Any]) -> bool:
    """Whether a key of a conflict is swept over other values: no cell may have the conflict."""
    for key in axes.keys() & set(conflict.keys):
        section, _, name = key.partition(".")
        if axis_value(getattr(getattr(config, section), name)) not in (axes[key] or ()):
            return True
    return False


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        leaf = LEAVES[key]
        (nested.setdefault(leaf.section, {}) if leaf.section else nested)[leaf.name] = value
    return nested


def _note(draft: Draft, conflicts: Sequence[Conflict], refused: set[str]) -> None:
    """Note conflicts at their places, but for those of keys whose value was refused already."""
    for conflict in conflicts:
        if not refused.intersection(conflict.keys):
            draft.mistakes.add(_place(draft, conflict), conflict.keys[0], conflict.what)


def _place(draft: Draft, conflict: Conflict) -> Mark:
    """Return the place to show: an argument if one brought a key, else the layer or first key."""
    keys = conflict.keys
    marks = [draft.leaves[key].mark for key in keys if key in draft.leaves]
    layers = draft.leaves.get(LAYERS.key)
    if conflict.layer is not None and isinstance(layers, ListNode):
        marks.insert(0, layers.items[conflict.layer].mark)
    arguments = [mark for mark in marks if mark.rank]
    sections = [draft.sections[key.partition(".")[0]] for key in keys if _has_section(draft, key)]
    return (arguments + marks + sections + [draft.start])[0]


def _has_section(draft: Draft, key: str) -> bool:
    return key.partition(".")[0] in draft.sections
