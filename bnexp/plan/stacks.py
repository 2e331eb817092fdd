"""Which runs are trained in lockstep, as stacks.

Stacks are only a way to compute: how runs are cut into them changes no result.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bnexp.config.network import network_spec
from bnexp.config.schema import Config
from bnexp.describe import Pool
from bnexp.plan.cost import moments
from bnexp.plan.work import Run, Stack

#: Parameters, gradients and activations of a stack should stay within a core's share of the cache.
_STACK_BYTES = 12e6
_MOST_RUNS = 64
#: Seconds for each worker; runs that take less are not cut so that all workers have a stack.
_WORTH_CUTTING = 0.2


def cut_stacks(
    runs: Iterable[Run],
    *,
    jobs: int,
    started: Mapping[str, int] | None = None,
    pause: int | None = None,
) -> list[Stack]:
    """Cut runs into stacks, the longest first.

    Runs go together when everything but the numbers a stack may mix is equal, and when they have
    completed the same number of epochs (``started``, by run id). Stacks are small enough for the
    cache, and where the work is worth it there are enough of them for all ``jobs``. They train up
    to the epoch ``pause``, or to the end.
    """
    groups: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        epoch = (started or {}).get(run.id, 0)
        groups.setdefault((run.stack_key, epoch), []).append(run)
    stacks: list[Stack] = []
    for (_, epoch), members in groups.items():
        for part in _by_seed(members):
            stacks.extend(_cut(Stack(tuple(part), epoch, pause), jobs))
    stacks.sort(key=_length)
    return stacks


def _length(stack: Stack) -> float:
    """Sort the longest first."""
    return -stack.seconds


def _by_seed(runs: Sequence[Run]) -> list[list[Run]]:
    """Keep seeds apart where each has enough runs: they share their batches then."""
    seeds: dict[int, list[Run]] = {}
    for run in runs:
        seeds.setdefault(run.seed, []).append(run)
    return list(seeds.values()) if len(runs) >= 4 * len(seeds) else [list(runs)]


def _cut(stack: Stack, jobs: int) -> list[Stack]:
    runs = stack.runs
    most = max(1, min(_MOST_RUNS, int(_STACK_BYTES / _run_bytes(runs[0].config))))
    count = -(-len(runs) // most)
    if stack.seconds > _WORTH_CUTTING * jobs:
        count = min(len(runs), -(-count // jobs) * jobs)
    edges = [len(runs) * i // count for i in range(count + 1)]
    return [replace(stack, runs=runs[a:b]) for a, b in itertools.pairwise(edges)]


def _run_bytes(config: Config) -> float:
    """Memory that one run's step touches: parameters, gradients, optimizer state, activations."""
    spec = network_spec(config)
    size = 4 if config.training.dtype == "float32" else 8
    # Every hidden layer is kept, normalised and activated; an image also with its border.
    hidden = (*spec.weighted[:-1], *(layer for layer in spec.layers if isinstance(layer, Pool)))
    outputs = sum(math.prod(layer.out_shape) for layer in hidden)
    arrays = (2 + moments(config)) * spec.parameters
    return size * (arrays + 3 * outputs * config.training.batch_size) + 1
