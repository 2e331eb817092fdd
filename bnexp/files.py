"""Writing files so that a reader, or a crash, never sees half of one; telling when one changed."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from bnexp.errors import OutputError

#: What the system says where there is no room.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def file_state(path: Path) -> tuple[int, int, int, int]:
    """Return what changes when a file is written to, or replaced by another of its size and time.

    These are inode, size, and the times of the last change of content and of status. Where a file
    system has no inodes, or Windows no time of status, the others must do. Raises OSError.
    """
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError that names the path and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        free = "free space or " if error.errno in _FULL else ""
        raise OutputError(
            f"{path}: cannot be written: {reason}; {free}choose another place with --output. "
            "What was finished before is kept; the same command goes on from there."
        ) from error


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file's content at once. Raises OutputError."""
    data = content.encode() if isinstance(content, str) else content
    with writing(path), atomic_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path`` that takes its place when the block ends well."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def remove_leftovers(folder: Path, name: str) -> None:
    """Delete what killed processes left of ``atomic_file(folder / name)``; name may be a pattern.

    For the one process that may write these files: it deletes those in the making, too.
    """
    for path in folder.glob(f".{name}.*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()
