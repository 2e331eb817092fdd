"""Update rules, schedules, clipping and weight penalties on the flat arrays of a stack.

theta and grads are (K, P): K runs, P parameters. Every number of a rule is a (K,) array, and no row
depends on another, nor on how many there are.
"""

from bnexp.optim.adaptive import AdaGrad, Adam, RMSProp
from bnexp.optim.clipping import clip_gradients
from bnexp.optim.make import KINDS, make_optimizer
from bnexp.optim.penalties import WeightPenalty
from bnexp.optim.rows import Array, row_slices
from bnexp.optim.rules import SGD, Optimizer, RuleNumbers
from bnexp.optim.schedules import SCHEDULES, Schedule

__all__ = [
    "KINDS",
    "SCHEDULES",
    "SGD",
    "AdaGrad",
    "Adam",
    "Array",
    "Optimizer",
    "RMSProp",
    "RuleNumbers",
    "Schedule",
    "WeightPenalty",
    "clip_gradients",
    "make_optimizer",
    "row_slices",
]
