"""The headers and labels of an ``npz`` archive, read without NumPy.

It is a zip of ``.npy`` files: a magic string, a version, the length of a header, the header (a
Python literal with dtype, order and shape), then the values (NEP 1,
https://numpy.org/neps/nep-0001-npy-format.html).
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

from bnexp.describe import DatasetFacts
from bnexp.errors import DatasetError
from bnexp.userdata.labels import ALLOWED, first_of_classes, is_label, refuse_unlearned

_MAGIC = b"\x93NUMPY"
#: NumPy itself reads no longer header from an archive that is not trusted.
_LONGEST_HEADER = 10_000
_DTYPE = re.compile(r"([<>=|]?)([biuf])([1248])")
_CODES = {
    "b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q",
    "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "f2": "e", "f4": "f", "f8": "d",
}  # fmt: skip
_FORMS = "(examples, features), (examples, height, width) or (examples, height, width, channels)"


@dataclass(frozen=True)
class _Header:
    order: str
    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * int(self.kind[1])


def npz_facts(path: Path) -> DatasetFacts:
    """Return the facts of an archive. Raises ``DatasetError``."""
    try:
        with path.open("rb") as file:
            digest = hashlib.md5(usedforsecurity=False)
            while block := file.read(1 << 20):
                digest.update(block)
            with zipfile.ZipFile(file) as archive:
                shape, counts, first_of = _read(path, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DatasetError(
            f"{path}: it is not a good npz archive ({error}); write it with numpy.savez"
        ) from None
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from None
    content = MappingProxyType({path.name: digest.hexdigest()})
    return DatasetFacts("npz", path.name, shape, len(first_of), *counts, content, first_of)


def _read(
    path: Path, archive: zipfile.ZipFile
) -> tuple[tuple[int, ...], tuple[int, int], tuple[int | None, ...]]:
    """Return the shape of an example, how many there are in each part, and where each class is."""
    keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    here = ", ".join(keys) or "no arrays"
    needed = ["x_train", "y_train"]
    if {"x_test", "y_test"} & set(keys):
        needed += ["x_test", "y_test"]
    missing = [key for key in needed if key not in keys]
    if missing:
        raise DatasetError(
            f"{path}: there is no {' and no '.join(missing)}; it holds {here}. Needed are x_train "
            "and y_train; x_test and y_test may be left out together"
        )
    headers, labels = {}, {}
    for key in needed:
        with archive.open(f"{key}.npy") as member:
            where = f"{path}: {key}"
            size = archive.getinfo(f"{key}.npy").file_size
            headers[key] = header = _read_header(where, member, size)
            if key.startswith("y"):
                labels[key] = _read_labels(where, member, header)
    counts = [
        _check_pair(path, part, headers[f"x_{part}"], headers[f"y_{part}"])
        for part in ("train", "test")[: len(needed) // 2]
    ]
    shapes = {key: headers[key].shape[1:] for key in needed[::2]}
    if len(set(shapes.values())) > 1:
        raise DatasetError(
            f"{path}: an example of x_test has shape {shapes['x_test']}, one of x_train "
            f"{shapes['x_train']}; give both the same"
        )
    first_of = first_of_classes(f"{path}: y_train", labels["y_train"])
    tested = labels.get("y_test", [])
    refuse_unlearned(first_of, "y_train", tested, lambda place: f"{path}: y_test[{place}]")
    return shapes["x_train"], (counts[0], counts[1] if len(counts) > 1 else 0), first_of


def _read_header(where: str, member: IO[bytes], size: int) -> _Header:
    """Read a header from the beginning of a member of ``size`` bytes."""
    beginning = member.read(8)
    if beginning[:6] != _MAGIC or beginning[6:] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise DatasetError(f"{where} is no NumPy array; write the archive with numpy.savez")
    wide = beginning[6] > 1
    raw = member.read(4 if wide else 2)
    length = int.from_bytes(raw, "little")
    if length > _LONGEST_HEADER:
        raise DatasetError(f"{where}: its header is too long; write the archive with numpy.savez")
    text = member.read(length).decode("latin-1")
    try:
        facts = ast.literal_eval(text.strip())
        descr, shape = facts["descr"], facts["shape"]
        whole = all(type(count) is int and count >= 0 for count in shape)
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise DatasetError(
            f"{where}: its header is damaged; write the archive with numpy.savez"
        ) from None
    match = _DTYPE.fullmatch(descr) if isinstance(descr, str) else None
    if match is None or match[2] + match[3] not in _CODES:
        raise DatasetError(
            f"{where} has dtype {descr!r}; allowed: real numbers (bool, whole numbers, float16, "
            "float32 or float64), e.g. array.astype('float32')"
        )
    header = _Header(">" if match[1] == ">" else "<", match[2] + match[3], tuple(shape))
    if not whole or size != 8 + len(raw) + length + header.size:
        raise DatasetError(
            f"{where} has {size} bytes, which does not fit its shape {header.shape}; write the "
            "archive with numpy.savez"
        )
    return header


def _read_labels(where: str, member: IO[bytes], header: _Header) -> list[int]:
    if len(header.shape) != 1:
        raise DatasetError(
            f"{where} has shape {header.shape}, not (examples,); one label for each example, e.g. "
            "y.ravel() of a column, y.argmax(axis=1) of one-hot rows"
        )
    form = f"{header.order}{header.shape[0]}{_CODES[header.kind]}"
    values = struct.unpack(form, member.read(header.size))
    for index, value in enumerate(values):
        if not is_label(value):
            raise DatasetError(f"{where}[{index}] is {value}; {ALLOWED}")
    return [int(value) for value in values]


def _check_pair(path: Path, part: str, x: _Header, y: _Header) -> int:
    """Return how many examples a part has."""
    if len(x.shape) not in (2, 3, 4) or 0 in x.shape:
        raise DatasetError(f"{path}: x_{part} has shape {x.shape}; allowed: {_FORMS}, none 0")
    if x.shape[0] != y.shape[0]:
        raise DatasetError(
            f"{path}: x_{part} has {x.shape[0]} examples, y_{part} {y.shape[0]} labels; give each "
            "example one label"
        )
    return x.shape[0]
