"""One writer at a time: a lock that the operating system releases when its owner dies."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from pathlib import Path

from bnexp.errors import ResultsError
from bnexp.files import remove_leftovers, write_atomically, writing

_LOCK = ".lock"
_OWNER = ".owner.json"


def is_lock_file(path: Path) -> bool:
    """Return whether a file is one that a lock leaves in its folder."""
    return path.name == _LOCK or path.name.startswith((_OWNER, f".{_OWNER}."))


class FolderLock:
    """The lock of a results folder. A file beside it names the owner, for the message of others."""

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock  # not for those who only ask where a folder is

        self.folder = folder
        self._lock = FileLock(folder / _LOCK)

    def acquire(self) -> None:
        """Take the lock. Raises ResultsError that names its owner, and OutputError."""
        from filelock import Timeout

        with writing(self.folder):
            try:
                self._lock.acquire(timeout=0)
            except Timeout:  # an OSError, too
                raise ResultsError(
                    f"{self.folder} is in use by {self._owner()}; wait until it ends, or choose "
                    "another folder with --output"
                ) from None
        owner = {"pid": os.getpid(), "host": platform.node(), "since": time.strftime("%F %T")}
        try:
            remove_leftovers(self.folder, _OWNER)
            write_atomically(self.folder / _OWNER, json.dumps(owner) + "\n")
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the lock back."""
        with contextlib.suppress(OSError):
            (self.folder / _OWNER).unlink()
        self._lock.release()

    def _owner(self) -> str:
        try:
            owner = json.loads((self.folder / _OWNER).read_text())
            return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
