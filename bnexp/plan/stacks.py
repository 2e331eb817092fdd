"""Stacks: which runs are trained in lockstep, and roughly what that costs.

Stacks are only a way to compute: how runs are cut into them changes no result.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bnexp.config import network_spec, total_steps
from bnexp.config.schema import Config
from bnexp.plan.cells import Run
from bnexp.plan.identity import effective, evaluated

#: Keys whose numbers may differ inside a stack, as (section, key).
_STACKED = (
    ("init", "scale"),
    ("optimizer", "lr"),
    ("optimizer", "momentum"),
    ("regularization", "l1"),
    ("regularization", "l2"),
    ("regularization", "dropout"),
    ("norm", "eps"),
    ("norm", "momentum"),
)
#: Parameters, gradients and activations of a stack should stay within a core's share of the cache.
_STACK_BYTES = 12e6
_MOST_RUNS = 64
#: Rough speed of one core at this work, and rough cost of a step beside its arithmetic.
_FLOPS = 6e10
_STEP_SECONDS = 2e-4


@dataclass(frozen=True)
class Stack:
    """Runs trained in lockstep; all have completed ``start_epoch`` epochs already."""

    runs: tuple[Run, ...]
    start_epoch: int = 0

    @property
    def seconds(self) -> float:
        """A rough estimate of the time it takes on one core."""
        config = self.runs[0].config
        share = 1 - self.start_epoch / config.training.epochs
        flops = 2 * run_multiply_adds(config) * len(self.runs)
        return share * (flops / _FLOPS + total_steps(config) * _STEP_SECONDS)


def run_multiply_adds(config: Config) -> int:
    """Return the multiply-adds of a whole run: its updates and its evaluations."""
    spec = network_spec(config)
    train, test, _ = evaluated(config)
    per_record = sum(what for what in (train, test) if isinstance(what, int))
    once = sum(what[1] for what in (train, test) if isinstance(what, list))
    examples = int(per_record * config.training.epochs + once)
    steps = total_steps(config) * spec.step_multiply_adds(config.training.batch_size)
    return steps + examples * spec.multiply_adds


def step_seconds(config: Config) -> float:
    """Return a rough estimate of the time that one update of one run takes on one core."""
    flops = 2 * network_spec(config).step_multiply_adds(config.training.batch_size)
    return flops / _FLOPS + _STEP_SECONDS


def cut_stacks(
    runs: Iterable[Run], *, jobs: int, started: Mapping[str, int] | None = None
) -> list[Stack]:
    """Cut runs into stacks, the longest first.

    Runs go together when everything but the numbers a stack may mix is equal, and when they have
    completed the same number of epochs (``started``, by run id). Stacks are small enough for the
    cache, and where the work is worth it there are enough of them for all ``jobs``.
    """
    groups: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        epoch = (started or {}).get(run.id, 0)
        groups.setdefault((stack_key(run.config), epoch), []).append(run)
    stacks: list[Stack] = []
    for (_, epoch), members in groups.items():
        for part in _by_seed(members):
            stacks.extend(_cut(part, epoch, jobs))
    return sorted(stacks, key=lambda stack: -stack.seconds)


def stack_key(config: Config) -> str:
    """Return what the runs of one stack have in common, as canonical JSON."""
    facts = effective(config)
    del facts["seed"]
    for section, key in _STACKED:
        facts.get(section, {}).pop(key, None)
    # Whether a momentum is Nesterov's matters only to the runs that have one.
    facts["optimizer"]["nesterov"] = config.optimizer.nesterov
    return json.dumps(facts, sort_keys=True)


def _by_seed(runs: Sequence[Run]) -> list[list[Run]]:
    """Keep seeds apart where each has enough runs: they share their batches then."""
    seeds: dict[int, list[Run]] = {}
    for run in runs:
        seeds.setdefault(run.config.seed, []).append(run)
    return list(seeds.values()) if len(runs) >= 4 * len(seeds) else [list(runs)]


def _cut(runs: Sequence[Run], epoch: int, jobs: int) -> list[Stack]:
    most = max(1, min(_MOST_RUNS, int(_STACK_BYTES / _run_bytes(runs[0].config))))
    count = -(-len(runs) // most)
    if Stack(tuple(runs), epoch).seconds > 0.5 * jobs:
        count = min(len(runs), -(-count // jobs) * jobs)
    edges = [len(runs) * i // count for i in range(count + 1)]
    return [Stack(tuple(runs[a:b]), epoch) for a, b in itertools.pairwise(edges)]


def _run_bytes(config: Config) -> float:
    """Memory that one run's step touches: parameters, gradients, optimizer state, activations."""
    spec = network_spec(config)
    size = 4 if config.training.dtype == "float32" else 8
    vectors = 3 if config.optimizer.momentum else 2
    widths = sum(layer.dense for layer in config.network.layers)
    return size * (vectors * spec.parameters + 3 * widths * config.training.batch_size) + 1
