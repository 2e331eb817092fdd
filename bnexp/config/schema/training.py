"""The sections that say how the network learns: update rule, mini-batches, evaluation."""

from __future__ import annotations

from typing import Literal

from bnexp.config.schema.base import (
    Count,
    CountOrNone,
    Epochs,
    NonNegative,
    Positive,
    Section,
    Share,
)

#: Kinds of optimizer that have a momentum.
MOMENTUM_KINDS = ("sgd", "momentum", "nesterov")


class OptimizerConfig(Section):
    """The update rule and its learning rate.

    ``momentum`` is ``sgd`` with a momentum of 0.9, ``nesterov`` Nesterov's form of it, ``adamw``
    is ``adam`` with ``regularization.weight_decay``. ``lr`` defaults to 0.001 for ``rmsprop``,
    ``adam`` and ``adamw``, else to 0.01.

    ``clip`` bounds the norm of a run's whole gradient; 0 is no bound. The learning rate stays
    (``constant``), is multiplied by ``decay`` every ``step_epochs`` (``step``), falls to 0 along a
    ``cosine``, or is divided by 1 + ``decay`` times the epochs (``inverse``); over the first
    ``warmup`` epochs it grows linearly.
    """

    kind: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"] = "sgd"
    lr: Positive | None = None
    momentum: Share | None = None
    nesterov: bool = False
    beta1: Share = 0.9
    beta2: Share = 0.999
    rho: Share = 0.9
    eps: NonNegative = 1e-8
    clip: NonNegative = 0.0
    schedule: Literal["constant", "step", "cosine", "inverse"] = "constant"
    warmup: NonNegative = 0.0
    decay: NonNegative = 0.1
    step_epochs: Count = 10

    @property
    def resolved_lr(self) -> float:
        """The learning rate with its default filled in."""
        if self.lr is not None:
            return self.lr
        return 0.001 if self.kind in ("rmsprop", "adam", "adamw") else 0.01

    @property
    def resolved_momentum(self) -> float:
        """The momentum with its default filled in."""
        if self.momentum is not None:
            return self.momentum
        return 0.9 if self.kind in ("momentum", "nesterov") else 0.0

    @property
    def is_nesterov(self) -> bool:
        """Whether a momentum is Nesterov's."""
        return self.nesterov or self.kind == "nesterov"

    @property
    def rule(self) -> Literal["sgd", "adagrad", "rmsprop", "adam"]:
        """The rule behind the kind: what differs in numbers alone is one rule."""
        if self.kind in ("adam", "adamw"):
            return "adam"
        return self.kind if self.kind in ("adagrad", "rmsprop") else "sgd"

    @property
    def default_weight_decay(self) -> float:
        """The decoupled weight decay of this kind, where none is given."""
        return 0.01 if self.kind == "adamw" else 0.0


class TrainingConfig(Section):
    """How long, and on which mini-batches.

    ``shuffle`` goes through all examples once an epoch, ``sorted`` too, in batches of one class
    after the other that come in random order; ``replacement`` draws every batch afresh.
    ``patience`` stops a run early, after so many epochs in which ``monitor`` was no better.
    """

    epochs: Epochs = 20
    batch_size: Count = 100
    sampling: Literal["shuffle", "replacement", "sorted"] = "shuffle"
    drop_last: bool = False
    dtype: Literal["float32", "float64"] = "float32"
    patience: CountOrNone = "none"
    monitor: Literal["val_loss", "val_accuracy"] = "val_loss"


class EvaluateConfig(Section):
    """When to evaluate, and on what.

    ``all`` and a number evaluate that many examples in evaluation mode at each record, ``last``
    all of them once at the end; ``running`` averages over the mini-batches since the last record.
    ``validation`` defaults to ``all`` where ``data.validation`` takes examples out, else ``none``.
    """

    at: Literal["epoch_end", "first_step"] = "epoch_end"
    train: Literal["all", "running", "last", "none"] | Count = "running"
    test: Literal["all", "last", "none"] | Count = "all"
    validation: Literal["all", "last", "none"] | Count | None = None
