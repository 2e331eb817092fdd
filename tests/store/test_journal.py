from __future__ import annotations

import errno
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeps import python, read_journal

from bnexp.errors import OutputError, ResultsError
from bnexp.store import journal
from bnexp.store.journal import NAME, Journal, encode_entry, is_journal

ENTRIES: list[dict[str, Any]] = [
    {"ask": {"name": "a"}, "cells": []},
    {"result": {"run": "σ1", "loss": 0.1, "big": 1e300}},
    {"result": {"run": "2", "records": [{"step": 1}, {"step": 2}]}},
]
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def write(folder: Path, entries: list[dict[str, Any]]) -> Path:
    written = Journal(folder / NAME)
    for entry in entries:
        written.append(entry)
    written.close()
    return folder / NAME


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    path = write(tmp_path, ENTRIES)
    assert read_journal(path) == ENTRIES
    told = []
    journal = Journal(path, lambda entry, place: told.append((entry, place)))
    assert [entry for entry, _ in told] == ENTRIES
    told.append((ENTRIES[0], journal.append(ENTRIES[0])))
    journal.close()
    for entry, (lines, start, size) in told:
        assert lines.entry(start, size) == entry
        assert path.read_bytes()[start : start + size] == encode_entry(entry)


@given(entry=st.dictionaries(st.text().filter(lambda key: key != "sum"), _values, min_size=1))
def test_every_entry_is_one_line_that_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, entry: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / NAME
    line = encode_entry(entry)
    assert line.count(b"\n") == 1
    path.write_bytes(line + line)
    assert repr(read_journal(path)) == repr([entry, entry])


def test_the_format_of_a_line() -> None:
    assert encode_entry({"result": {"run": "00ff", "seconds": 0.25}}) == (
        b'{"sum": "5e46ee55fd3b5083","result":{"run":"00ff","seconds":0.25}}\n'
    )


def test_an_iterator_is_a_list_in_its_line() -> None:
    values = [{"a": 1.5}, [1, None], "σ"]
    assert encode_entry({"b": iter(values), "c": {}}) == encode_entry({"b": values, "c": {}})
    assert encode_entry({"b": iter([])}) == encode_entry({"b": []})


def test_no_journal_has_no_entries(tmp_path: Path) -> None:
    assert read_journal(tmp_path / NAME) == []


@pytest.mark.parametrize("line_ends", [b"\n", b"\r\n"])
def test_line_ends_that_git_has_changed_are_read(tmp_path: Path, line_ends: bytes) -> None:
    path = write(tmp_path, ENTRIES)
    path.write_bytes(path.read_bytes().replace(b"\n", line_ends))
    assert read_journal(path) == ENTRIES


def test_a_last_line_torn_anywhere_is_dropped_and_overwritten(tmp_path: Path) -> None:
    data = write(tmp_path, ENTRIES).read_bytes()
    start = data.rindex(b"\n", 0, -1) + 1
    new = {"result": {"run": "3"}}
    for end in range(start, len(data) + 1):
        path = tmp_path / f"{end}"
        path.write_bytes(data[:end])
        kept = ENTRIES if end == len(data) else ENTRIES[:2]
        assert read_journal(path) == kept
        journal = Journal(path)
        journal.append(new)
        journal.close()
        assert read_journal(path) == [*kept, new]
        assert path.read_bytes() == b"".join(map(encode_entry, [*kept, new]))


@pytest.mark.parametrize("rubbish", [b"\0" * 50, b"{}", b"[1]\n", b"\xff\xfe\n", b"\n"])
def test_rubbish_that_a_crash_leaves_at_the_end_is_dropped(tmp_path: Path, rubbish: bytes) -> None:
    path = write(tmp_path, ENTRIES)
    with path.open("ab") as file:
        file.write(rubbish)
    assert read_journal(path) == ENTRIES


