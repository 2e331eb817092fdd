"""What a run and a question are called: hashes of what can change the answer and nothing else.

A run's id leaves out every key without effect and names data by checksum, so cells that ask for the
same training share one run, and a results folder finds its runs again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Collection, Mapping
from typing import Any

from bnexp.config import resolve, with_values
from bnexp.config.fields import LEAVES
from bnexp.config.schema import Config
from bnexp.plan.facts import effective
from bnexp.plan.forms import knows_examples
from bnexp.plan.work import Run

#: The keys of the first questions, which always count; a later key counts where it is set.
_FIRST = frozenset(
    {
        "data.name",
        "data.train",
        "data.test",
        "network.layers",
        "network.activation",
        "init.scheme",
        "init.scale",
        "norm.kind",
        "norm.place",
        "norm.momentum",
        "norm.eps",
        "norm.start_var",
        "norm.gamma",
        "norm.beta",
        "regularization.l1",
        "regularization.l2",
        "regularization.dropout",
        "optimizer.kind",
        "optimizer.lr",
        "optimizer.momentum",
        "optimizer.nesterov",
        "training.epochs",
        "training.batch_size",
        "training.sampling",
        "training.drop_last",
        "training.dtype",
        "evaluate.at",
        "evaluate.train",
        "evaluate.test",
    }
)
#: Keys whose numbers may differ inside a stack, as (section, key).
_STACKED = (
    ("init", "scale"),
    ("optimizer", "lr"),
    ("optimizer", "momentum"),
    ("optimizer", "beta1"),
    ("optimizer", "beta2"),
    ("optimizer", "rho"),
    ("optimizer", "eps"),
    ("optimizer", "clip"),
    ("optimizer", "warmup"),
    ("optimizer", "decay"),
    ("regularization", "l1"),
    ("regularization", "l2"),
    ("regularization", "lp"),
    ("regularization", "p"),
    ("regularization", "weight_decay"),
    ("regularization", "dropout"),
    ("regularization", "label_smoothing"),
    ("norm", "eps"),
    ("norm", "momentum"),
)
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_NOT_ASKED = ("", "sweep", "search", "plot")


def identify(
    base: Config,
    values: Mapping[str, Any] | None = None,
    seed: int | None = None,
    *,
    known: dict[str, Any] | None = None,
) -> Run:
    """Return the run of ``base`` as it is, or of a cell of it; see ``with_values``."""
    config = base if values is None else with_values(base, values, seed, known=known)
    facts = effective(config)
    name = _run_id(facts)
    # There are few keys, and many runs that have them.
    return Run(name, sys.intern(_stack_key(config, facts)), config.seed, base, values)


def run_id(config: Config) -> str:
    """Return the run's id: 16 hex digits of the SHA-256 of the canonical JSON of what matters."""
    return _run_id(effective(config))


def _run_id(facts: Mapping[str, Any]) -> str:
    return _digest(facts)[:16]


def stack_key(config: Config) -> str:
    """Return what the runs of one stack have in common, as canonical JSON."""
    return _stack_key(config, effective(config))


def _stack_key(config: Config, facts: dict[str, Any]) -> str:
    """Take out of the facts what runs of a stack need not share, and return the rest."""
    del facts["seed"]
    for section, key in _STACKED:
        facts.get(section, {}).pop(key, None)
    # Whether a momentum is Nesterov's matters only to the runs that have one.
    facts["optimizer"]["nesterov"] = config.optimizer.is_nesterov
    facts["examples"] = knows_examples(config)
    return _canonical(facts)


def question(config: Config, command: str) -> dict[str, Any]:
    """Return what identifies a results folder: everything asked but name, plot, seeds and values.

    The keys that are swept count; the values that they take do not. Of a search all counts that
    decides which trials there are and how they are ranked; their number does not. Keys that were
    not there when the first folders were written count only where they say something else than
    their default.
    """
    config = resolve(config)
    given = config.model_dump(mode="json")
    default = resolve(_without_later_keys(config)).model_dump(mode="json")
    asked: dict[str, dict[str, Any]] = {}
    varied: Collection[str] = config.search.space if command == "search" else config.sweep.axes
    for key, leaf in LEAVES.items():
        if leaf.section in _NOT_ASKED or key in varied:
            continue
        value = given[leaf.section][leaf.name]
        if key in _FIRST or value != default[leaf.section][leaf.name]:
            asked.setdefault(leaf.section, {})[leaf.name] = value
    facts: dict[str, Any] = {"command": command, "config": asked, "axes": sorted(varied)}
    return facts | {"search": _searched(config)} if command == "search" else facts


def _searched(config: Config) -> dict[str, Any]:
    """Return what decides which trials there are and how they are ranked."""
    search = config.search
    facts: dict[str, Any] = {
        "seed": config.seed,
        "space": {key: json.loads(json.dumps(said)) for key, said in search.space.items()},
        "sampler": search.sampler,
        "objective": search.objective,
        "at": search.at,
        "maximize": search.is_maximized,
        "pruner": search.pruner,
    }
    if search.pruner == "halving":
        facts |= {"rungs": search.rungs, "keep": search.keep}
    if search.sampler == "tpe":
        facts["ask"] = search.ask
    return facts


def _without_later_keys(config: Config) -> Config:
    """Return the config with its default for every key that came later than the first ones."""
    sections: dict[str, Any] = {}
    for key, leaf in LEAVES.items():
        if leaf.section not in _NOT_ASKED and key not in _FIRST:
            value = leaf.model.model_fields[leaf.name].default
            sections.setdefault(leaf.section, {})[leaf.name] = value
    return config.model_copy(
        update={
            section: getattr(config, section).model_copy(update=changed)
            for section, changed in sections.items()
        }
    )


def question_hash(asked: Mapping[str, Any]) -> str:
    """Return the 6 hex digits of a results folder's name."""
    return _digest(asked)[:6]


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(facts).encode()).hexdigest()
