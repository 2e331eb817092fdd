"""The journal: what a results folder knows, one checksummed JSON object per line, append-only.

A line counts once it is on the disk. A torn last line, which a kill or a full disk can leave, is
dropped; damage anywhere else is an error, because something beside bnexp wrote there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnexp.errors import OutputError, ResultsError
from bnexp.files import writing

NAME = "journal.jsonl"
_SUM = "sum"


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a journal, without a torn last line; [] when there is no journal.

    Raises ResultsError for a damaged line and OutputError when it cannot be read.
    """
    return _parse(path)[0]


def encode_entry(entry: Mapping[str, Any]) -> bytes:
    """Return an entry's line, with its checksum."""
    text = json.dumps(entry, separators=(",", ":"), allow_nan=False)
    return (json.dumps({_SUM: _checksum(text)})[:-1] + "," + text[1:] + "\n").encode()


class Journal:
    """A journal opened for appending, by one process at a time (see ``store.lock``)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries, length = _parse(path)
        with writing(path):
            self._file = path.open("ab")
            if self._file.tell() > length:
                self._file.truncate(length)

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry and see it onto the disk. Raises OutputError; then nothing was added."""
        start = self._file.tell()
        with writing(self.path):
            try:
                self._file.write(encode_entry(entry))
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(start)
                raise
        self.entries.append(dict(entry))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _parse(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the entries and the number of bytes they take."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error
    entries: list[dict[str, Any]] = []
    length = 0
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        entry = _decode(line)
        if entry is None:
            if number == len(lines):
                break
            raise ResultsError(
                f"{path}:{number}: this line is damaged (its checksum does not hold); restore the "
                "file from a copy, or delete the line to train its run again"
            )
        entries.append(entry)
        length += len(line)
    return entries, length


def _decode(line: bytes) -> dict[str, Any] | None:
    """Return the entry of a line, or None when the line is torn or damaged."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
        claimed = entry.pop(_SUM)
    except (ValueError, AttributeError, KeyError):
        return None
    text = json.dumps(entry, separators=(",", ":"))
    return entry if claimed == _checksum(text) else None


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
