"""The section that says what is searched: ranges of keys, how trials are drawn, what is best."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from bnexp.config.schema.base import Count, Metric, Section, whole

Trials = Annotated[int, Field(ge=1, le=10_000), BeforeValidator(whole)]
Asked = Annotated[int, Field(ge=1, le=1000), BeforeValidator(whole)]
Reported = Annotated[int, Field(ge=0, le=100), BeforeValidator(whole)]
Rungs = Literal["auto"] | Annotated[tuple[Count, ...], Field(min_length=1, max_length=20)]


class SearchConfig(Section):
    """What ``bnexp search`` varies, how it draws trials, and which of them is best.

    ``space`` maps keys to ranges: ``loguniform(1e-6, 1e-2)``, ``uniform(0, 0.5)``, ``int(1, 6)``,
    ``choice([...])`` or a list, ``logspace(...)``, ``linspace(...)``. It also takes
    ``network.depth`` and ``network.width``, the number of equal hidden layers and their units.
    ``random`` draws each trial from the seed and its number, ``grid`` tries all points,
    ``random-grid`` draws points without repetition, ``tpe`` asks Optuna for ``ask`` trials at a
    time. ``trials`` defaults to 20, or to all points of a ``grid``.

    ``objective`` is the metric that trials are compared by, the ``final`` one or the ``best`` of
    all records; ``direction`` is to maximize an accuracy and to minimize a loss. ``halving`` ranks
    all trials after the epochs ``rungs`` (``auto``: an eighth, a quarter, half of all) and goes on
    with the share ``keep``. The ``report`` best ones are trained once more with the test examples.
    """

    sampler: Literal["random", "grid", "random-grid", "tpe"] = "random"
    trials: Trials | None = None
    space: dict[str, str | tuple[Any, ...]] = Field(default_factory=dict)
    objective: Metric = "val_accuracy"
    at: Literal["final", "best"] = "final"
    direction: Literal["auto", "maximize", "minimize"] = "auto"
    pruner: Literal["none", "halving"] = "none"
    rungs: Rungs = "auto"
    keep: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    ask: Asked = 10
    report: Reported = 1

    @field_validator("rungs", mode="before")
    @classmethod
    def _read_rungs(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = [value]
        return tuple(value) if isinstance(value, list) else value

    @field_validator("space", mode="before")
    @classmethod
    def _read_space(cls, value: Any) -> Any:
        """Keep lists as tuples, also those inside, which a journal gives back as lists."""
        if not isinstance(value, dict):
            return value
        return {key: _tuples(item) for key, item in value.items()}

    @property
    def is_maximized(self) -> bool:
        """Whether more of the objective is better."""
        if self.direction == "auto":
            return self.objective.endswith("accuracy")
        return self.direction == "maximize"


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
