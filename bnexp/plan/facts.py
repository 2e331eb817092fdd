"""What can change a run's records, and nothing else: every key without effect is left out.

Two configs that train the same way have the same facts, whatever words they use for it. What a key
says by its default is left out where it came later than the first runs, so that ids stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bnexp.config import (
    facts_of,
    network_spec,
    resolve,
    train_size,
    validation_size,
    weight_decay,
)
from bnexp.config.schema import Config, ConvLayer, DenseLayer, PoolLayer
from bnexp.describe import BATCH_NORMS, CENTRING_NORMS, Conv, Dropout, NetworkSpec, Norm, Pool
from bnexp.plan.evaluations import evaluations, in_evaluation_mode

#: Raised by one when a change of the trainer changes the bits of results.
RESULT_FORMAT = 5

#: The numbers that each update rule and each schedule reads, beside lr and momentum.
_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "sgd": (),
    "adagrad": ("eps",),
    "rmsprop": ("rho", "eps"),
    "adam": ("beta1", "beta2", "eps"),
}
_SCHEDULES: Mapping[str, tuple[str, ...]] = {
    "step": ("decay", "step_epochs"),
    "cosine": (),
    "inverse": ("decay",),
}


def effective(config: Config) -> dict[str, Any]:
    """Return what can change a run's records: keys without effect left out, data by checksum.

    Raises DatasetError when a user's own data cannot be read.
    """
    config = resolve(config)
    spec = network_spec(config)
    evaluate = {"at": config.evaluate.at, **evaluations(config)}
    if evaluate["validation"] == "none":
        del evaluate["validation"]
    facts: dict[str, Any] = {
        "format": RESULT_FORMAT,
        "data": _data(config),
        "network": {"layers": list(_layers(config, spec))},
        "init": {"scheme": config.init.scheme, "scale": config.init.resolved_scale},
        "regularization": _regularization(config, spec),
        "optimizer": _optimizer(config),
        "training": _training(config),
        "evaluate": evaluate,
        "seed": config.seed,
    }
    hidden = [layer for layer in config.network.layers if not isinstance(layer, PoolLayer)]
    if any(layer.activation is None for layer in hidden):
        facts["network"]["activation"] = config.network.activation
    if hidden:
        facts["norm"] = _norm(config, spec)
    varied = config.augmentation.model_dump()
    if any(varied.values()):
        facts["augmentation"] = {key: value for key, value in varied.items() if value}
    return facts


def _data(config: Config) -> dict[str, Any]:
    data, content = config.data, facts_of(config.data).content.values()
    facts: dict[str, Any] = {
        "content": list(content) if data.is_own else sorted(content),
        "train": train_size(config),
    }
    validation = validation_size(config)
    if validation:
        facts |= {"validation": validation, "split": data.split, "seed": data.seed}
    if data.label_noise:
        facts |= {"label_noise": data.label_noise, "seed": data.seed}
    if data.resolved_standardize != ("none" if data.is_own else "unit"):
        facts["standardize"] = data.resolved_standardize
    return facts


def _layers(config: Config, spec: NetworkSpec) -> Iterator[Any]:
    """Yield each hidden layer: its shape, and what it has of its own."""
    shaped = iter([layer for layer in spec.layers if isinstance(layer, Conv | Pool)])
    for layer in config.network.layers:
        if isinstance(layer, DenseLayer):
            own = _own(config, layer)
            yield {"dense": layer.dense, **own} if own else layer.dense
            continue
        found = next(shaped)
        if isinstance(layer, ConvLayer) and isinstance(found, Conv):
            padding = [list(pixels) for pixels in found.padding]
            shape = {"kernel": found.kernel, "stride": found.stride, "padding": padding}
            yield {"conv": found.filters, **shape, **_own(config, layer)}
        elif isinstance(found, Pool):
            facts = {"pool": list(found.window), "kind": found.kind}
            # A single window goes nowhere.
            moves = found.out_shape[::2] != (1, 1)
            yield {**facts, "stride": list(found.stride)} if moves else facts


def _own(config: Config, layer: DenseLayer | ConvLayer) -> dict[str, Any]:
    """Return what a layer has that differs from the rest of the network."""
    everywhere = {
        "activation": config.network.activation,
        "norm": config.norm.kind,
        "dropout": config.regularization.dropout,
    }
    own: dict[str, Any] = {
        name: getattr(layer, name)
        for name, common in everywhere.items()
        if getattr(layer, name) not in (None, common)
    }
    kind = layer.norm or config.norm.kind
    if not layer.bias and not (config.norm.place == "before" and kind in CENTRING_NORMS):
        own["bias"] = False
    return own


def _norm(config: Config, spec: NetworkSpec) -> dict[str, Any]:
    norm = config.norm
    norms = [layer for layer in spec.layers if isinstance(layer, Norm)]
    kinds = {layer.kind for layer in norms}
    facts: dict[str, Any] = {"kind": norm.kind if norm.kind in kinds else "none"}
    if not kinds:
        return facts
    facts |= {"place": norm.place, "gamma": norm.gamma, "beta": norm.beta}
    facts["eps"] = norm.eps + 0.0  # -0.0 is 0.0
    population = norm.statistics == "population"
    evaluated = bool(kinds & BATCH_NORMS) and in_evaluation_mode(config)
    if evaluated and population:
        facts["statistics"] = "population"
    renorm = "batch_renorm" in kinds  # reads its running averages in training, too
    if renorm or (evaluated and not population):
        facts["momentum"] = norm.momentum + 0.0
        if norm.momentum or renorm:  # else nothing of the start is left after a step
            facts["start_var"] = norm.start_var
    if renorm:
        names = ("r_max", "d_max", "renorm_start", "renorm_end")
        facts |= {name: getattr(norm, name) for name in names}
    if "noisy_batch" in kinds:
        names = ("noise_mean", "noise_std", "jitter_mean", "jitter_std")
        facts |= {name: getattr(norm, name) for name in names}
    if "group" in kinds:
        facts["groups"] = [layer.groups for layer in norms if layer.kind == "group"]
    return facts


def _regularization(config: Config, spec: NetworkSpec) -> dict[str, Any]:
    asked = config.regularization
    numbers = {
        "l1": asked.l1,
        "l2": asked.l2,
        "lp": asked.lp,
        "weight_decay": weight_decay(config),
        "label_smoothing": asked.label_smoothing,
    }
    facts: dict[str, Any] = {name: value for name, value in numbers.items() if value}
    if asked.lp:
        facts["p"] = asked.p
    dropouts = [layer for layer in spec.layers if isinstance(layer, Dropout)]
    if any(layer.rate is None for layer in dropouts):
        facts["dropout"] = asked.dropout
    if any(layer.spatial for layer in dropouts):
        facts["spatial_dropout"] = True
    return facts


def _optimizer(config: Config) -> dict[str, Any]:
    asked = config.optimizer
    facts: dict[str, Any] = {"kind": asked.rule, "lr": asked.resolved_lr}
    if asked.rule == "sgd" and asked.resolved_momentum:
        facts |= {"momentum": asked.resolved_momentum, "nesterov": asked.is_nesterov}
    facts |= {name: getattr(asked, name) for name in _NUMBERS[asked.rule]}
    if asked.schedule != "constant":
        facts |= {name: getattr(asked, name) for name in _SCHEDULES[asked.schedule]}
        facts["schedule"] = asked.schedule
    facts |= {name: getattr(asked, name) for name in ("clip", "warmup") if getattr(asked, name)}
    return facts


def _training(config: Config) -> dict[str, Any]:
    training = config.training
    names = ("epochs", "batch_size", "sampling", "dtype")
    facts: dict[str, Any] = {name: getattr(training, name) for name in names}
    cut = training.sampling != "replacement" and train_size(config) % training.batch_size
    # Even a run of a single update: an epoch's length decides how it is drawn and warmed up.
    if cut:
        facts["drop_last"] = training.drop_last
    if training.patience != "none":
        facts |= {"patience": training.patience, "monitor": training.monitor}
    return facts
