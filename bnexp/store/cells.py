"""Naming a cell by its values, as ``curve(metric, init__scale=0.01)`` does, and what if none is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bnexp.config.fields import canonical_key
from bnexp.plan import AxisValue, Cell
from bnexp.store.contents import tuples

#: Values of an axis in a message.
_MOST_OFFERED = 12


def wanted_values(named: Mapping[str, AxisValue | list[Any]]) -> dict[str, AxisValue]:
    """Return the values that keyword arguments name, by key: ``init__scale`` is ``init.scale``.

    ``norm`` is ``norm.kind``, as everywhere.
    """
    return {canonical_key(key.replace("__", ".")): tuples(value) for key, value in named.items()}


def cells_with(
    cells: Sequence[Cell], wanted: Mapping[str, AxisValue], seed: int | None
) -> list[Cell]:
    """Return the cells with exactly these values, or those that show the same.

    Without ``seed``, those of all seeds.
    """
    of_seed = [cell for cell in cells if seed in (None, cell.seed)]
    exact = [cell for cell in of_seed if dict(cell.values) == wanted]
    return exact or [cell for cell in of_seed if _shown_alike(cell.values, wanted)]


def alike(one: AxisValue, other: AxisValue) -> bool:
    """Whether two values are equal when numbers are shown with three digits, as in titles."""
    numbers = isinstance(one, float) and type(other) in (int, float)
    return f"{one:.3g}" == f"{other:.3g}" if numbers else one == other


def _shown_alike(values: Mapping[str, AxisValue], wanted: Mapping[str, AxisValue]) -> bool:
    """Whether all values are equal when numbers are shown with three digits."""
    return values.keys() == wanted.keys() and all(alike(values[k], wanted[k]) for k in values)


def explain_no_cell(
    axes: Mapping[str, Sequence[AxisValue]],
    cells: Sequence[Cell],
    wanted: Mapping[str, AxisValue],
    seed: int,
) -> str:
    """Say why values and a seed do not name one cell, and what would."""
    unknown = [key for key in wanted if key not in axes]
    if unknown:
        named = ", ".join(map(_argument, axes)) or "none"
        return f"{' and '.join(map(_argument, unknown))}: no such axis; the axes are {named}"
    missing = [_offer(key, values) for key, values in axes.items() if key not in wanted]
    if missing:
        return f"one value of each axis names a cell; add {' and '.join(missing)}"
    seeds = sorted({cell.seed for cell in cells_with(cells, wanted, None)})
    if seeds and seed not in seeds:
        trained = ", ".join(map(str, seeds))
        return f"no cell {dict(wanted)} with seed {seed}; its seeds are {trained}"
    shown = {key: list(values) for key, values in axes.items()}
    return f"no cell {dict(wanted)} with seed {seed}; the axes are {shown}"


def _argument(key: str) -> str:
    return key.replace(".", "__")


def _offer(key: str, values: Sequence[AxisValue]) -> str:
    """Return the argument of ``curve`` for an axis, with the values to choose from."""
    shown = [f"{value:.3g}" if isinstance(value, float) else repr(value) for value in values]
    if len(shown) > _MOST_OFFERED:
        shown[_MOST_OFFERED - 1 : -1] = ["..."]
    return f"{_argument(key)}={shown[0]}" + (f" (or {', '.join(shown[1:])})" if shown[1:] else "")
