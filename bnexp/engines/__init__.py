"""Where stacks run. An engine takes stacks and gives back a stream of events; it never plots,
never writes a journal, and survives the death of a worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnexp.lazy import lazy_names

if TYPE_CHECKING:
    from bnexp.engines.base import Engine, Event, Progress, RunEnded, Trouble
    from bnexp.engines.inline import InlineEngine
    from bnexp.engines.local import LocalEngine

__all__ = ["Engine", "Event", "InlineEngine", "LocalEngine", "Progress", "RunEnded", "Trouble"]

__getattr__ = lazy_names(
    __name__,
    {
        "base": ["Engine", "Event", "Progress", "RunEnded", "Trouble"],
        "inline": ["InlineEngine"],
        "local": ["LocalEngine"],
    },
)
