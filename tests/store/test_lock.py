from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sweeps import finish, public_folder, read_only, start

from bnexp.errors import OutputError, ResultsError
from bnexp.store import lock as lock_module
from bnexp.store.lock import FolderLock, is_lock_file, owner_at_work

_HOLD = """
import sys, time
from pathlib import Path
from bnexp.store.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.acquire()
print("locked", flush=True)
time.sleep(60)
"""


def test_another_process_is_refused_with_the_owner_named(tmp_path: Path) -> None:
    holder = start("-c", _HOLD, tmp_path, cwd=tmp_path)
    assert holder.stdout and holder.stdout.readline() == "locked\n"
    lock = FolderLock(tmp_path)
    with pytest.raises(ResultsError) as caught:
        lock.acquire()
    assert caught.value.exit_code == 4
    assert f"{tmp_path} is in use by process {holder.pid} on " in str(caught.value)
    assert "wait until it ends" in str(caught.value)
    assert owner_at_work(tmp_path) == f"process {holder.pid}"
    holder.kill()
    finish(holder)
    assert owner_at_work(tmp_path) is None
    lock.acquire()  # nothing of a killed owner is in the way
    assert json.loads((tmp_path / ".owner.json").read_text())["pid"] == os.getpid()
    lock.release()


@pytest.mark.parametrize(
    "owner", ["", "{", "[]", '{"pid": "1", "host": 0}', '{"pid": 0}', '{"pid": 1, "host": "other"}']
)
def test_nobody_is_at_work_where_no_process_of_here_is_named(tmp_path: Path, owner: str) -> None:
    assert owner_at_work(tmp_path) is None
    (tmp_path / ".owner.json").write_text(owner)
    assert owner_at_work(tmp_path) is None


def test_an_owner_that_has_not_said_its_name_is_another_process(tmp_path: Path) -> None:
    one, two = FolderLock(tmp_path), FolderLock(tmp_path)
    one.acquire()
    (tmp_path / ".owner.json").write_text("{")
    with pytest.raises(ResultsError, match="in use by another process;"):
        two.acquire()
    one.release()
    two.acquire()
    two.release()


def test_a_released_lock_leaves_no_owner_and_only_its_own_files(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.acquire()
    assert all(map(is_lock_file, tmp_path.iterdir()))
    lock.release()
    assert [path.name for path in tmp_path.iterdir()] in ([".lock"], [])


def test_a_lock_whose_owner_cannot_be_written_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OutputError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(lock_module, "write_atomically", refuse)
        first = FolderLock(tmp_path)
        with pytest.raises(OutputError, match="no space"):
            first.acquire()
    second = FolderLock(tmp_path)
    second.acquire()
    second.release()


def test_a_folder_that_is_not_writable_cannot_be_locked() -> None:
    with public_folder() as folder:
        lock = FolderLock(folder)
        refused = pytest.raises(OutputError, match="cannot be written: Permission denied")
        with read_only(folder), refused:
            lock.acquire()
