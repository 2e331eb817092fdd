"""From a config to work: axes and seeds -> cells -> runs and their ids -> stacks. No NumPy."""

from bnexp.plan.cells import AxisValue, Cell, Plan, Run, plan_run, plan_sweep
from bnexp.plan.identity import effective, question, question_hash, run_id
from bnexp.plan.stacks import Stack, cut_stacks, run_multiply_adds, stack_key, step_seconds

__all__ = [
    "AxisValue",
    "Cell",
    "Plan",
    "Run",
    "Stack",
    "cut_stacks",
    "effective",
    "plan_run",
    "plan_sweep",
    "question",
    "question_hash",
    "run_id",
    "run_multiply_adds",
    "stack_key",
    "step_seconds",
]
