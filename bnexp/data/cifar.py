"""The binary form of CIFAR-10: six files of records, in one gzipped tar archive.

A record is a label byte and 3072 bytes of the image: red, green and blue, each 32 rows of 32
(https://www.cs.toronto.edu/~kriz/cifar.html). The archive is kept as it is and read as a stream:
its members are taken by their names, whatever else is in it, and nothing is ever unpacked to disk.
"""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from bnexp.data.content import (
    GZIP_MAGIC,
    ContentError,
    DataFile,
    check_kind,
    check_md5,
    gunzip,
)
from bnexp.describe import DatasetFacts

ARCHIVE = "cifar-10-binary.tar.gz"
#: The folder of the members in the archive.
FOLDER = "cifar-10-batches-bin"

#: Bytes that an archive may hold beside its members: their headers, a list of classes, a note.
_SLACK = 1 << 20
_BLOCK = 1 << 20


@dataclass(frozen=True)
class CifarFile(DataFile):
    """One member of the archive, (records, bytes of a record); found by itself, too."""

    @property
    def places(self) -> tuple[str, ...]:
        """The file as it is, in the folder that an unpacked archive makes, or in the archive."""
        return (self.name, f"{FOLDER}/{self.name}", ARCHIVE)

    @property
    def archive(self) -> str:
        """The archive that it is downloaded and kept in."""
        return ARCHIVE


def cifar_files(facts: DatasetFacts, *, test: bool = True) -> tuple[CifarFile, ...]:
    """Return the files of training examples, in their order, and with ``test`` the last one."""
    *batches, last = facts.content
    record = 1 + facts.features
    files = [
        CifarFile(name, (facts.train // len(batches), record), facts.content[name])
        for name in batches
    ]
    if test:
        files.append(CifarFile(last, (facts.test, record), facts.content[last]))
    return tuple(files)


def archive_limit(facts: DatasetFacts) -> int:
    """Return how many bytes the archive of a dataset unfolds to, at most."""
    return sum(file.size for file in cifar_files(facts)) + _SLACK


def read_members(
    stream: BinaryIO,
    files: Sequence[DataFile],
    *,
    limit: int,
    first: Mapping[str, int] | None = None,
) -> Iterator[tuple[DataFile, bytes]]:
    """Yield each of ``files`` with its verified content, in the order of the archive.

    ``first`` says by name how many records are wanted, whose checksum nobody knows. Raises
    ``ContentError`` for what is no such archive, for a member that is missing or not as expected,
    and where the archive unfolds to more than ``limit`` bytes.
    """
    missing = {f"{FOLDER}/{file.name}": file for file in files}
    try:
        with _open(stream, limit) as archive:
            for member in archive:
                file = missing.pop(str(PurePosixPath(member.name)), None)
                if file is not None:
                    count = None if first is None else first[file.name]
                    yield file, _read_member(archive, member, file, count)
                if not missing:
                    return
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise ContentError(f"its tar data is damaged ({error})") from None
    if missing:
        names = ", ".join(file.name for file in missing.values())
        raise ContentError(f"it holds no {names}, or is damaged before")


def glance(stream: BinaryIO, limit: int) -> None:
    """Look at the beginning of an archive. Raises ``ContentError`` if it is none."""
    try:
        with _open(stream, limit):
            pass
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise ContentError(f"its tar data is damaged ({error})") from None


def _open(stream: BinaryIO, limit: int) -> tarfile.TarFile:
    beginning = stream.read(512)
    stream.seek(0)
    if beginning[:2] != GZIP_MAGIC:
        check_kind(beginning)
        raise ContentError("it is not gzipped")
    capped = cast("BinaryIO", _Capped(stream, limit))  # tarfile asks for read() only
    return tarfile.open(fileobj=capped, mode="r|", bufsize=_BLOCK)


def _read_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, file: DataFile, count: int | None
) -> bytes:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise ContentError(f"its {file.name} is not a file but a link or the like")
    if member.size != file.size:
        raise ContentError(f"its {file.name} has {member.size} bytes, not {file.size}")
    data = archive.extractfile(member)
    assert data is not None
    content = data.read(file.first(count))
    if len(content) < file.first(count):
        raise ContentError(f"it ends inside {file.name}, it is truncated")
    if count is None:
        try:
            check_md5(content, file)
        except ContentError as error:
            raise ContentError(f"{file.name} in it is wrong: {error}") from None
    return content


class _Capped:
    """The decompressed bytes of a gzipped stream, up to a limit."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._unzipped = gzip.GzipFile(fileobj=stream)
        self._limit = self._left = limit

    def read(self, size: int) -> bytes:
        """Return the next bytes; raise ``ContentError`` beyond the limit."""
        content = gunzip(self._unzipped, min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise ContentError(f"it unfolds to more than {self._limit} bytes")
        if self._left + len(content) == self._limit and content[:512].lstrip().startswith(b"<"):
            raise ContentError("it is a web page (HTML or XML), not data")
        return content
