"""How layers walk over images: a few rows at a time, with the same bits in every stack.

Each product or sum works on one row of one run's image, always of the same shape, and what the rows
give is added up from the top. How many rows are taken at a time changes no bit.
"""

from __future__ import annotations

import functools

from bnexp.nn.layer import Array

#: About how many numbers are worked on at a time.
_BLOCK = 2**17

#: Which runs and which rows of their images.
Block = tuple[slice, slice]


def blocks_of(x: Array) -> tuple[Block, ...]:
    """Return which rows of x (K, H, ...) to work on at a time."""
    return _blocks(x.shape[0], x.shape[1], x[0, 0].size)


@functools.lru_cache(maxsize=256)
def _blocks(runs: int, height: int, size: int) -> tuple[Block, ...]:
    """Divide rows of ``size`` numbers: several runs at a time, or some rows of one run."""
    many = max(1, _BLOCK // size)
    if many >= height:
        step = many // height
        return tuple((slice(k, k + step), slice(0, height)) for k in range(0, runs, step))
    starts = range(0, height, many)
    return tuple((slice(k, k + 1), slice(h, h + many)) for k in range(runs) for h in starts)


def add_rows(parts: Array) -> Array:
    """Add up what the rows gave, (K, H, ...) to (K, ...), from the top; in place."""
    total: Array = parts[:, 0]
    for h in range(1, parts.shape[1]):
        total += parts[:, h]
    return total
