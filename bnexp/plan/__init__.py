"""From a config to work: axes and seeds -> cells -> runs and their ids -> stacks. No NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnexp.lazy import lazy_names

if TYPE_CHECKING:
    from bnexp.plan.cells import AxisValue, Cell, Plan, first_of_each, plan_run, plan_sweep
    from bnexp.plan.cost import run_multiply_adds, step_seconds
    from bnexp.plan.facts import effective
    from bnexp.plan.identity import identify, question, question_hash, run_id, stack_key
    from bnexp.plan.stacks import cut_stacks
    from bnexp.plan.work import Run, Stack

__all__ = [
    "AxisValue",
    "Cell",
    "Plan",
    "Run",
    "Stack",
    "cut_stacks",
    "effective",
    "first_of_each",
    "identify",
    "plan_run",
    "plan_sweep",
    "question",
    "question_hash",
    "run_id",
    "run_multiply_adds",
    "stack_key",
    "step_seconds",
]

__getattr__ = lazy_names(
    __name__,
    {
        "cells": ["AxisValue", "Cell", "Plan", "first_of_each", "plan_run", "plan_sweep"],
        "facts": ["effective"],
        "identity": ["identify", "question", "question_hash", "run_id", "stack_key"],
        "stacks": ["cut_stacks"],
        "cost": ["run_multiply_adds", "step_seconds"],
        "work": ["Run", "Stack"],
    },
)
