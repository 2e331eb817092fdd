"""Which files have been verified before and are untouched since, so that it is not done each time.

A file is known by its path, inode, size, and the times of its last change of content and of status;
whatever writes to it changes these. What was changed within the last seconds is not remembered,
because a clock may be too coarse to tell the next change apart. The notes are kept in the cache;
where that cannot be written, every file is verified every time.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnexp.data.content import DataFile
from bnexp.data.locate import cache_root
from bnexp.files import atomic_file, file_state

#: Seconds that a file must have been left alone before it is remembered.
_SETTLED = 5.0
_MOST_FILES = 1000


def verify_once(
    found: Mapping[str, Path],
    files: Sequence[DataFile],
    verify: Callable[[Sequence[DataFile]], None],
) -> None:
    """Call ``verify`` with the files that have not been verified as they are now, and note it.

    ``found`` says where each file is. What ``verify`` raises is passed on, and nothing is noted.
    """
    known = _read()
    states = {file.name: _state(found[file.name]) for file in files}
    left = [file for file in files if not _is_known(known, found[file.name], file)]
    if not left:
        return
    verify(left)
    for file in left:
        path, state = found[file.name], states[file.name]
        if state is not None and state == _state(path) and _is_settled(state):
            note = known.get(str(path.resolve()), {})
            sums = note["md5"] if note.get("state") == state else []
            known[str(path.resolve())] = {"state": state, "md5": [*sums, file.md5]}
    while len(known) > _MOST_FILES:
        del known[next(iter(known))]
    with contextlib.suppress(OSError):
        cache_root().mkdir(parents=True, exist_ok=True)
        with atomic_file(_place()) as stream:
            stream.write(json.dumps(known, indent=1).encode())


def _place() -> Path:
    return cache_root() / "verified.json"


def _read() -> dict[str, Any]:
    try:
        known = json.loads(_place().read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {path: note for path, note in known.items() if _is_note(note)}


def _is_note(note: Any) -> bool:
    return isinstance(note, dict) and isinstance(note.get("md5"), list) and "state" in note


def _is_known(known: Mapping[str, Any], path: Path, file: DataFile) -> bool:
    note = known.get(str(path.resolve()), {})
    return note.get("state") == _state(path) and file.md5 in note.get("md5", [])


def _is_settled(state: Sequence[int]) -> bool:
    return time.time_ns() - max(state[2:]) > _SETTLED * 1e9


def _state(path: Path) -> list[int] | None:
    try:
        return list(file_state(path))
    except OSError:
        return None
