"""Rows decoded once and shared: the driver writes them to temporary files, workers map those.

A file that is mapped read-only is in memory once, however many processes read it. The folder goes
when the driver is done or fails; what a killed driver leaves is removed by the next.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from bnexp.data.raw import Raw, read_spec, spec_facts, top_of
from bnexp.describe import DatasetFacts, DataSpec
from bnexp.errors import DatasetError

_PREFIX = "bnexp-rows-"
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
#: Seconds that a folder is left alone, so that its maker has time to lock it.
_YOUNG = 60.0


@contextlib.contextmanager
def shared_rows(
    specs: Iterable[DataSpec], *, data_dir: str | os.PathLike[str] | None = None
) -> Iterator[Path | None]:
    """Decode the examples of ``specs`` into a temporary folder that is there inside the block.

    Contents are verified. Yields the folder, for ``load_prepared(shared=...)`` in any process; None
    if there are no specs. Raises ``DatasetError`` where they cannot be read or kept.
    """
    largest = list(_largest(specs))
    if not largest:
        yield None
        return
    _remove_leftovers()
    with contextlib.ExitStack() as stack:
        place = tempfile.gettempdir()
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.enter_context(FileLock(folder / ".lock"))
            for spec in largest:
                _write(folder / _key(spec_facts(spec)), read_spec(spec, data_dir=data_dir))
        except OSError as error:
            raise DatasetError(
                f"cannot keep the decoded examples in {place}: {error.strerror or error}; free "
                "space or name another folder with TMPDIR"
            ) from error
        yield folder


def open_shared(folder: Path, spec: DataSpec) -> Raw | None:
    """Return the examples of ``spec`` that ``shared_rows`` keeps in ``folder``, None if none.

    The rows are mapped from their file, not read. Raises ``DatasetError`` if they are damaged.
    """
    facts = spec_facts(spec)
    place = folder / _key(facts)
    if not place.is_dir():
        return None
    try:
        arrays = {name: _open(place / f"{name}.npy", name.startswith("x")) for name in _ARRAYS}
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{place}: the decoded examples cannot be read: {error}") from None
    return Raw(facts, top_of(facts), **arrays)


def _largest(specs: Iterable[DataSpec]) -> Iterator[DataSpec]:
    """Yield for each dataset a spec with as many examples as any of its specs asks for."""
    by_key: dict[str, list[DataSpec]] = {}
    for spec in specs:
        by_key.setdefault(_key(spec_facts(spec)), []).append(spec)
    for same in by_key.values():
        train = max(spec.train + spec.validation for spec in same)
        test = max(spec.test for spec in same)
        yield dataclasses.replace(same[0], train=train, validation=0, test=test)


def _key(facts: DatasetFacts) -> str:
    digest = hashlib.md5(repr(list(facts.content.items())).encode(), usedforsecurity=False)
    return f"{facts.name}-{digest.hexdigest()}"


def _write(place: Path, raw: Raw) -> None:
    place.mkdir()
    for name in _ARRAYS:
        np.save(place / f"{name}.npy", getattr(raw, name), allow_pickle=False)


def _open(path: Path, mapped: bool) -> npt.NDArray[Any]:
    # An empty file cannot be mapped.
    if mapped and path.stat().st_size > 4096:
        mapping = np.load(path, mmap_mode="r", allow_pickle=False)
        return np.asarray(mapping)
    array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    return array


def _remove_leftovers() -> None:
    """Remove folders whose maker is no more: nobody holds their lock."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            if time.time() - folder.stat().st_mtime > _YOUNG:
                with FileLock(folder / ".lock", timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
