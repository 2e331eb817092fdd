"""From a config to work: axes and seeds -> cells -> runs and their ids -> stacks. No NumPy.

A run's id is a hash of everything that can change its records and of nothing else, so cells that
ask for the same training share one run, and a results folder finds its runs again. Stacks are only
a way to compute: how runs are cut into them changes no result.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnexp.config import (
    network_spec,
    resolve,
    test_size,
    total_steps,
    train_size,
    with_values,
)
from bnexp.config.schema import Config
from bnexp.describe import DATASETS

#: What an axis may take: a number, a word, or a list (of layers).
AxisValue = bool | int | float | str | tuple["AxisValue", ...]

#: Raised by one when a change of the trainer changes the bits of results.
RESULT_FORMAT = 1

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
class Run:
    """What is trained: a fully resolved config without a sweep, and its id."""

    id: str
    config: Config


@dataclass(frozen=True)
class Cell:
    """One combination of axis values and a seed: a point of the sweep; ``run`` is the run's id."""

    values: Mapping[str, AxisValue]
    seed: int
    run: str


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


@dataclass(frozen=True)
class Plan:
    """All cells of a config's sweep, and the runs they need by id, in the order of the axes."""

    config: Config
    cells: tuple[Cell, ...]
    runs: Mapping[str, Run]


def plan_sweep(config: Config) -> Plan:
    """Cross the axes with the seeds.

    The first axis varies slowest and seeds fastest. Raises ConfigError for a combination that the
    schema refuses, naming it.
    """
    config = resolve(config)
    axes = config.sweep.axes
    seeds = range(config.seed, config.seed + config.sweep.seeds)
    cells: list[Cell] = []
    runs: dict[str, Run] = {}
    for combination in itertools.product(*axes.values()):
        values = dict(zip(axes, combination, strict=True))
        for seed in seeds:
            resolved = with_values(config, values, seed=seed)
            run = Run(run_id(resolved), resolved)
            runs.setdefault(run.id, run)
            cells.append(Cell(values, seed, run.id))
    return Plan(config, tuple(cells), runs)


def plan_run(config: Config) -> Plan:
    """Plan the config itself: one cell without axis values, whatever its ``sweep`` says."""
    resolved = with_values(resolve(config), {}, seed=config.seed)
    run = Run(run_id(resolved), resolved)
    return Plan(resolved, (Cell({}, resolved.seed, run.id),), {run.id: run})


def run_id(config: Config) -> str:
    """Return the run's id: 16 hex digits of the SHA-256 of the canonical JSON of what matters."""
    return _digest(effective(config))[:16]


def effective(config: Config) -> dict[str, Any]:
    """Return what can change a run's records: keys without effect left out, data by checksum."""
    config = resolve(config)
    train, test, evaluation_mode = _evaluation(config)
    training, optimizer = config.training, config.optimizer
    hidden = bool(config.network.layers)
    facts: dict[str, Any] = {
        "format": RESULT_FORMAT,
        "data": {
            "content": sorted(DATASETS[config.data.name].content.values()),
            "train": train_size(config),
        },
        "network": {"layers": [layer.dense for layer in config.network.layers]},
        "init": {"scheme": config.init.scheme, "scale": config.init.resolved_scale},
        "optimizer": {"kind": optimizer.kind, "lr": optimizer.lr},
        "training": {
            "epochs": training.epochs,
            "batch_size": training.batch_size,
            "sampling": training.sampling,
            "dtype": training.dtype,
        },
        "evaluate": {"at": config.evaluate.at, "train": train, "test": test},
        "seed": config.seed,
    }
    if optimizer.momentum:
        facts["optimizer"] |= {"momentum": optimizer.momentum, "nesterov": optimizer.nesterov}
    if training.sampling == "shuffle" and train_size(config) % training.batch_size:
        facts["training"]["drop_last"] = training.drop_last
    penalties = {"l1": config.regularization.l1, "l2": config.regularization.l2}
    facts["regularization"] = {key: value for key, value in penalties.items() if value}
    if hidden:
        facts["network"]["activation"] = config.network.activation
        facts["norm"] = _effective_norm(config, evaluation_mode)
        if config.regularization.dropout:
            facts["regularization"]["dropout"] = config.regularization.dropout
    return facts


def _effective_norm(config: Config, evaluation_mode: bool) -> dict[str, Any]:
    norm = config.norm
    if norm.kind == "none":
        return {"kind": "none"}
    facts = norm.model_dump(mode="json")
    facts["eps"] = norm.eps + 0.0  # -0.0 is 0.0
    if not evaluation_mode:  # only evaluation reads the running averages
        del facts["momentum"], facts["start_var"]
    return facts


def _evaluation(config: Config) -> tuple[Any, Any, bool]:
    """What is evaluated on training and test examples, and whether in evaluation mode at all."""
    train = _examples(config.evaluate.train, train_size(config))
    test = _examples(config.evaluate.test, test_size(config))
    return train, test, not (train in ("running", "none") and test == "none")


def _examples(what: str | int, size: int) -> Any:
    return {"all": size, "last": ["last", size]}.get(what, what) if isinstance(what, str) else what


def question(config: Config, command: str) -> dict[str, Any]:
    """Return what identifies a results folder: everything asked but name, plot, seeds and values.

    The keys that are swept count; the values that they take do not.
    """
    config = resolve(config)
    asked = config.model_dump(mode="json", exclude={"name", "plot", "seed", "sweep"})
    for key in config.sweep.axes:
        section, _, leaf = key.partition(".")
        del asked[section][leaf]
    return {"command": command, "config": asked, "axes": sorted(config.sweep.axes)}


def question_hash(asked: Mapping[str, Any]) -> str:
    """Return the 6 hex digits of a results folder's name."""
    return _digest(asked)[:6]


def _digest(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def run_multiply_adds(config: Config) -> int:
    """Return the multiply-adds of a whole run: its updates and its evaluations."""
    spec = network_spec(config)
    train, test, _ = _evaluation(config)
    per_record = sum(what for what in (train, test) if isinstance(what, int))
    once = sum(what[1] for what in (train, test) if isinstance(what, list))
    examples = int(per_record * config.training.epochs + once)
    steps = total_steps(config) * spec.step_multiply_adds(config.training.batch_size)
    return steps + examples * spec.multiply_adds


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
