"""What is trained: runs, and stacks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bnexp.config.network import total_steps
from bnexp.config.schema import Config
from bnexp.plan.cost import layers_seconds, run_seconds, share_on_two_threads


@dataclass(frozen=True, slots=True)
class Run:
    """What is trained, by its id: ``base`` with ``values`` and ``seed`` set, and without a sweep.

    Runs of one ``stack_key`` may share a stack. A run's config is made anew each time it is asked
    for: those of a large sweep, kept, would take much memory.
    """

    id: str
    stack_key: str = field(compare=False)
    seed: int = field(compare=False)
    base: Config = field(compare=False)
    values: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def config(self) -> Config:
        """The fully resolved config."""
        return self.made().base

    def made(self, known: dict[str, Any] | None = None) -> Run:
        """Return the run with its config as ``base``, for whoever asks for it often.

        Runs share sections of their configs where each is given the same ``known``, empty at first.
        """
        if self.values is None:
            return self
        # Here, since a worker, whose runs are made, starts sooner without.
        from bnexp.config.cells import with_values_again

        known = {} if known is None else known
        config = with_values_again(self.base, self.values, self.seed, known)
        return replace(self, base=config, values=None)


@dataclass(frozen=True)
class Stack:
    """Runs trained in lockstep; all have completed ``start_epoch`` epochs already.

    They are trained to their end, or as far as the epoch ``pause``, from where they may go on.
    """

    runs: tuple[Run, ...]
    start_epoch: int = 0
    pause: int | None = None

    def made(self) -> Stack:
        """Return the stack with the configs of its runs made: before it is trained, or sent."""
        known: dict[str, Any] = {}
        return replace(self, runs=tuple(run.made(known) for run in self.runs))

    @cached_property
    def seconds(self) -> float:
        """A rough estimate of the time it takes on one core."""
        config = self.runs[0].config
        end = min(self.pause or config.training.epochs, config.training.epochs)
        share = max(0, end - self.start_epoch) / config.training.epochs
        layers = total_steps(config) * layers_seconds(config)
        return share * (len(self.runs) * run_seconds(config) + layers)

    def seconds_on(self, threads: int) -> float:
        """Return the estimate for one thread, or for two, which share the work on large images."""
        if threads == 1:
            return self.seconds
        return self.seconds * share_on_two_threads(self.runs[0].config, len(self.runs))
