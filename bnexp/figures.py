"""The figures that ``import bnexp`` offers: of results, or of the folder that holds them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from os import PathLike
from typing import Any, Concatenate, ParamSpec, TypeVar

from bnexp import plots
from bnexp.errors import ConfigError
from bnexp.store.results import Results, load_results
from bnexp.store.search import SearchResults

__all__ = ["plot_best", "plot_curves", "plot_grid", "plot_space"]

_Options = ParamSpec("_Options")
_Figure = TypeVar("_Figure")
_Drawn = Results | str | PathLike[str]


def _of_folders(
    draw: Callable[Concatenate[Any, _Options], _Figure], *, searches: bool
) -> Callable[Concatenate[_Drawn, _Options], _Figure]:
    """Return a function that draws a results folder, too; ``searches`` are refused or not."""

    @functools.wraps(draw)
    def drawn(results: _Drawn, *args: _Options.args, **options: _Options.kwargs) -> _Figure:
        if isinstance(results, str | PathLike):
            results = load_results(results)
        if not isinstance(results, Results):
            raise ConfigError(
                f"{type(results).__name__} is nothing to draw; give what bnexp.sweep() or "
                "bnexp.load_results(folder) returns, or the folder"
            )
        if isinstance(results, SearchResults) and not searches:
            raise ConfigError(f"{results.folder} is a search: draw it with plot_best or plot_space")
        return draw(results, *args, **options)

    return drawn  # type: ignore[return-value]  # that its first argument has a name is no harm


plot_grid = _of_folders(plots.plot_grid, searches=False)
plot_curves = _of_folders(plots.plot_curves, searches=False)
plot_best = _of_folders(plots.plot_best, searches=True)
plot_space = _of_folders(plots.plot_space, searches=True)
