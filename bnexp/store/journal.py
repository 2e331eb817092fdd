"""The journal: what a results folder knows, one checksummed JSON object per line, append-only.

A line counts once it is on the disk. A torn last line, which a kill or a full disk can leave, is
dropped; damage anywhere else is an error, because something beside bnexp wrote there.
"""

from __future__ import annotations

import contextlib
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
_START = b'{"sum'


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a journal, without a torn last line; [] when there is no journal.

    Raises ResultsError for a damaged line and OutputError when it cannot be read.
    """
    return _parse(_read(path), path)[0]


def is_journal(path: Path) -> bool:
    """Return whether a file is a journal by its first bytes, even a torn or damaged one."""
    if not path.is_file():
        return False
    start = _read(path, len(_START))
    return _START.startswith(start)


def encode_entry(entry: Mapping[str, Any]) -> bytes:
    """Return an entry's line, with its checksum."""
    text = json.dumps(entry, separators=(",", ":"), allow_nan=False)
    return (json.dumps({_SUM: _checksum(text)})[:-1] + "," + text[1:] + "\n").encode()


def decode_entry(line: bytes) -> dict[str, Any] | None:
    """Return the entry of a line, or None when the line is torn or damaged."""
    try:
        entry = json.loads(line)
        claimed = entry.pop(_SUM)
        text = json.dumps(entry, separators=(",", ":"))
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None
    return entry if claimed == _checksum(text) else None


class Journal:
    """A journal opened for appending, by one process at a time (see ``store.lock``).

    ``entries`` are those in the file, until ``forget``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries, self._length = _parse(_read(path), path)
        self._keeps_entries = True
        with writing(path):
            # Without a buffer, so that closing does not write what appending gave up.
            self._file = path.open("ab", buffering=0)

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry and see it onto the disk. Raises OutputError; then nothing was added."""
        line = encode_entry(entry)
        with writing(self.path):
            self._file.truncate(self._length)  # of a torn line
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:])
                os.fsync(self._file.fileno())
            except BaseException:
                with contextlib.suppress(OSError):
                    self._file.truncate(self._length)
                raise
        self._length += len(line)
        if self._keeps_entries:
            self.entries.append(dict(entry))

    def forget(self) -> None:
        """Keep no entries from here on: those of a large sweep take much memory."""
        self.entries = []
        self._keeps_entries = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _read(path: Path, size: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error


def _parse(data: bytes, path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the entries and the number of bytes they take."""
    entries: list[dict[str, Any]] = []
    length = 0
    lines = data.split(b"\n")
    torn = lines.pop()
    for number, line in enumerate(lines, 1):
        entry = decode_entry(line)
        if entry is None:
            if number == len(lines) and not torn:
                break
            raise ResultsError(
                f"{path}:{number}: this line is damaged (its checksum does not hold); restore the "
                "file from a copy, or delete the line to train its run again"
            )
        entries.append(entry)
        length += len(line) + 1
    return entries, length


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
