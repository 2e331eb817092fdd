"""The sections that say what is trained: network, initial weights, norm, regularisation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from bnexp.config.schema.base import (
    Activation,
    Affine,
    AtLeastOne,
    CountOrAuto,
    NonNegative,
    NormKind,
    Number,
    Positive,
    Scheme,
    Section,
    Share,
    WholeShare,
    ZeroOrOne,
)
from bnexp.config.schema.layers import DenseLayer, Layer


class NetworkConfig(Section):
    """The hidden layers; the output layer is added by the task. No layers: softmax regression.

    A layer is a number (``100``, short for ``dense 100``), a mapping of the keys below (``{conv: 8,
    kernel: 5}``), or words: its kind and size, then keys and their values (``conv 8``, ``conv 8
    kernel 5``, ``average pool 2``, ``global pool``). Activation, norm and dropout follow each dense
    and conv layer, which may have its own. Flattening is inserted where images meet dense layers.
    """

    layers: Annotated[tuple[Layer, ...], Field(max_length=1000)] = Field(
        default_factory=lambda: (DenseLayer(dense=100), DenseLayer(dense=100))
    )
    activation: Activation = "relu"

    @field_validator("layers", mode="before")
    @classmethod
    def _read_list(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class InitConfig(Section):
    """How weights start; biases start at 0.

    For ``normal`` the scale is the standard deviation (default 0.01), for every other scheme a
    gain (default 1). The output layer is scaled too.
    """

    scheme: Scheme = "he"
    scale: Positive | None = None

    @property
    def resolved_scale(self) -> float:
        """The scale with its default filled in."""
        if self.scale is not None:
            return self.scale
        return 0.01 if self.scheme == "normal" else 1.0


class NormConfig(Section):
    """Normalisation of each hidden layer. Short forms: ``on``, ``off``, ``batch``, ``none``.

    ``momentum`` is the share of the OLD running average kept at each step. ``statistics`` is what
    the batch kinds evaluate with: their running averages, or those of the whole training set,
    recomputed before every evaluation (``population``).

    ``groups`` is for ``group``; ``auto`` is the largest divisor of the channels, at most 32, that
    leaves 2 channels of images, or 8 units of a dense layer, in a group (1 if there is none).
    ``r_max``, ``d_max`` and ``renorm_*`` are for ``batch_renorm``: r is limited to 1 and d to 0
    until the share ``renorm_start`` of all updates, and the limits grow to ``r_max`` and ``d_max``
    at ``renorm_end``. ``noise_*`` and ``jitter_*`` are for ``noisy_batch``.
    """

    kind: NormKind = "none"
    place: Literal["before", "after"] = "before"
    momentum: Share = 0.9
    eps: NonNegative = 1e-5
    start_var: ZeroOrOne = 1
    gamma: Affine = "vector"
    beta: Affine = "vector"
    statistics: Literal["running", "population"] = "running"
    groups: CountOrAuto = "auto"
    r_max: AtLeastOne = 3.0
    d_max: NonNegative = 5.0
    renorm_start: WholeShare = 0.04
    renorm_end: WholeShare = 0.3
    noise_mean: Number = 0.5
    noise_std: NonNegative = 1.25
    jitter_mean: Number = 0.1
    jitter_std: NonNegative = 0.1

    @model_validator(mode="before")
    @classmethod
    def _read_short(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, bool | str) else value


class RegularizationConfig(Section):
    """Penalties on the weights (never on biases, gamma or beta), and dropout.

    The loss has ``l1`` times the sum of abs(W), ``l2 / 2`` times that of W^2 and ``lp / p`` times
    that of abs(W)^p. ``weight_decay`` is decoupled from the loss: each step takes the learning rate
    times it off W (default 0.01 for ``adamw``, else 0). ``spatial_dropout`` drops whole channels in
    conv layers.
    """

    l1: NonNegative = 0.0
    l2: NonNegative = 0.0
    dropout: Share = 0.0
    lp: NonNegative = 0.0
    p: AtLeastOne = 3.0
    weight_decay: NonNegative | None = None
    spatial_dropout: bool = False
    label_smoothing: Share = 0.0
