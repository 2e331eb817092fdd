"""Files are verified once, and again when anything about them has changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from bnexp.data import files, locate, verified
from bnexp.data.files import verify_files
from bnexp.errors import DatasetError


@pytest.fixture
def folder(mini_mnist, data_cache, tmp_path):
    """A data folder whose files were last changed long ago, by every clock but the status's."""
    place = mini_mnist.write(tmp_path / "data" / "mnist", zipped=False)
    for path in place.iterdir():
        os.utime(path, (1e9, 1e9))
    return place


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that are read to be verified, as they come."""
    seen: list[str] = []
    read_files = locate.read_files

    def spy(found, wanted, facts, **options):
        seen.extend(file.name for file in wanted)
        return read_files(found, wanted, facts, **options)

    monkeypatch.setattr(files, "read_files", spy)
    return seen


@pytest.fixture
def settled(monkeypatch):
    """Nothing need be left alone to be remembered."""
    monkeypatch.setattr(verified, "_SETTLED", -1.0)


def test_what_is_untouched_is_read_once(mini_mnist, folder, reads, settled):
    for _ in range(3):
        verify_files(mini_mnist.facts, data_dir=folder.parent)
    assert sorted(reads) == sorted(mini_mnist.content)


def test_what_has_just_been_written_is_not_remembered(mini_mnist, folder, reads):
    for _ in range(2):
        verify_files(mini_mnist.facts, data_dir=folder.parent)
    assert len(reads) == 2 * len(mini_mnist.content)


@pytest.mark.parametrize("keeps_times", [False, True])
def test_a_changed_file_is_noticed(mini_mnist, folder, settled, keeps_times):
    verify_files(mini_mnist.facts, data_dir=folder.parent)
    path = folder / "train-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    time.sleep(0.02)  # a tick of the clock that stamps files
    path.write_bytes(content)
    if keeps_times:
        os.utime(path, (1e9, 1e9))
    with pytest.raises(DatasetError, match="train-images-idx3-ubyte"):
        verify_files(mini_mnist.facts, data_dir=folder.parent)


def test_a_replaced_file_is_noticed(mini_mnist, folder, settled):
    verify_files(mini_mnist.facts, data_dir=folder.parent)
    path = folder / "t10k-labels-idx1-ubyte"
    other = folder / "other"
    other.write_bytes(path.read_bytes()[:-1] + b"\x09")
    os.utime(other, (1e9, 1e9))
    other.replace(path)
    with pytest.raises(DatasetError, match="t10k-labels-idx1-ubyte"):
        verify_files(mini_mnist.facts, data_dir=folder.parent)


def test_a_wrong_file_is_never_remembered(mini_mnist, folder, settled):
    (folder / "train-labels-idx1-ubyte").write_bytes(b"\0" * 20)
    for _ in range(2):
        with pytest.raises(DatasetError):
            verify_files(mini_mnist.facts, data_dir=folder.parent)


@pytest.mark.parametrize("notes", ["", "[]", "{", '{"a": 1}', "null", '{"a": {"state": 1}}'])
def test_damaged_notes_are_as_none(mini_mnist, folder, data_cache, reads, settled, notes):
    data_cache.mkdir()
    (data_cache / "verified.json").write_text(notes)
    verify_files(mini_mnist.facts, data_dir=folder.parent)
    assert len(reads) == len(mini_mnist.content)
    assert str(folder / "train-images-idx3-ubyte") in json.loads(
        (data_cache / "verified.json").read_text()
    )


def test_damage_inside_a_note_is_as_none(mini_mnist, folder, data_cache, reads, settled):
    verify_files(mini_mnist.facts, data_dir=folder.parent)
    notes = json.loads((data_cache / "verified.json").read_text())
    for note, damage in zip(
        notes.values(), [{"md5": None}, {"md5": 3}, {"state": None}], strict=False
    ):
        note |= damage
    (data_cache / "verified.json").write_text(json.dumps(notes))
    verify_files(mini_mnist.facts, data_dir=folder.parent)
    assert len(reads) == len(mini_mnist.content) + 3


def test_a_cache_that_cannot_be_written_is_no_mistake(mini_mnist, folder, data_cache, settled):
    data_cache.write_text("a file where a folder should be")
    for _ in range(2):
        verify_files(mini_mnist.facts, data_dir=folder.parent)


def test_one_file_that_holds_many(mini_cifar, data_cache, tmp_path: Path, reads, settled):
    mini_cifar.write(tmp_path / "data" / "cifar10")
    for _ in range(2):
        verify_files(mini_cifar.facts, data_dir=tmp_path / "data")
    assert sorted(reads) == sorted(mini_cifar.content)
