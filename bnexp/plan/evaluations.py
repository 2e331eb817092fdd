"""What a run is evaluated on, in numbers of examples."""

from __future__ import annotations

from typing import Any

from bnexp.config.network import (
    evaluated_validation,
    test_size,
    train_size,
    validation_size,
)
from bnexp.config.schema import Config


def evaluations(config: Config) -> dict[str, Any]:
    """Return what is evaluated on training, validation and test examples.

    Each is a number of examples, ``["last", number]`` for once at the end, "running" or "none".
    """
    once = config.training.epochs == 1  # the only record is the last one
    return {
        "train": _examples(config.evaluate.train, train_size(config), once),
        "validation": _examples(evaluated_validation(config), validation_size(config), once),
        "test": _examples(config.evaluate.test, test_size(config), once),
    }


def in_evaluation_mode(config: Config) -> bool:
    """Return whether anything is evaluated in evaluation mode."""
    return any(what not in ("running", "none") for what in evaluations(config).values())


def _examples(what: str | int, size: int, once: bool) -> Any:
    if what == "last" and not once:
        return ["last", size]
    return size if what in ("all", "last") else what
