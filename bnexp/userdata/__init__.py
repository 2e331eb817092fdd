"""Facts of a user's own data, read from headers and labels, so that a config can be checked.

``npz``: a NumPy archive with ``x_train``, ``y_train`` and perhaps ``x_test``, ``y_test``. ``csv``:
one or two text files, an example a line. Nothing here imports NumPy; the numbers themselves are
read by ``bnexp.data``.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

from bnexp.describe import DatasetFacts
from bnexp.errors import DatasetError
from bnexp.files import file_state
from bnexp.userdata.archive import npz_facts
from bnexp.userdata.table import csv_facts

__all__ = ["user_facts"]

#: A file as it is now: its path, and what changes with its content.
_Stamp = tuple[Path, tuple[int, int, int, int]]


def user_facts(name: str, path: str, test_path: str | None = None) -> DatasetFacts:
    """Return the facts of an ``npz`` or ``csv`` dataset at ``path``.

    ``test_path`` names the second file of a ``csv``, with test examples. ``content`` maps the name
    of each file to the MD5 of the file, that of the training examples first. A file that has not
    changed is read once in a process. Raises ``DatasetError`` with the place of what is wrong, and
    what to do.
    """
    test = None if test_path is None else _stamp(test_path, "data.test_path")
    return _facts(name, _stamp(path, "data.path"), test)


def _stamp(path: str, key: str) -> _Stamp:
    place = Path(path).expanduser()
    try:
        state = file_state(place)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetError(
            f"{path}: {reason}; {key} names a file, relative to the working folder {Path.cwd()}"
        ) from None
    if not place.is_file():
        raise DatasetError(f"{path}: it is not a file; {key} names the file that holds the data")
    if not os.access(place, os.R_OK):
        raise DatasetError(f"{path}: no permission to read it")
    return place.absolute(), state


@functools.lru_cache(maxsize=64)
def _facts(name: str, file: _Stamp, test_file: _Stamp | None) -> DatasetFacts:
    if name == "npz":
        return npz_facts(file[0])
    return csv_facts(file[0], None if test_file is None else test_file[0])