def test_any_changed_byte_before_the_last_line_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, ENTRIES)
    data = path.read_bytes()
    for place in range(data.rindex(b"\n", 0, -1)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        number = data.count(b"\n", 0, place) + 1
        with pytest.raises(ResultsError) as caught:
            read_journal(path)
        assert str(caught.value).startswith(f"{path}:{number}: this line is damaged")
    assert "delete the line to train its run again" in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[1]",
        b"null",
        b'"sum"',
        b'{"sum": 1}',
        b'{"result": {}}',
        b"\xff",
        b"[" * 200_000,
        b'{"sum": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda line: line[:12].decode(errors="replace"),
)
def test_a_line_that_is_not_ours_is_an_error(tmp_path: Path, line: bytes) -> None:
    path = write(tmp_path, ENTRIES)
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(first + b"\n" + line + b"\n" + rest)
    with pytest.raises(ResultsError, match=rf"{NAME}:2: this line is damaged"):
        read_journal(path)


def test_a_journal_that_cannot_be_read_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match=f"{NAME}: cannot be read: Is a directory"):
        read_journal(tmp_path / NAME)


def test_a_disk_that_refuses_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, ENTRIES)
    before = path.read_bytes()
    journal = Journal(path)

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OutputError, match="cannot be written: No space left on device"):
            journal.append({"result": {"run": "lost"}})
    assert path.read_bytes() == before
    journal.append({"result": {"run": "3"}})
    journal.close()
    assert read_journal(path) == [*ENTRIES, {"result": {"run": "3"}}]


_FULL = f"""
import resource, sys
from pathlib import Path
from bnexp.errors import OutputError
from bnexp.store.journal import Journal, Lines

path = Path({NAME!r})
size = path.stat().st_size
path.write_bytes(path.read_bytes() + b'{{"sum": "torn')
journal = Journal(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, resource.RLIM_INFINITY))
try:
    journal.append({{"result": {{"run": "x" * 1000}}}})
except OutputError as error:
    print(error.exit_code, path.stat().st_size == size, len(list(Lines(path).entries())))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if "again" in sys.argv:
    journal.append({{"result": {{"run": "3"}}}})
journal.close()
"""


@pytest.mark.parametrize("again", [[], ["again"]])
def test_a_full_disk_leaves_no_part_of_a_line_behind(tmp_path: Path, again: list[str]) -> None:
    # A file that may not grow refuses as a full disk does: first a part, then all.
    path = write(tmp_path, ENTRIES)
    before = path.read_bytes()
    code, out, err = python("-c", _FULL, *again, cwd=tmp_path)
    assert (code, out, err) == (0, "5 True 3\n", "")
    more = [{"result": {"run": "3"}}] if again else []
    assert path.read_bytes() == before + b"".join(map(encode_entry, more))


def test_a_journal_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert not is_journal(path)
    path.write_bytes(b"{")
    assert is_journal(path)
    path.write_bytes(b'{"sum": "torn or dama\xff\n')
    assert is_journal(path)
    path.write_bytes(b'{"mine": 1}\n')
    assert not is_journal(path)
    assert not is_journal(tmp_path)


def test_a_line_that_is_being_written_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / NAME
    lines = encode_entry({"n": 1}) + encode_entry({"n": 2})
    parts = [lines[:-5], b"", lines[-5:]]  # what a reader sees by and by

    class Growing(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            part = parts.pop(0)
            buffer[: len(part)] = part
            return len(part)

        def seek(self, *_: int) -> int:
            return 0

    monkeypatch.setattr(
        journal, "open", lambda *_, **__: io.BufferedReader(Growing()), raising=False
    )
    assert read_journal(path) == [{"n": 1}]


def test_threads_that_read_without_pread_do_not_disturb_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_read_at", journal._seek_and_read)
    content = (encode_entry({"number": number, "text": "x" * number}) for number in range(50))
    (tmp_path / NAME).write_bytes(b"".join(content))
    lines = journal.Lines(tmp_path / NAME)
    places = [(place.start, place.size) for _, place in lines.entries()]

    def read(number: int) -> int:
        found: int = lines.entry(*places[number])["number"]
        return found

    numbers = [n % 50 for n in range(2000)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, numbers)) == numbers
