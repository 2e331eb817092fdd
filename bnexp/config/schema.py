"""The schema of a config: which keys there are, what each allows, and its default.

The models are frozen and strict (no text read as a number, no boolean as an integer), and refuse
unknown keys. They also take the short forms (``norm: on``, a layer ``100``, a whole number written
``1e3``). They check one key at a time: rules between keys stand in ``checks``, and where a mistake
stands in a file is the reader's business.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_serializer,
    model_validator,
)

#: ``dense 100``, the layer as a word and a number.
DENSE = re.compile(r"dense +([1-9][0-9]{0,8})")


def _whole(value: Any) -> Any:
    """Read a whole number written as a float (``1e3``, a value of ``logspace``) as an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _zero_or_one(value: Any) -> Any:
    """Keep ``true`` from passing as 1, which a ``Literal`` would allow."""
    return str(value).lower() if isinstance(value, bool) else _whole(value)


def _affine(value: Any) -> Any:
    """Read ``on`` and ``off`` as the words they are short for."""
    return ("vector" if value else "none") if isinstance(value, bool) else value


Activation = Literal["relu", "leaky_relu", "elu", "gelu", "softplus", "sigmoid", "tanh"]
Scheme = Literal[
    "normal",
    "he",
    "he_uniform",
    "xavier",
    "xavier_uniform",
    "lecun",
    "lecun_uniform",
    "orthogonal",
]
Affine = Annotated[Literal["vector", "scalar", "none"], BeforeValidator(_affine)]
Metric = Literal[
    "train_loss",
    "train_accuracy",
    "running_loss",
    "running_accuracy",
    "test_loss",
    "test_accuracy",
]
# Field comes first in these: a bound after a validator is lost to the JSON schema.
Count = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
CountOrAll = Literal["all"] | Count
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# Closer to 1 a share is 1 in float32.
Share = Annotated[float, Field(ge=0, le=0.999999, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**32), BeforeValidator(_whole)]
Units = Annotated[int, Field(ge=1, le=100_000), BeforeValidator(_whole)]
Epochs = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_whole)]
Seeds = Annotated[int, Field(ge=1, le=10_000), BeforeValidator(_whole)]


class Section(BaseModel):
    """A mapping in a config: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class DataConfig(Section):
    """Which examples: a dataset, and how many of its first examples to use."""

    name: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    train: CountOrAll = "all"
    test: CountOrAll = "all"


class DenseLayer(Section):
    """A hidden dense layer. Short forms: ``100`` and ``dense 100``."""

    dense: Units

    @model_validator(mode="before")
    @classmethod
    def _read_short(cls, value: Any) -> Any:
        if isinstance(value, str) and (match := DENSE.fullmatch(value)):
            return {"dense": int(match[1])}
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"dense": value}
        return value

    @model_serializer
    def _short(self) -> int:
        return self.dense


class NetworkConfig(Section):
    """The hidden layers; the output layer is added by the task. No layers: softmax regression."""

    layers: Annotated[tuple[DenseLayer, ...], Field(max_length=1000)] = (
        DenseLayer(dense=100),
        DenseLayer(dense=100),
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

    ``momentum`` is the share of the OLD running average kept at each step.
    """

    kind: Literal["none", "batch"] = "none"
    place: Literal["before", "after"] = "before"
    momentum: Share = 0.9
    eps: NonNegative = 1e-5
    start_var: Annotated[Literal[0, 1], BeforeValidator(_zero_or_one)] = 1
    gamma: Affine = "vector"
    beta: Affine = "vector"

    @model_validator(mode="before")
    @classmethod
    def _read_short(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, bool | str) else value

    @field_validator("kind", mode="before")
    @classmethod
    def _read_switch(cls, value: Any) -> Any:
        return ("batch" if value else "none") if isinstance(value, bool) else value


class RegularizationConfig(Section):
    """Penalties on the weights (never on biases, gamma or beta), and dropout."""

    l1: NonNegative = 0.0
    l2: NonNegative = 0.0
    dropout: Share = 0.0


class OptimizerConfig(Section):
    """The update rule: SGD, with momentum and Nesterov's form of it."""

    kind: Literal["sgd"] = "sgd"
    lr: Positive = 0.01
    momentum: Share = 0.0
    nesterov: bool = False


class TrainingConfig(Section):
    """How long, and on which mini-batches.

    ``shuffle`` goes through all examples once an epoch; ``replacement`` draws every batch afresh.
    """

    epochs: Epochs = 20
    batch_size: Count = 100
    sampling: Literal["shuffle", "replacement"] = "shuffle"
    drop_last: bool = False
    dtype: Literal["float32", "float64"] = "float32"


class EvaluateConfig(Section):
    """When to evaluate, and on what.

    ``all`` and a number evaluate that many examples in evaluation mode at each record, ``last``
    all of them once at the end; ``running`` averages over the mini-batches since the last record.
    """

    at: Literal["epoch_end", "first_step"] = "epoch_end"
    train: Literal["all", "running", "last", "none"] | Count = "running"
    test: Literal["all", "last", "none"] | Count = "all"


class SweepConfig(Section):
    """Axes (a config key and the values it takes) and the number of seeds.

    The models do not look into the axes; ``load_config`` checks each value against its key.
    """

    axes: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    seeds: Seeds = 1


class PlotConfig(Section):
    """What ``plot`` draws: an axis per panel, an axis per line, a metric upwards."""

    panel: str | None = None
    arm: str | None = None
    y: Metric | None = None


class Config(Section):
    """A validated description of one network and how it is trained."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")] = "experiment"
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    init: InitConfig = InitConfig()
    norm: NormConfig = NormConfig()
    regularization: RegularizationConfig = RegularizationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    seed: Seed = 0
    sweep: SweepConfig = SweepConfig()
    plot: PlotConfig = PlotConfig()
