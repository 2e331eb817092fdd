"""Which results folder: that of a question, or the newest; and which ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bnexp.config.schema import Config
from bnexp.errors import BnexpError, ResultsError
from bnexp.files import writing
from bnexp.plan import question, question_hash
from bnexp.store.contents import Contents
from bnexp.store.journal import NAME, Lines, is_journal
from bnexp.store.lock import is_lock_file
from bnexp.store.nearby import ROOT, results_folders


def folder_for(config: Config, command: str, root: Path = ROOT) -> Path:
    """Return the folder of a question: ``<name>-<6 hex>``."""
    return root / f"{config.name}-{question_hash(question(config, command))}"


def newest_folder(root: Path = ROOT, tell: Callable[[str], None] | None = None) -> Path:
    """Return the results folder that was written to last, one with a finished run if there is any.

    ``tell`` is told of a newer one that is passed over, and why. Raises ResultsError if there is
    none.
    """
    folders = results_folders(root)
    if not folders:
        raise ResultsError(
            f"no results in {root.resolve()} yet; make some with `bnexp sweep --weights logspace`, "
            "or name a results folder"
        )
    newest, why = folders[0], _not_begun(folders[0])
    if not why:
        return newest
    found = next((folder for folder in folders[1:] if not _not_begun(folder)), None)
    if found and tell:
        tell(f"{newest} is newer but {why}; {found} is taken")
    return found or newest


def _not_begun(folder: Path) -> str:
    """Say why a folder has no run that has ended, empty if it has one.

    A damaged journal is for whoever asks for it by name.
    """
    try:
        if any("result" in entry for entry, _ in Lines(folder / NAME).entries()):
            return ""
    except BnexpError:
        return "damaged"
    return "has no finished run yet"


def refuse_other_question(contents: Contents, config: Config, command: str) -> None:
    """Raise ResultsError, with the difference, if a folder's journal answers another question."""
    path, asked = contents.folder, as_json(question(config, command))
    if contents.asked is None or contents.question == asked:
        return
    old, new = dict(flat_question(contents.question)), dict(flat_question(asked))
    changed = [
        f"  {key}: {_shown(old.get(key))} there, {_shown(new.get(key))} asked"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    raise ResultsError(
        f"{path} holds the answer to another question:\n"
        + "\n".join(changed)
        + "\nchoose another folder with --output, or set this one aside with --fresh"
    )


def refuse_foreign(path: Path) -> None:
    """Refuse to mix results with files of somebody else, or to set those aside: ResultsError.

    A process killed before its journal's first line leaves a lock or a torn line: no refusal.
    """
    if not path.is_dir() or is_journal(path / NAME):
        return
    with writing(path):
        strangers = [file for file in path.iterdir() if not is_lock_file(file)]
    if strangers:
        raise ResultsError(
            f"{path} is not empty and not a results folder; choose another one with --output"
        )


def as_json(value: Any) -> Any:
    """Return a value as the journal gives it back: tuples are lists there."""
    return json.loads(json.dumps(value))


def flat_question(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all that a question asks, by key: ``optimizer.lr``."""
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from flat_question(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}".removeprefix("config."), item


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
