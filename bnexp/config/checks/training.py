"""Conflicts of the update rule, of mini-batches with norms, and of early stopping."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bnexp.config.checks.conflict import DATA_KEYS, Conflict
from bnexp.config.network import evaluated_validation, network_spec, train_size
from bnexp.config.schema import Config
from bnexp.config.schema.training import MOMENTUM_KINDS
from bnexp.describe import BATCH_NORMS, MisfitError, Norm, norm_words


def find_training_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of momentum with the update rule, and of early stopping."""
    optimizer, training = config.optimizer, config.training
    kind = "optimizer.kind"
    if optimizer.kind not in MOMENTUM_KINDS:
        what = f"{optimizer.kind} takes none; leave it out, or set optimizer.kind: momentum"
        if optimizer.resolved_momentum:
            yield Conflict(("optimizer.momentum", kind), what)
        if optimizer.nesterov:
            yield Conflict(("optimizer.nesterov", kind), what)
    elif optimizer.is_nesterov and optimizer.resolved_momentum == 0:
        what = "Nesterov's form needs a momentum; set optimizer.momentum above 0, such as 0.9"
        first = "optimizer.nesterov" if optimizer.nesterov else "optimizer.momentum"
        yield Conflict((first, "optimizer.nesterov", "optimizer.momentum", kind), what)
    if training.patience != "none":
        keys = ("training.patience", "data.validation", "evaluate.validation")
        if not config.data.validation:
            what = "early stopping needs validation examples; set data.validation, such as 0.1"
            yield Conflict(keys, what)
        elif evaluated_validation(config) in ("last", "none"):
            what = "early stopping looks at each record; set evaluate.validation to all or a number"
            yield Conflict(keys, what)


def find_batch_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of the batch size with the examples, and with norms over the batch."""
    size, batch = train_size(config), config.training.batch_size
    keys: tuple[str, ...] = ("training.batch_size", "data.train", "data.validation", *DATA_KEYS)
    if batch > size:
        what = f"{batch:,} is more than the {size:,} training examples; allowed: 1 to {size:,}"
        yield Conflict(keys, what)
        return
    kind = _norm_of_one_value(config)
    if kind is None:
        return
    keys = (*keys, "norm.kind", "network.layers")
    if batch == 1:
        what = (
            f"{norm_words(kind)} needs at least 2 examples in a batch; "
            "raise batch_size, or norm: off"
        )
        yield Conflict(keys, what)
    elif _last_batch(config) == 1:
        what = (
            f"the last batch of {size:,} examples in batches of {batch:,} holds one example, which "
            f"{norm_words(kind)} cannot use; set training.drop_last to true or change batch_size"
        )
        yield Conflict((*keys, "training.sampling", "training.drop_last"), what)


def _norm_of_one_value(config: Config) -> str | None:
    """Return the kind of a norm over the batch that sees one number per example and feature."""
    try:
        layers = network_spec(config).layers
    except MisfitError:
        return None
    norms = [layer for layer in layers if isinstance(layer, Norm) and layer.kind in BATCH_NORMS]
    return next((norm.kind for norm in norms if math.prod(norm.shape) == norm.units), None)


def _last_batch(config: Config) -> int:
    """Return the examples in the last batch of an epoch."""
    training = config.training
    if training.drop_last or training.sampling == "replacement":
        return training.batch_size
    return train_size(config) % training.batch_size or training.batch_size
