"""The arrays of a user's own data, once ``userdata`` has found their headers and labels right."""

from __future__ import annotations

import array
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bnexp.data.rows import CHUNK
from bnexp.describe import DatasetFacts
from bnexp.errors import DatasetError
from bnexp.userdata.table import Table

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.intp]


def read_npz(path: str, part: str, facts: DatasetFacts, count: int) -> tuple[Array, Labels]:
    """Return the first ``count`` examples (count, features) and labels of a part of an archive.

    Bytes stay bytes, and truth values become them; other numbers keep their dtype. Raises
    ``DatasetError``.
    """
    if not count:
        return np.empty((0, facts.features), np.uint8), np.empty(0, np.intp)
    try:
        with np.load(Path(path).expanduser(), allow_pickle=False) as archive:
            x, y = archive[f"x_{part}"], archive[f"y_{part}"]
    except (
        OSError, EOFError, KeyError, ValueError, MemoryError, RuntimeError, zlib.error,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise DatasetError(
            f"{path}: x_{part} or y_{part} cannot be read ({error or 'out of memory'}); write the "
            "archive again with numpy.savez"
        ) from None
    if x.shape[1:] != facts.shape or len(x) < count or len(y) < count:
        raise _changed(path)
    x = x[:count]
    if x.ndim == 4:
        x = x.transpose(0, 1, 3, 2)
    rows = np.ascontiguousarray(x.reshape(count, facts.features))
    if rows.dtype == np.bool_:
        rows = rows.view(np.uint8)
    if not rows.dtype.isnative:
        rows = rows.astype(rows.dtype.newbyteorder("="))
    for start in range(0, count, CHUNK):
        bad = ~np.isfinite(rows[start : start + CHUNK]).all(axis=1)
        if bad.any():
            raise DatasetError(
                f"{path}: x_{part}[{start + int(bad.argmax())}] holds a value that is no finite "
                "number; mend it or leave the example out"
            )
    return rows, y[:count].astype(np.intp)


def read_csv(path: str | None, facts: DatasetFacts, count: int) -> tuple[Array, Labels]:
    """Return the first ``count`` examples (count, features) in float64 and labels of a file.

    Raises ``DatasetError`` with the line of what is no finite number.
    """
    values, labels = array.array("d"), array.array("q")
    if count and path is not None:
        place = Path(path).expanduser()
        try:
            with place.open("rb") as file:
                table = Table(place, file)
                for line, fields in table:
                    values.extend(table.read_numbers(line, fields))
                    labels.append(table.read_label(line, fields))
                    if len(labels) == count:
                        break
        except OSError as error:
            raise DatasetError(f"{path}: {error.strerror or error}") from None
    if len(labels) < count or len(values) != len(labels) * facts.features:
        raise _changed(str(path))
    rows = np.frombuffer(values, np.float64) if values else np.empty(0)
    return rows.reshape(count, facts.features), np.array(labels, np.intp)


def _changed(path: str) -> DatasetError:
    return DatasetError(f"{path}: it changed while it was in use; give the command again")
