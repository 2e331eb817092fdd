from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from sweeps import public_folder, read_only

from bnexp.errors import OutputError
from bnexp.files import atomic_file, remove_leftovers, write_atomically, writing


def test_content_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "view.csv"
    write_atomically(path, "old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_written_as_utf8_with_its_own_line_ends(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "σ\n")
    assert (tmp_path / "a").read_bytes() == b"\xcf\x83\n"


def test_a_failure_inside_leaves_the_old_content_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "view.csv"
    write_atomically(path, "old")
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(tmp_path: Path, mask: int, mode: int) -> None:
    old = os.umask(mask)
    try:
        write_atomically(tmp_path / "a", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_a_folder_that_is_not_writable_is_named_with_the_remedy() -> None:
    with public_folder() as folder, read_only(folder), pytest.raises(OutputError) as caught:
        write_atomically(folder / "view.csv", "x")
    message = str(caught.value)
    assert message.startswith(f"{folder / 'view.csv'}: cannot be written: Permission denied")
    assert "Permission denied; choose another place with --output. What was" in message


def test_a_disk_that_is_full_is_to_be_freed() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OutputError, match="device; free space or choose another"), writing(Path()):
        raise full


def test_leftovers_of_one_file_are_removed_and_no_others(tmp_path: Path) -> None:
    ours, other, real = (tmp_path / name for name in (".a.csv.0f.tmp", ".plot.png.17.tmp", "a.csv"))
    for path in (ours, other, real):
        path.touch()
    remove_leftovers(tmp_path, "a.csv")
    assert set(tmp_path.iterdir()) == {other, real}
    remove_leftovers(tmp_path / "missing", "a.csv")
