"""The schema of a config: which keys there are, what each allows, and its default.

The models are frozen and strict (no text read as a number, no boolean as an integer), and refuse
unknown keys. They also take the short forms (``norm: on``, a layer ``100``, a whole number written
``1e3``). They check one key at a time: rules between keys stand in ``checks``, and where a mistake
stands in a file is the reader's business.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from bnexp.config.schema.base import Metric, Section, Seed, Seeds
from bnexp.config.schema.data import AugmentationConfig, DataConfig
from bnexp.config.schema.layers import ConvLayer, DenseLayer, Layer, PoolLayer
from bnexp.config.schema.network import (
    InitConfig,
    NetworkConfig,
    NormConfig,
    RegularizationConfig,
)
from bnexp.config.schema.search import SearchConfig
from bnexp.config.schema.training import EvaluateConfig, OptimizerConfig, TrainingConfig

__all__ = [
    "AugmentationConfig",
    "Config",
    "ConvLayer",
    "DataConfig",
    "DenseLayer",
    "EvaluateConfig",
    "InitConfig",
    "Layer",
    "Metric",
    "NetworkConfig",
    "NormConfig",
    "OptimizerConfig",
    "PlotConfig",
    "PoolLayer",
    "RegularizationConfig",
    "SearchConfig",
    "Section",
    "SweepConfig",
    "TrainingConfig",
]


class SweepConfig(Section):
    """Axes (a config key and the values it takes) and the number of seeds.

    The models do not look into the axes; ``load_config`` checks each value against its key.
    """

    axes: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    seeds: Seeds = 1


class PlotConfig(Section):
    """What ``plot`` draws: an axis per panel, an axis per line, a metric upwards.

    ``y`` may be a list of several accuracies, or of several losses, to draw in one panel.
    """

    panel: str | None = None
    arm: str | None = None
    y: Metric | Annotated[tuple[Metric, ...], Field(min_length=1)] | None = None

    @field_validator("y", mode="before")
    @classmethod
    def _read_y(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of ``y``, one or several; none where it is left open."""
        return (self.y,) if isinstance(self.y, str) else self.y or ()


class Config(Section):
    """A validated description of one network and how it is trained."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")] = "experiment"
    data: DataConfig = Field(default_factory=DataConfig)
    augmentation: AugmentationConfig = Field(default_factory=AugmentationConfig)
    network: NetworkConfig = Field(default_factory=NetworkConfig)
    init: InitConfig = Field(default_factory=InitConfig)
    norm: NormConfig = Field(default_factory=NormConfig)
    regularization: RegularizationConfig = Field(default_factory=RegularizationConfig)
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    seed: Seed = 0
    sweep: SweepConfig = Field(default_factory=SweepConfig)
    search: SearchConfig = Field(default_factory=SearchConfig)
    plot: PlotConfig = Field(default_factory=PlotConfig)
