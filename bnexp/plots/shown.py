"""Results as they are to be shown: some of their cells, and under another title than their name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from bnexp.config.dump import dump_value
from bnexp.config.fields import canonical_key
from bnexp.config.given import read_given
from bnexp.config.sweep import pairs_of
from bnexp.errors import ConfigError, meant
from bnexp.plan import AxisValue
from bnexp.plots.words import number_text
from bnexp.store.cells import alike
from bnexp.store.results import Results
from bnexp.store.search import SearchResults

#: Values by key: a list, a SPEC, or one value.
Only = Mapping[str, Any]


_Results = TypeVar("_Results", bound=Results)


def keep_only(results: Results, only: Only | None) -> Results:
    """Return results with the cells alone that have, on each axis named, one of the values named.

    Three digits of a number are enough, as titles show it.

    Raises:
        ConfigError: a key that is not swept, a value that it does not take, values that no cell has
            together, or results of a search.
    """
    if not only:
        return results
    if isinstance(results, SearchResults):
        raise ConfigError(f"only: {results.folder} is a search, whose best trials are drawn")
    kept = {}
    for given, values in pairs_of("only", only):
        key = canonical_key(given)
        if key not in results.axes:
            swept = ", ".join(results.axes) or "nothing"
            near = meant(key, results.axes)
            raise ConfigError(f"only: {key!r} is not swept in these results{near}; swept: {swept}")
        kept[key] = _pick(key, results.axes[key], values)
    cells = [c for c in results.cells if all(c.values[key] in kept[key] for key in kept)]
    if not cells:
        named = "; ".join(f"{key} = {_list(values)}" for key, values in kept.items())
        raise ConfigError(f"only: no cell has {named}: they are not crossed in {results.folder}")
    axes = {
        key: tuple(value for value in values if any(c.values[key] == value for c in cells))
        for key, values in results.axes.items()
    }
    ids = {cell.run for cell in cells}
    runs = {run: result for run, result in results.runs.items() if run in ids}
    return replace(results, axes=axes, cells=tuple(cells), runs=runs)


def retitle(results: _Results, title: str | None) -> _Results:
    """Return results that are called ``title`` in pictures and text; None leaves their name."""
    if title is None:
        return results
    return replace(results, config=results.config.model_copy(update={"name": title}))


def _pick(key: str, there: tuple[AxisValue, ...], values: Any) -> list[AxisValue]:
    """Return the values of an axis that are named."""
    one = isinstance(values, str) or not isinstance(values, Iterable)
    named = values if isinstance(values, str) else [values] if one else values
    picked: list[AxisValue] = []
    for wanted in read_given(key, named, "only"):
        found = [value for value in there if value == wanted]
        found = found or [value for value in there if alike(value, wanted)]
        if not found:
            raise ConfigError(
                f"only: {key} has no value {_list([wanted])} in these results; it has "
                f"{_list(there)}"
            )
        picked.extend(found)
    return picked


def _list(values: Iterable[AxisValue]) -> str:
    return ", ".join(
        number_text(value, plain=True) if isinstance(value, float) else dump_value(value)
        for value in values
    )
