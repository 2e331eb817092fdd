"""One writer at a time: a lock that the operating system releases when its owner dies."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from bnexp.errors import ResultsError
from bnexp.files import remove_leftovers, write_atomically, writing

_LOCK = ".lock"
_OWNER = ".owner.json"


def is_lock_file(path: Path) -> bool:
    """Return whether a file is one that a lock leaves in its folder."""
    return path.name == _LOCK or path.name.startswith((_OWNER, f".{_OWNER}."))


def owner_at_work(folder: Path) -> str | None:
    """Return who seems to train in a folder, a process of this machine that lives; else None.

    The lock itself is not asked: a look must not keep anybody from taking it.
    """
    if os.name != "posix":  # elsewhere the question would be a signal
        return None
    try:
        owner = _read_owner(folder)
        if owner["host"] != platform.node():
            return None
        os.kill(owner["pid"], 0)
    except PermissionError:  # it lives, and is somebody else's
        pass
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return f"process {owner['pid']}"


def _read_owner(folder: Path) -> Any:
    return json.loads((folder / _OWNER).read_text())


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
            owner = _read_owner(self.folder)
            return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
