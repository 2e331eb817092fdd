"""The values of a trial, drawn from the seed, the trial's number and the key alone.

So trial 17 is the same whatever ran before, in whatever order keys stand, and however many trials
there are. The draws are hashes of those three, and numbers are rounded to a few digits: a table, a
run's id and a YAML file hold the same number, on every platform. No NumPy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bnexp.config.checks.search import grid_size
from bnexp.config.ranges import Range, range_of
from bnexp.config.schema import Config

Values = dict[str, Any]

#: Trials of a search that does not say how many.
_TRIALS = 20
#: Significant digits of a number drawn from loguniform, and of the width of a uniform's steps.
_DIGITS = 4


def trial_count(config: Config) -> int:
    """Return how many trials a config's search has, its default filled in."""
    size, asked = grid_size(config), config.search.trials
    if config.search.sampler == "grid":
        return size or 0
    if config.search.sampler == "random-grid":
        return min(asked or _TRIALS, size or 0)
    return asked or _TRIALS


def draw_values(config: Config, count: int) -> list[Values]:
    """Return the values of the first ``count`` trials; of ``tpe``, before there are results."""
    ranges = ranges_of(config)
    if config.search.sampler in ("random", "tpe"):
        return [draw_trial(config, number) for number in range(1, count + 1)]
    size = math.prod(len(one.points or ()) for one in ranges.values())
    if config.search.sampler == "grid":
        return [_point(ranges, index) for index in range(min(count, size))]
    taken: set[int] = set()
    trials = []
    for number in range(1, min(count, size) + 1):
        index = _free_point(config.seed, number, size, taken)
        taken.add(index)
        trials.append(_point(ranges, index))
    return trials


def draw_trial(config: Config, number: int) -> Values:
    """Return the values of one trial of the ``random`` sampler."""
    return {
        key: pick(found, hashed(config.seed, number, key) / 2**64)
        for key, found in ranges_of(config).items()
    }


def ranges_of(config: Config) -> Mapping[str, Range]:
    """Return the range of each searched key."""
    return {key: range_of(said) for key, said in config.search.space.items()}


def pick(found: Range, share: float) -> Any:
    """Return the value that stands at ``share`` (0 up to, not including, 1) of a range."""
    points = found.points
    if points is not None:
        return points[int(share * len(points))]
    if found.kind == "loguniform":
        low, high = math.log10(found.low), math.log10(found.high)
        return rounded(found, 10 ** (low + share * (high - low)))
    return rounded(found, found.low + share * (found.high - found.low))


def rounded(found: Range, value: float) -> float:
    """Return a number with few digits, still inside its range: what a trial is trained with."""
    if found.kind == "loguniform":
        value = float(f"{value:.{_DIGITS - 1}e}")
    else:
        width = math.floor(math.log10(found.high - found.low))
        value = round(value, _DIGITS - 1 - width)
    return min(max(value, found.low), found.high)


def hashed(seed: int, number: int, role: str) -> int:
    """Return 64 random bits for a trial and what they are for."""
    key = f"bnexp search {seed} {number} {role}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big")


def _free_point(seed: int, number: int, size: int, taken: set[int]) -> int:
    """Return the point of a grid that a trial draws, again until no earlier trial has it."""
    attempt = 0
    while True:
        index = hashed(seed, number, f"point {attempt}") * size >> 64
        if index not in taken:
            return index
        attempt += 1


def _point(ranges: Mapping[str, Range], index: int) -> Values:
    """Return a point of the grid by its index; the last key varies fastest."""
    values: Values = {}
    for key, found in reversed(list(ranges.items())):
        points: Sequence[Any] = found.points or ()
        index, place = divmod(index, len(points))
        values[key] = points[place]
    return {key: values[key] for key in ranges}
