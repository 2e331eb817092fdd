"""What is trained: runs, and stacks of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bnexp.config.network import total_steps
from bnexp.config.schema import Config
from bnexp.plan.cost import layers_seconds, run_seconds


@dataclass(frozen=True, slots=True)
class Run:
    """What is trained: a fully resolved config without a sweep, and its id."""

    id: str
    config: Config


@dataclass(frozen=True)
class Stack:
    """Runs trained in lockstep; all have completed ``start_epoch`` epochs already.

    They are trained to their end, or as far as the epoch ``pause``, from where they may go on.
    """

    runs: tuple[Run, ...]
    start_epoch: int = 0
    pause: int | None = None

    @cached_property
    def seconds(self) -> float:
        """A rough estimate of the time it takes on one core."""
        config = self.runs[0].config
        end = min(self.pause or config.training.epochs, config.training.epochs)
        share = max(0, end - self.start_epoch) / config.training.epochs
        layers = total_steps(config) * layers_seconds(config)
        return share * (len(self.runs) * run_seconds(config) + layers)
