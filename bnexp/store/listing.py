"""The results folders in a folder: what each holds, and what sets it apart from its namesakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnexp.errors import BnexpError, ResultsError
from bnexp.store.contents import read_contents
from bnexp.store.find import flat_question
from bnexp.store.journal import NAME
from bnexp.store.nearby import ROOT, results_folders

#: What the summary says already.
_SAID = ("command", "axes")


@dataclass
class Listed:
    """A results folder; ``changed`` is when it was written to last, in seconds since 1970.

    So many of its ``runs`` are ``finished``, which its ``cells`` show. ``axes`` are how many values
    each swept or searched key takes, ``differs`` what was asked here and otherwise in another
    folder of this name. Of a folder that cannot be read there is only the ``problem``.
    """

    folder: Path
    changed: float
    name: str = ""
    command: str = ""
    finished: int = 0
    runs: int = 0
    cells: int = 0
    seeds: int = 0
    axes: Mapping[str, int] = field(default_factory=dict)
    differs: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def list_folders(root: Path = ROOT) -> list[Listed]:
    """Return the results folders in ``root``, or that folder itself, the newest first.

    Raises ResultsError where there is none.
    """
    folders = [root] if (root / NAME).exists() else results_folders(root)
    if not folders:
        what = "no results folder in it" if root.exists() else "no such folder"
        raise ResultsError(
            f"{root}: {what}; name the folder that results folders are in, or make some with "
            "`bnexp sweep --weights logspace`"
        )
    read = [_read(folder) for folder in folders]
    questions: dict[str, list[tuple[Listed, dict[str, Any]]]] = {}
    for listed, question in read:
        if not listed.problem:
            questions.setdefault(listed.name, []).append((listed, question))
    for namesakes in questions.values():
        _tell_apart(namesakes)
    return [listed for listed, _ in read]


def _read(folder: Path) -> tuple[Listed, dict[str, Any]]:
    listed = Listed(folder, (folder / NAME).stat().st_mtime)
    try:
        contents = read_contents(folder)
    except BnexpError as error:
        listed.problem = str(error)
        return listed, {}
    cells = contents.cells
    runs = {cell.run for cell in cells}
    listed.name = contents.config.name
    listed.command = contents.question.get("command", "")
    listed.finished, listed.runs = len(runs & contents.runs.keys()), len(runs)
    listed.cells = len(cells)
    listed.seeds = len({cell.seed for cell in cells})
    listed.axes = {key: len({cell.values[key] for cell in cells}) for key in cells[0].values}
    question = dict(flat_question(contents.question))
    return listed, {key: value for key, value in question.items() if key not in _SAID}


def _tell_apart(namesakes: Sequence[tuple[Listed, Mapping[str, Any]]]) -> None:
    for listed, question in namesakes:
        listed.differs = {
            key: value
            for key, value in question.items()
            if any(_is_other(key, value, one, asked) for one, asked in namesakes)
        }


def _is_other(key: str, value: Any, one: Listed, asked: Mapping[str, Any]) -> bool:
    """Whether a folder has another value of a key, which it does not vary; no value: the usual."""
    is_there = key in asked or not (key in one.axes or key.startswith("search."))
    return is_there and asked.get(key) != value
