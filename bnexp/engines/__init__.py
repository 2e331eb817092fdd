"""Where stacks run. An engine takes stacks and gives back a stream of events; it never plots,
never writes a journal, and survives the death of a worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnexp.lazy import lazy_names

if TYPE_CHECKING:
    from bnexp.engines.base import Engine, Event, Progress, RunEnded, Trouble
    from bnexp.engines.choose import EngineChoice, choose_engine, open_engine
    from bnexp.engines.inline import InlineEngine
    from bnexp.engines.local import LocalEngine

__all__ = [
    "Engine",
    "EngineChoice",
    "Event",
    "InlineEngine",
    "LocalEngine",
    "Progress",
    "RunEnded",
    "Trouble",
    "choose_engine",
    "open_engine",
]

__getattr__ = lazy_names(
    __name__,
    {
        "base": ["Engine", "Event", "Progress", "RunEnded", "Trouble"],
        "choose": ["EngineChoice", "choose_engine", "open_engine"],
        "inline": ["InlineEngine"],
        "local": ["LocalEngine"],
    },
)
