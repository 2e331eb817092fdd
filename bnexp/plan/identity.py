"""What a run and a question are called: hashes of what can change the answer and nothing else.

A run's id leaves out every key without effect and names data by checksum, so cells that ask for the
same training share one run, and a results folder finds its runs again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from bnexp.config import resolve, test_size, total_steps, train_size
from bnexp.config.schema import Config
from bnexp.describe import DATASETS

#: Raised by one when a change of the trainer changes the bits of results.
RESULT_FORMAT = 1


def run_id(config: Config) -> str:
    """Return the run's id: 16 hex digits of the SHA-256 of the canonical JSON of what matters."""
    return _digest(effective(config))[:16]


def effective(config: Config) -> dict[str, Any]:
    """Return what can change a run's records: keys without effect left out, data by checksum."""
    config = resolve(config)
    train, test, evaluation_mode = evaluated(config)
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
    cut = training.sampling == "shuffle" and train_size(config) % training.batch_size
    if cut and total_steps(config) > 1:
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
    facts["momentum"] = norm.momentum + 0.0
    if not norm.momentum:  # nothing of the start is left after a step
        del facts["start_var"]
    if not evaluation_mode:  # only evaluation reads the running averages
        del facts["momentum"]
        facts.pop("start_var", None)
    return facts


def evaluated(config: Config) -> tuple[Any, Any, bool]:
    """Return what is evaluated on training and test examples, and whether in evaluation mode.

    Each is a number of examples, ``["last", number]`` for once at the end, "running" or "none".
    """
    once = config.training.epochs == 1  # the only record is the last one
    train = _examples(config.evaluate.train, train_size(config), once)
    test = _examples(config.evaluate.test, test_size(config), once)
    return train, test, not (train in ("running", "none") and test == "none")


def _examples(what: str | int, size: int, once: bool) -> Any:
    if what == "last" and not once:
        return ["last", size]
    return size if what in ("all", "last") else what


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
