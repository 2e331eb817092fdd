"""IDX files: what each file of a dataset must hold, and reading no more than that from a stream.

The header, the size and the MD5 of a file's content are all known beforehand, so whatever the
stream holds (a cut download, a web page, a gzip bomb) is told apart before it is used, and what is
decompressed never exceeds the expected size by more than a small buffer. The format is two zero
bytes, a type code (8: unsigned byte), the number of dimensions, each dimension as a big-endian
32-bit number, then the values (http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from bnexp import describe
from bnexp.describe import DatasetFacts

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 8


class ContentError(Exception):
    """What is wrong with a file's content, as the end of a sentence that names the file."""


@dataclass(frozen=True)
class IdxFile:
    """One file of a dataset: its name without ``.gz``, its array's shape, its content's MD5."""

    name: str
    shape: tuple[int, ...]
    md5: str

    @property
    def header(self) -> bytes:
        """The bytes before the values."""
        rank = len(self.shape)
        return struct.pack(f">BBBB{rank}I", 0, 0, _UNSIGNED_BYTE, rank, *self.shape)

    @property
    def size(self) -> int:
        """Bytes of the uncompressed content."""
        return len(self.header) + math.prod(self.shape)

    @property
    def holds_labels(self) -> bool:
        """Whether the values are labels, not images."""
        return len(self.shape) == 1


def idx_files(facts: DatasetFacts, *, test: bool = True) -> tuple[IdxFile, ...]:
    """Return images and labels of the training set and, with ``test``, those of the test set."""
    shapes = {
        "train-images-idx3-ubyte": (facts.train, *facts.shape),
        "train-labels-idx1-ubyte": (facts.train,),
    }
    if test:
        shapes["t10k-images-idx3-ubyte"] = (facts.test, *facts.shape)
        shapes["t10k-labels-idx1-ubyte"] = (facts.test,)
    return tuple(IdxFile(name, shape, facts.content[name]) for name, shape in shapes.items())


def read_idx(stream: BinaryIO, file: IdxFile) -> bytes:
    """Read the content of ``file`` from a seekable stream, gzipped or not, and verify it.

    Returns the uncompressed content: ``file.header``, then the values. Raises ``ContentError``.
    """
    zipped = stream.read(2) == _GZIP_MAGIC
    stream.seek(0)
    content = _gunzip(stream, file.size + 1) if zipped else stream.read(file.size + 1)
    _check_form(content, file, file.size)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != file.md5:
        raise ContentError(f"its content has MD5 {md5}{_owner(md5)}")
    return content


def read_first(stream: BinaryIO, file: IdxFile, count: int) -> bytes:
    """Read the header of ``file`` and its first ``count`` examples, without verifying a checksum.

    For a file that is verified elsewhere. Raises ``ContentError`` where that much is not there.
    """
    size = len(file.header) + count * math.prod(file.shape[1:])
    zipped = stream.read(2) == _GZIP_MAGIC
    stream.seek(0)
    content = _gunzip(stream, size) if zipped else stream.read(size)
    _check_form(content, file, size)
    return content


def _gunzip(stream: BinaryIO, limit: int) -> bytes:
    """Decompress up to ``limit`` bytes."""
    try:
        with gzip.GzipFile(fileobj=stream) as unzipped:
            return unzipped.read(limit)
    except EOFError:
        raise ContentError("its gzip data ends early, it is truncated") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ContentError(f"its gzip data is damaged ({error})") from None


def _check_form(content: bytes, file: IdxFile, size: int) -> None:
    """Raise ``ContentError`` where the content differs from ``file`` in kind or header, or in size.

    ``size`` is how many bytes there should be.
    """
    if not content:
        raise ContentError("it is empty")
    if content[:512].lstrip().startswith(b"<"):
        raise ContentError("it is a web page (HTML or XML), not data")
    if len(content) > size:
        raise ContentError(f"its content is longer than {size} bytes")
    magic = file.header[:4]
    if content[:4] != magic:
        raise ContentError(f"its magic number is 0x{content[:4].hex()}, not 0x{magic.hex()}")
    dimensions = content[4 : len(file.header)]
    if dimensions != file.header[4:]:
        raise ContentError(f"its header says {_dimensions(dimensions)}, not {_size(file.shape)}")
    if len(content) < size:
        raise ContentError(f"it ends after {len(content)} of {size} bytes, it is truncated")


def _dimensions(raw: bytes) -> str:
    return _size(struct.unpack(f">{len(raw) // 4}I", raw[: len(raw) // 4 * 4]))


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape) or "nothing"


def _owner(md5: str) -> str:
    """Say which file of which dataset has this checksum, if one has."""
    for facts in describe.DATASETS.values():
        for name, known in facts.content.items():
            if known == md5:
                return f": it is {name} of {facts.title}"
    return ""
