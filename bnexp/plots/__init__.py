"""Figures and terminal grids from what the store hands out; nothing here trains or parses a config.

The public functions are loaded when first used, so that the terminal's grid does not wait for
matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnexp.plots.best import plot_best
    from bnexp.plots.curves import plot_curves
    from bnexp.plots.grid import plot_grid
    from bnexp.plots.panels import select_panels
    from bnexp.plots.save import save_figure
    from bnexp.plots.space import plot_space
    from bnexp.plots.text import text_grid

__all__ = [
    "plot_best",
    "plot_curves",
    "plot_grid",
    "plot_space",
    "save_figure",
    "select_panels",
    "text_grid",
]

_HOMES = {
    "plot_best": "best",
    "plot_curves": "curves",
    "plot_grid": "grid",
    "plot_space": "space",
    "save_figure": "save",
    "select_panels": "panels",
    "text_grid": "text",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
