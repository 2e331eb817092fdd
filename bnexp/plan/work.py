"""What is trained: runs, stacks of them, and roughly what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bnexp.config.network import network_spec, total_steps, train_size
from bnexp.config.schema import Config
from bnexp.describe import BATCH_NORMS, Norm
from bnexp.plan.evaluations import evaluations, in_evaluation_mode

#: Rough speed of one core at this work, and rough cost of a step beside its arithmetic.
_FLOPS = 6e10
_STEP_SECONDS = 2e-4
#: What it costs to normalise a number, forth and back; twenty operations take as long as products
#: of some hundred numbers.
_NORM_SECONDS = 4e-9


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

    @property
    def seconds(self) -> float:
        """A rough estimate of the time it takes on one core."""
        config = self.runs[0].config
        end = min(self.pause or config.training.epochs, config.training.epochs)
        share = max(0, end - self.start_epoch) / config.training.epochs
        steps = total_steps(config)
        run = 2 * run_multiply_adds(config) / _FLOPS + steps * _norm_seconds(config)
        return share * (len(self.runs) * run + steps * _STEP_SECONDS)


def run_multiply_adds(config: Config) -> int:
    """Return the multiply-adds of a whole run: its updates and its evaluations."""
    spec = network_spec(config)
    evaluated = list(evaluations(config).values())
    norms = {(n.kind, n.statistics) for n in spec.layers if isinstance(n, Norm)}
    if in_evaluation_mode(config) and any((kind, "population") in norms for kind in BATCH_NORMS):
        often = any(isinstance(what, int) for what in evaluated)
        evaluated.append(train_size(config) if often else ["last", train_size(config)])
    per_record = sum(what for what in evaluated if isinstance(what, int))
    once = sum(what[1] for what in evaluated if isinstance(what, list))
    examples = int(per_record * config.training.epochs + once)
    steps = total_steps(config) * spec.step_multiply_adds(config.training.batch_size)
    return steps + examples * spec.multiply_adds


def step_seconds(config: Config) -> float:
    """Return a rough estimate of the time that one update of one run takes on one core."""
    flops = 2 * network_spec(config).step_multiply_adds(config.training.batch_size)
    return flops / _FLOPS + _norm_seconds(config) + _STEP_SECONDS


def _norm_seconds(config: Config) -> float:
    """Return what the norms of a run take in one update."""
    norms = [layer for layer in network_spec(config).layers if isinstance(layer, Norm)]
    numbers = sum(math.prod(layer.shape) for layer in norms) * config.training.batch_size
    return numbers * _NORM_SECONDS
