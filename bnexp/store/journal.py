"""The journal: what a results folder knows, one checksummed JSON object per line, append-only.

A line counts once it is on the disk. A torn last line, which a kill or a full disk can leave, is
dropped; damage anywhere else is an error, because something beside bnexp wrote there. Reading goes
line by line: the journal of a large sweep is nowhere held whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bnexp.errors import OutputError, ResultsError
from bnexp.files import writing

NAME = "journal.jsonl"
_START = '{"sum": "'
#: Where the entry itself begins, after the checksum's 16 digits.
_BODY = len(_START) + 16 + len('",')
#: How many journals that are read stay open. A process may open some 250 files on some systems.
_MOST_OPEN = 64

Entry = dict[str, Any]
_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Place(NamedTuple):
    """Where a line stands in a journal, in bytes."""

    lines: Lines
    start: int
    size: int


def is_journal(path: Path) -> bool:
    """Return whether a file is a journal by its first bytes, even a torn or damaged one."""
    if not path.is_file():
        return False
    with _reading(path), path.open("rb") as file:
        start = file.read(len(_START))
    return _START.encode().startswith(start)


def encode_entry(entry: Mapping[str, Any]) -> bytes:
    """Return an entry's line, with its checksum; a value may be an iterator, for a long list."""
    body = ",".join(f"{_encode(key)}:{_encode(value)}" for key, value in entry.items()) + "}"
    return f'{_START}{_checksum(body.encode())}",{body}\n'.encode()


def _encode(value: Any) -> str:
    """Return a value as JSON; the items of an iterator one after another, to save memory."""
    return f"[{','.join(map(_json, value))}]" if isinstance(value, Iterator) else _json(value)


def decode_entry(line: bytes) -> Entry | None:
    """Return the entry of a line, or None when the line is torn or damaged."""
    body = line[_BODY:].rstrip(b"\r\n")
    if line[:_BODY] != f'{_START}{_checksum(body)}",'.encode():
        return None
    try:
        entry: Entry = json.loads(b"{" + body)
    except ValueError:
        return None
    return entry


class Lines:
    """A journal open for reading, for as long as anybody holds results from it.

    So they can be read even when its folder was set aside or deleted meanwhile. One that is not
    there is empty. Raises OutputError when it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _reading(path):
            try:
                self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            except FileNotFoundError:
                self._file = os.open(os.devnull, os.O_RDONLY)
        self._close = weakref.finalize(self, os.close, self._file)
        self._content: bytes | None = None

    def entries(self) -> Iterator[tuple[Entry, Place]]:
        """Yield all entries, each with its place. Raises ResultsError for a damaged line."""
        start = 0
        with _reading(self.path), open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):  # torn, or half of it is still to be written
                    return
                entry = decode_entry(line)
                if entry is None:
                    if file.read(1):
                        raise ResultsError(
                            f"{self.path}:{number}: this line is damaged (its checksum does not "
                            "hold); restore the file from a copy, or delete the line to train its "
                            "run again"
                        )
                    return
                yield entry, Place(self, start, len(line))
                start += len(line)

    def entry(self, start: int, size: int) -> Entry:
        """Return the entry at a place. Raises ResultsError when it is not there any more."""
        with _reading(self.path):
            entry = decode_entry(self._read(start, size))
        if entry is None:
            raise ResultsError(f"{self.path}: changed since it was read; load the results again")
        return entry

    def settle(self) -> None:
        """Note that ``entries`` were read and nothing is added to them from now on.

        Of many that are settled the oldest are held in memory, so that they need no open file.
        """
        _settled.append(weakref.ref(self, _forget))
        while len(_settled) > _MOST_OPEN:
            with contextlib.suppress(IndexError):  # another thread was sooner
                lines = _settled.popleft()()
                if lines:
                    lines._hold()

    def _hold(self) -> None:
        with contextlib.suppress(OSError):  # it stays open
            self._content = self._read(0, os.fstat(self._file).st_size)
            self._close()

    def _read(self, start: int, size: int) -> bytes:
        line = b""
        try:
            line = _read_at(self._file, size, start)
        except OSError:
            if self._content is None:
                raise
        # Asked afterwards: the file was open all the time while there is no content.
        return line if self._content is None else self._content[start : start + size]


_settled: deque[weakref.ref[Lines]] = deque()


def _forget(lines: weakref.ref[Lines]) -> None:
    with contextlib.suppress(ValueError):  # it is held in memory
        _settled.remove(lines)


def _seek_and_read(file: int, size: int, start: int) -> bytes:
    with _seeking:
        os.lseek(file, start, os.SEEK_SET)
        return os.read(file, size)


_seeking = threading.Lock()
#: Reads at a place, whatever other threads read; Windows has no ``pread``.
_read_at: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


class Journal:
    """A journal opened for appending, by one process at a time (see ``store.lock``).

    ``take`` is told of every entry that is in the file, and of its place.
    """

    def __init__(self, path: Path, take: Callable[[Entry, Place], None] | None = None) -> None:
        self.path = path
        with contextlib.ExitStack() as undo, writing(path):
            # Without a buffer, so that closing does not write what appending gave up.
            self._file = undo.enter_context(path.open("ab", buffering=0))
            self._lines = Lines(path)
            self._length = 0
            for entry, place in self._lines.entries():
                if take:
                    take(entry, place)
                self._length = place.start + place.size
            undo.pop_all()

    def append(self, entry: Mapping[str, Any]) -> Place:
        """Add an entry, see it onto the disk, and return its place.

        Raises OutputError; then nothing was added.
        """
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
        place = Place(self._lines, self._length, len(line))
        self._length += len(line)
        return place

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._lines.settle()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error


def _checksum(body: bytes) -> str:
    """Return the checksum of an entry whose JSON is an opening brace and ``body``."""
    found = hashlib.sha256(b"{")
    found.update(body)
    return found.hexdigest()[:16]
