"""bnexp: what does this choice (batch norm, initial scale, a regulariser) do to learning?

    import bnexp

    results = bnexp.sweep(weights="logspace(0, -4, 8)", seeds=3)
    results.curve("train_accuracy", init__scale=1.0, norm__kind="batch")
    bnexp.plot_grid(results)

Names are loaded when they are first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bnexp.version import __version__

if TYPE_CHECKING:
    from bnexp.api import run, search, sweep
    from bnexp.config import Config, load_config
    from bnexp.errors import BnexpError
    from bnexp.figures import plot_best, plot_curves, plot_grid, plot_space
    from bnexp.plots import save_figure
    from bnexp.store.results import Results, load_results

__all__ = [
    "BnexpError",
    "Config",
    "Results",
    "__version__",
    "load_config",
    "load_results",
    "plot_best",
    "plot_curves",
    "plot_grid",
    "plot_space",
    "run",
    "save_figure",
    "search",
    "sweep",
]

_HOMES = {
    "BnexpError": "bnexp.errors",
    "Config": "bnexp.config",
    "Results": "bnexp.store.results",
    "load_config": "bnexp.config",
    "load_results": "bnexp.store.results",
    "plot_best": "bnexp.figures",
    "plot_curves": "bnexp.figures",
    "plot_grid": "bnexp.figures",
    "plot_space": "bnexp.figures",
    "run": "bnexp.api",
    "save_figure": "bnexp.plots",
    "search": "bnexp.api",
    "sweep": "bnexp.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bnexp' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
