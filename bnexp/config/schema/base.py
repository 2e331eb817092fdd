"""What the sections of a config are made of: the base model, and the kinds of values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def whole(value: Any) -> Any:
    """Read a whole number written as a float (``1e3``, a value of ``logspace``) as an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _zero_or_one(value: Any) -> Any:
    """Keep ``true`` from passing as 1, which a ``Literal`` would allow."""
    return str(value).lower() if isinstance(value, bool) else whole(value)


def _affine(value: Any) -> Any:
    """Read ``on`` and ``off`` as the words they are short for."""
    return ("vector" if value else "none") if isinstance(value, bool) else value


def _norm_kind(value: Any) -> Any:
    """Read ``on`` and ``off`` as the kinds of norm they are short for."""
    return ("batch" if value else "none") if isinstance(value, bool) else value


def _auto(value: Any) -> Any:
    """Read ``none`` and an empty value as ``auto``."""
    return "auto" if value in (None, "none") else value


def _no_number(value: Any) -> Any:
    """Read an empty value as ``none``."""
    return "none" if value is None else value


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
NormKind = Annotated[
    Literal["none", "batch", "batch_renorm", "layer", "group", "instance", "rms", "noisy_batch"],
    BeforeValidator(_norm_kind),
]
Affine = Annotated[Literal["vector", "scalar", "none"], BeforeValidator(_affine)]
Metric = Literal[
    "train_loss",
    "train_accuracy",
    "running_loss",
    "running_accuracy",
    "val_loss",
    "val_accuracy",
    "test_loss",
    "test_accuracy",
]
# Field comes first in these: a bound after a validator is lost to the JSON schema.
Count = Annotated[int, Field(ge=1), BeforeValidator(whole)]
CountOrAll = Literal["all"] | Count
CountOrAuto = Annotated[Literal["auto"] | Count, BeforeValidator(_auto)]
CountOrNone = Annotated[Literal["none"] | Count, BeforeValidator(_no_number)]
Number = Annotated[float, Field(allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AtLeastOne = Annotated[float, Field(ge=1, allow_inf_nan=False)]
# Closer to 1 a share is 1 in float32.
Share = Annotated[float, Field(ge=0, le=0.999999, allow_inf_nan=False)]
WholeShare = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
#: A number of examples, or a share of them above 0 and below 1.
CountOrShare = Annotated[
    Annotated[int, Field(ge=0)] | Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)],
    BeforeValidator(whole),
]
ZeroOrOne = Annotated[Literal[0, 1], BeforeValidator(_zero_or_one)]
Seed = Annotated[int, Field(ge=0, lt=2**32), BeforeValidator(whole)]
Units = Annotated[int, Field(ge=1, le=100_000), BeforeValidator(whole)]
Pixels = Annotated[int, Field(ge=1, le=1000), BeforeValidator(whole)]
Border = Annotated[int, Field(ge=0, le=1000), BeforeValidator(whole)]
Epochs = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(whole)]
Seeds = Annotated[int, Field(ge=1, le=10_000), BeforeValidator(whole)]


class Section(BaseModel):
    """A mapping in a config: frozen, strict, no unknown keys."""

    # Built when they are first validated with: workers, which get configs ready made, need none.
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)
