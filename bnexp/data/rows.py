"""Rows of examples: how the numbers of a file become those a network sees, at once or when needed.

CIFAR-10 is 184 MB as bytes and 737 MB in float32, so a large dataset stays as it is stored, and the
rows of a mini-batch are converted when they are gathered. An element's bits depend on its own value
and place only, so they are the same whichever way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]

#: Rows converted at once.
CHUNK = 1000


@dataclass(frozen=True, eq=False)
class Scaling:
    """value = (raw - shift) / spread, each (1,) or (features,) in float64; no shift: raw / spread.

    Where ``spread`` is infinite, the value is 0. Bytes are converted in the precision of the
    result, other numbers in float64 and rounded then.
    """

    shift: npt.NDArray[np.float64] | None
    spread: npt.NDArray[np.float64]

    def apply(self, raw: Array, out: Floats) -> None:
        """Convert rows (n, features) into ``out``."""
        precision = out.dtype if raw.dtype == np.uint8 else np.dtype(np.float64)
        target = out if precision == out.dtype else np.empty(raw.shape, precision)
        spread = self.spread.astype(precision)
        if self.shift is None:
            np.divide(raw, spread, out=target, dtype=precision)
        else:
            np.subtract(raw, self.shift.astype(precision), out=target, dtype=precision)
            np.divide(target, spread, out=target)
        if target is not out:
            out[...] = target

    def pick(self, features: Indices) -> Scaling:
        """Return the scaling of some features, in that order."""
        shift = self.shift
        if shift is not None and len(shift) > 1:
            shift = shift[features]
        return Scaling(shift, self.spread[features] if len(self.spread) > 1 else self.spread)


class RawRows:
    """Rows kept as they are stored, (N, features), converted to ``dtype`` when asked for.

    ``raw`` may be a file that several processes share; ``index`` (N,) says which of its rows these
    are, None for all of them. ``scaling`` None takes the numbers as they are.
    """

    def __init__(
        self,
        raw: Array,
        scaling: Scaling | None,
        dtype: npt.DTypeLike,
        index: Indices | None = None,
    ) -> None:
        self.raw = raw.view()
        self.raw.flags.writeable = False
        self.scaling, self.index = scaling, index
        self.dtype = np.dtype(dtype)
        self.shape = (len(raw) if index is None else len(index), raw.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> Floats:
        """Convert consecutive rows into a new array (n, features), C-contiguous."""
        which = range(len(self))[part]
        converted = np.empty((len(which), self.shape[1]), self.dtype)
        for start in range(0, len(which), CHUNK):
            chunk = which[start : start + CHUNK]
            self.convert(self.stored(chunk), converted[start : start + CHUNK])
        return converted

    def stored(self, which: range) -> Array:
        """Return consecutive rows as they are stored, to be read."""
        part = slice(which.start, which.stop)
        rows: Array = self.raw[part] if self.index is None else self.raw[self.index[part]]
        return rows

    def chunks(self) -> Iterator[Array]:
        """Yield the rows as they are stored, CHUNK at a time."""
        for start in range(0, len(self), CHUNK):
            yield self.stored(range(len(self))[start : start + CHUNK])

    def take(self, indices: Indices, out: Array) -> None:
        """Gather rows as they are stored into ``out`` (B, features), which has their dtype."""
        if self.index is not None:
            indices = self.index[indices]
        # The indices are in range; mode="raise" would gather into a copy first.
        np.take(self.raw, indices, axis=0, out=out, mode="clip")

    def pick(self, features: Indices) -> RawRows:
        """Return a copy that has only some features, in that order."""
        raw = self.raw if self.index is None else self.raw[self.index]
        scaling = None if self.scaling is None else self.scaling.pick(features)
        return RawRows(raw.take(features, axis=1), scaling, self.dtype)

    def convert(self, raw: Array, out: Floats) -> None:
        """Convert rows as they are stored (n, features) into ``out``."""
        # What is too large for the dtype becomes infinite, and is refused when it is loaded.
        with np.errstate(over="ignore", invalid="ignore"):
            if self.scaling is None:
                out[...] = raw
            else:
                self.scaling.apply(raw, out)


#: Examples: converted already, or when asked for. Both know len, shape, dtype and x[start:stop].
Rows = Floats | RawRows
