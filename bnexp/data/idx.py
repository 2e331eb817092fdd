"""IDX files: the form of MNIST and Fashion-MNIST, and reading no more than is expected of one.

The format is two zero bytes, a type code (8: unsigned byte), the number of dimensions, each
dimension as a big-endian 32-bit number, then the values (http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from typing import BinaryIO

from bnexp.data.content import (
    GZIP_MAGIC,
    ContentError,
    DataFile,
    check_kind,
    check_md5,
    check_size,
    gunzip,
)
from bnexp.describe import DatasetFacts

_UNSIGNED_BYTE = 8


@dataclass(frozen=True)
class IdxFile(DataFile):
    """One file of a dataset: its name without ``.gz``, its array's shape, its content's MD5."""

    @property
    def header(self) -> bytes:
        """The bytes before the values."""
        rank = len(self.shape)
        return struct.pack(f">BBBB{rank}I", 0, 0, _UNSIGNED_BYTE, rank, *self.shape)

    @property
    def holds_labels(self) -> bool:
        """Whether the values are labels, not images."""
        return len(self.shape) == 1

    @property
    def places(self) -> tuple[str, ...]:
        """The file as it is, or gzipped."""
        return (self.name, f"{self.name}.gz")

    def read(self, stream: BinaryIO, count: int | None = None) -> bytes:
        """Read from a seekable stream, gzipped or not; see ``DataFile.read``."""
        size = self.first(count)
        limit = size + 1 if count is None else size
        zipped = stream.read(2) == GZIP_MAGIC
        stream.seek(0)
        if zipped:
            with gzip.GzipFile(fileobj=stream) as unzipped:
                content = gunzip(unzipped, limit)
        else:
            content = stream.read(limit)
        _check_form(content, self, size)
        if count is None:
            check_md5(content, self)
        return content


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


def _check_form(content: bytes, file: IdxFile, size: int) -> None:
    """Raise ``ContentError`` where the content differs from ``file`` in kind or header, or in size.

    ``size`` is how many bytes there should be.
    """
    check_kind(content)
    if len(content) > size:
        raise ContentError(f"its content is longer than {size} bytes")
    magic = file.header[:4]
    if content[:4] != magic:
        raise ContentError(f"its magic number is 0x{content[:4].hex()}, not 0x{magic.hex()}")
    dimensions = content[4 : len(file.header)]
    if dimensions != file.header[4:]:
        raise ContentError(f"its header says {_dimensions(dimensions)}, not {_size(file.shape)}")
    check_size(content, size)


def _dimensions(raw: bytes) -> str:
    return _size(struct.unpack(f">{len(raw) // 4}I", raw[: len(raw) // 4 * 4]))


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape) or "nothing"
