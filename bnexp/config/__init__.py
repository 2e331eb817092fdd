"""Configs: the schema, and reading one from YAML with every mistake placed.

``load_config`` reads and checks, ``resolve`` fills in what depends on other keys, ``with_values``
gives the config of one cell, ``dump_config`` writes one. Nothing here imports NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnexp.lazy import lazy_names

if TYPE_CHECKING:
    from bnexp.config.cells import name_cell, resolve, with_values
    from bnexp.config.checks import recorded_metrics
    from bnexp.config.dump import dump_config
    from bnexp.config.load import load_config, load_text
    from bnexp.config.mistakes import ConfigMistakesError
    from bnexp.config.network import (
        data_spec,
        evaluated_validation,
        facts_of,
        network_spec,
        steps_per_epoch,
        test_size,
        total_steps,
        train_size,
        validation_size,
        weight_decay,
    )
    from bnexp.config.schema import Config
    from bnexp.config.search import load_search
    from bnexp.config.sweep import load_run, load_sweep

__all__ = [
    "Config",
    "ConfigMistakesError",
    "data_spec",
    "dump_config",
    "evaluated_validation",
    "facts_of",
    "load_config",
    "load_run",
    "load_search",
    "load_sweep",
    "load_text",
    "name_cell",
    "network_spec",
    "recorded_metrics",
    "resolve",
    "steps_per_epoch",
    "test_size",
    "total_steps",
    "train_size",
    "validation_size",
    "weight_decay",
    "with_values",
]

__getattr__ = lazy_names(
    __name__,
    {
        "cells": ["name_cell", "resolve", "with_values"],
        "checks": ["recorded_metrics"],
        "dump": ["dump_config"],
        "load": ["load_config", "load_text"],
        "mistakes": ["ConfigMistakesError"],
        "network": [
            "data_spec",
            "evaluated_validation",
            "facts_of",
            "network_spec",
            "steps_per_epoch",
            "test_size",
            "total_steps",
            "train_size",
            "validation_size",
            "weight_decay",
        ],
        "schema": ["Config"],
        "search": ["load_search"],
        "sweep": ["load_run", "load_sweep"],
    },
)
