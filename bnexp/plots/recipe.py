"""How all runs of a figure are trained, in words: update rule, mini-batches, regularisation.

A key that is swept is left out, since panels or arms show it; a default that differs between kinds
of optimizer that are swept is named for each. No matplotlib here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bnexp.config import weight_decay
from bnexp.config.schema import Config, OptimizerConfig
from bnexp.plots.setting import fixed, layers_own
from bnexp.plots.words import METRIC_WORDS, join_words, number_text, phrase
from bnexp.store.results import Results

#: The numbers of each update rule that are said where they are not the usual ones.
_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "sgd": (),
    "adagrad": ("eps",),
    "rmsprop": ("rho", "eps"),
    "adam": ("beta1", "beta2", "eps"),
}


def optimizer_words(results: Results) -> str:
    """Name the update rule with its numbers, the schedule and the mini-batches."""
    parts = [*_rule(results), *_numbers(results), *_schedule(results)]
    clip = fixed(results, "optimizer.clip")
    if clip:
        parts.append(f"gradients clipped at {number_text(clip)}")
    batch = fixed(results, "training.batch_size")
    if batch is not None:
        parts.append(f"batch {batch}")
    if fixed(results, "training.sampling") == "sorted":
        parts.append(phrase("training.sampling", "sorted"))
    return ", ".join(parts)


def _rule(results: Results) -> list[str]:
    """Name the rule, its learning rate and its momentum."""
    kind, configs = fixed(results, "optimizer.kind"), _by_kind(results)
    parts = []
    if kind is not None:
        # What is called momentum or nesterov is SGD with a momentum, which is named after it.
        rule = results.config.optimizer.rule
        parts.append(phrase("optimizer.kind", "sgd" if rule == "sgd" else kind))
    if "optimizer.lr" not in results.axes:
        rates = {name: config.optimizer.resolved_lr for name, config in configs.items()}
        parts.append(_each("lr", rates))
    is_nesterov = kind is not None and results.config.optimizer.is_nesterov
    nesterov = (
        "Nesterov " if is_nesterov and fixed(results, "optimizer.nesterov") is not None else ""
    )
    if "optimizer.momentum" in results.axes:
        return [*parts, nesterov.strip()] if nesterov else parts
    shares = {name: config.optimizer.resolved_momentum for name, config in configs.items()}
    used = {name: share for name, share in shares.items() if share}
    return [*parts, _each(f"{nesterov}momentum", used)] if used else parts


def _numbers(results: Results) -> list[str]:
    """Name the rule's other numbers, where they are not the usual ones."""
    if fixed(results, "optimizer.kind") is None:
        return []
    parts = []
    for name in _NUMBERS[results.config.optimizer.rule]:
        value = fixed(results, f"optimizer.{name}")
        if value not in (None, OptimizerConfig.model_fields[name].default):
            parts.append(f"{name} {number_text(value)}")
    return parts


def _schedule(results: Results) -> list[str]:
    """Say how the learning rate changes, where it does."""
    parts = []
    schedule = fixed(results, "optimizer.schedule")
    decay, every = fixed(results, "optimizer.decay"), fixed(results, "optimizer.step_epochs")
    if schedule not in (None, "constant"):
        words = phrase("optimizer.schedule", schedule)
        if schedule == "step" and decay is not None and every is not None:
            words += f" (×{number_text(decay)} every {_epochs(every)})"
        elif schedule == "inverse" and decay is not None:
            words += f" (decay {number_text(decay)})"
        parts.append(words)
    warmup = fixed(results, "optimizer.warmup")
    if warmup:
        parts.append(f"{_epochs(warmup)} of warm-up")
    return parts


def _epochs(count: float) -> str:
    return "1 epoch" if count == 1 else f"{number_text(count)} epochs"


def _by_kind(results: Results) -> dict[str, Config]:
    """Return the config with each kind of optimizer that there is in these results."""
    config = results.config
    kinds = results.axes.get("optimizer.kind", (config.optimizer.kind,))
    return {
        str(kind): config.model_copy(
            update={"optimizer": config.optimizer.model_copy(update={"kind": kind})}
        )
        for kind in kinds
    }


def _each(name: str, values: Mapping[str, float]) -> str:
    """Name a number that kinds of optimizer have, the commonest first: ``lr 0.01, 0.001 (Adam)``.

    Where it is 0, nothing is said of it.
    """
    groups: dict[float, list[str]] = {}
    for kind, value in values.items():
        groups.setdefault(value, []).append(phrase("optimizer.kind", kind))
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    said = [
        number_text(value) + ("" if value == ordered[0][0] else f" ({', '.join(kinds)})")
        for value, kinds in ordered
        if value
    ]
    return f"{name} {', '.join(said)}" if said else ""


def regularization_words(results: Results) -> str:
    """Name the penalties, decay, dropout, label smoothing and early stopping that are on."""
    parts = []
    for key in ("l1", "l2", "lp"):
        value = fixed(results, f"regularization.{key}")
        power = fixed(results, "regularization.p") if key == "lp" else None
        if value:
            of = "" if power is None else f" (p = {number_text(power)})"
            parts.append(f"{'Lp' if key == 'lp' else key} {number_text(value)}{of}")
    if "regularization.weight_decay" not in results.axes:
        decays = {kind: weight_decay(config) for kind, config in _by_kind(results).items()}
        parts.append(_each("weight decay", decays))
    parts.append(_dropout_words(results))
    smoothing = fixed(results, "regularization.label_smoothing")
    if smoothing:
        parts.append(f"label smoothing {number_text(smoothing)}")
    patience, monitor = fixed(results, "training.patience"), fixed(results, "training.monitor")
    if patience not in (None, "none"):
        of = "" if monitor is None else f" ({METRIC_WORDS[monitor]})"
        parts.append(f"early stopping after {_epochs(patience)}{of}")
    return ", ".join(filter(None, parts))


def _dropout_words(results: Results) -> str:
    """Name the rate of dropout, and the rates that layers have of their own."""
    rate, own = fixed(results, "regularization.dropout"), layers_own(results, "dropout")
    if own.replaced and len(own.others) == 1:
        (rate,) = own.others
    spatial = "spatial " if fixed(results, "regularization.spatial_dropout") else ""
    rates = ", ".join(map(number_text, own.others))
    words = f"{spatial}dropout {number_text(rate)}" if rate else ""
    if not own.others or own.others == (rate,):
        return words
    if own.replaced:
        return f"each layer's own {spatial}dropout ({rates})"
    words = words or f"{'no ' if rate == 0 else ''}{spatial}dropout"
    return f"{words} but where layers say otherwise ({rates})"


def loss_words(results: Results, metrics: Collection[str]) -> str:
    """Say what losses are beside the cross-entropy, where some run has it."""
    if not any(metric.endswith("loss") for metric in metrics):
        return ""

    def is_used(name: str) -> bool:
        here = (getattr(results.config.regularization, name),)
        return any(results.axes.get(f"regularization.{name}", here))

    names = [word for name, word in (("l1", "l1"), ("l2", "l2"), ("lp", "Lp")) if is_used(name)]
    parts = []
    if names:
        parts.append(f"the {join_words(names)} penalt" + ("y" if len(names) == 1 else "ies"))
    if is_used("label_smoothing"):
        parts.append("label smoothing")
    return f"losses include {join_words(parts)}" if parts else ""
