"""What a file of a dataset must hold, and what is wrong with one that does not.

Size and MD5 of every file's content are known beforehand, so whatever stands in its place (a cut
download, a web page, a bomb) is told apart before it is used, and what is decompressed never
exceeds the expected size by more than a small buffer.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from bnexp import describe

GZIP_MAGIC = b"\x1f\x8b"


class ContentError(Exception):
    """What is wrong with a file's content, as the end of a sentence that names the file."""


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset: its name, its array's shape in bytes, its content's MD5."""

    name: str
    shape: tuple[int, ...]
    md5: str

    @property
    def header(self) -> bytes:
        """The bytes before the values."""
        return b""

    @property
    def size(self) -> int:
        """Bytes of the uncompressed content."""
        return len(self.header) + math.prod(self.shape)

    @property
    def holds_labels(self) -> bool:
        """Whether the values are labels, not images."""
        return False

    @property
    def places(self) -> tuple[str, ...]:
        """Where in the dataset's folder it may be, the place to prefer first."""
        return (self.name,)

    @property
    def archive(self) -> str | None:
        """The archive that it is downloaded and kept in, None if it is kept by itself."""
        return None

    def first(self, count: int | None) -> int:
        """Bytes of the content up to the end of its first ``count`` examples (None: all)."""
        if count is None:
            return self.size
        return len(self.header) + count * math.prod(self.shape[1:])

    def read(self, stream: BinaryIO, count: int | None = None) -> bytes:
        """Return the verified content of a file at the start of a stream.

        With ``count``, only its first so many examples, whose checksum nobody knows. Raises
        ``ContentError``.
        """
        size = self.first(count)
        content = stream.read(size if count is not None else size + 1)
        check_size(content, size)
        if count is None:
            check_md5(content, self)
        return content


def check_size(content: bytes, size: int) -> None:
    """Raise ``ContentError`` unless there are exactly ``size`` bytes, with a guess at the cause."""
    if len(content) == size:
        return
    check_kind(content)
    if len(content) > size:
        raise ContentError(f"its content is longer than {size} bytes")
    raise ContentError(f"it ends after {len(content)} of {size} bytes, it is truncated")


def check_kind(content: bytes) -> None:
    """Raise ``ContentError`` where there is nothing, or a web page."""
    if not content:
        raise ContentError("it is empty")
    if content[:512].lstrip().startswith(b"<"):
        raise ContentError("it is a web page (HTML or XML), not data")


def check_md5(content: bytes, file: DataFile) -> None:
    """Raise ``ContentError`` where the checksum is another, saying whose it is if it is known."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != file.md5:
        raise ContentError(f"its content has MD5 {md5}{_owner(md5)}")


def gunzip(stream: gzip.GzipFile, limit: int) -> bytes:
    """Decompress up to ``limit`` bytes. Raises ``ContentError`` where that cannot be done."""
    try:
        return stream.read(limit)
    except EOFError:
        raise ContentError("its gzip data ends early, it is truncated") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ContentError(f"its gzip data is damaged ({error})") from None


def _owner(md5: str) -> str:
    """Say which file of which dataset has this checksum, if one has."""
    for facts in describe.DATASETS.values():
        for name, known in facts.content.items():
            if known == md5:
                return f": it is {name} of {facts.title}"
    return ""
