"""From examples as they are stored to what a run is trained on: split, label noise, scaling."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bnexp.data.dataset import Dataset
from bnexp.data.locate import Notify
from bnexp.data.raw import Raw, first_of, read_spec, spec_facts
from bnexp.data.rows import CHUNK, Indices, RawRows, Rows, Scaling
from bnexp.data.split import hold_out, with_noise
from bnexp.data.standardize import find_scaling
from bnexp.describe import DataSpec
from bnexp.errors import DatasetError

#: Examples that take more bytes than this as floats stay as they are stored.
LARGEST = 256 * 2**20


def load_prepared(
    spec: DataSpec,
    dtype: npt.DTypeLike,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
    progress: bool = False,
    verified: bool = False,
    shared: Path | None = None,
    keep_raw: bool = False,
) -> Dataset:
    """Load the examples of ``spec``, divided, scaled and with the label noise that it asks for.

    The first ``train + validation`` training examples are divided as ``hold_out`` says, the labels
    to train on get their noise, and all are scaled by what those trained on are like. Rows become
    ``dtype`` (float32 or float64) at once, or with ``keep_raw``, and where that takes more than
    LARGEST bytes, when they are asked for; the bits are the same. Augmentation needs ``keep_raw``.
    ``shared`` is a folder of ``shared_rows``: what is there is read from it. The other arguments
    are those of ``load_dataset``. Raises ``DatasetError``.
    """
    train, test = spec.train + spec.validation, spec.test
    raw = None
    if shared is not None:
        from bnexp.data.share import open_shared  # not many sweeps need it

        raw = open_shared(shared, spec)
    if raw is None:
        raw = read_spec(
            spec, data_dir=data_dir, notify=notify, progress=progress, verified=verified
        )
    if len(raw.x_train) < train or len(raw.x_test) < test:
        raise DatasetError(
            f"{raw.facts.title} has {len(raw.x_train)} training and {len(raw.x_test)} test "
            f"examples where {train} and {test} are asked for"
        )
    keep_raw = keep_raw or is_large(spec, dtype)
    return prepare(first_of(raw, train, test), spec, np.dtype(dtype), keep_raw=keep_raw)


def is_large(spec: DataSpec, dtype: npt.DTypeLike) -> bool:
    """Return whether the examples of ``spec`` are too large to be converted at once."""
    count = spec.train + spec.validation + spec.test
    return count * spec_facts(spec).features * np.dtype(dtype).itemsize > LARGEST


def prepare(raw: Raw, spec: DataSpec, dtype: np.dtype[Any], *, keep_raw: bool = False) -> Dataset:
    """Divide and scale all examples of ``raw``; see ``load_prepared``."""
    facts = raw.facts
    trained: Indices | None = None
    held: Indices = np.empty(0, np.intp)
    if spec.validation:
        trained, held = hold_out(raw.y_train, spec.validation, kind=spec.split, seed=spec.seed)
    y_train = raw.y_train if trained is None else raw.y_train[trained]
    if spec.label_noise:
        y_train = with_noise(y_train, spec.label_noise, classes=facts.classes, seed=spec.seed)
    x_train = RawRows(raw.x_train, None, dtype, trained)
    scaling = find_scaling(spec.standardize, x_train, facts.input_shape, raw.top)
    parts = [(raw.x_train, trained), (raw.x_train, held), (raw.x_test, None)]
    rows = [_rows(x, index, scaling, dtype, keep_raw) for x, index in parts]
    return Dataset(
        facts.name,
        rows[0],
        _read_only(y_train),
        rows[2],
        _read_only(raw.y_test),
        facts.classes,
        x_val=rows[1],
        y_val=_read_only(raw.y_train[held]),
    )


def _rows(
    raw: npt.NDArray[Any],
    index: Indices | None,
    scaling: Scaling | None,
    dtype: np.dtype[Any],
    keep_raw: bool,
) -> Rows:
    rows = RawRows(raw, scaling, dtype, index)
    converted = rows if keep_raw else _read_only(rows[:])
    if raw.dtype != np.uint8:
        _check_range(converted)
    return converted


def _check_range(rows: Rows) -> None:
    """Raise ``DatasetError`` where a finite number of the user's is none in the rows' dtype."""
    for start in range(0, len(rows), CHUNK):
        if not np.isfinite(rows[start : start + CHUNK]).all():
            raise DatasetError(
                f"some numbers are beyond the range of {rows.dtype}, up to "
                f"{np.finfo(rows.dtype).max:.0e}; give smaller ones, or standardize: pixel"
            )


def _read_only(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    values.flags.writeable = False
    return values
