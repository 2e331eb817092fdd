"""From the name of a rule to the rule."""

from __future__ import annotations

from bnexp.optim.adaptive import AdaGrad, Adam, RMSProp
from bnexp.optim.rows import Array
from bnexp.optim.rules import SGD, Optimizer, RuleNumbers

#: The names that ``make_optimizer`` knows.
KINDS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")


def make_optimizer(
    kind: str, theta: Array, numbers: RuleNumbers, *, weights: int, nesterov: bool = False
) -> Optimizer:
    """Return the rule of this kind for theta (K, P), whose first ``weights`` columns decay.

    ``sgd`` and ``momentum`` are one rule, ``nesterov`` is the same with ``nesterov=True``; ``adam``
    and ``adamw`` are one rule: what a run does is in its numbers. Raises ``ValueError`` for an
    unknown kind.
    """
    n = numbers
    lr, eps, decay = n.lr, n.eps, n.weight_decay
    if kind in ("sgd", "momentum", "nesterov"):
        nesterov = nesterov or kind == "nesterov"
        return SGD(
            theta,
            lr=lr,
            momentum=n.momentum,
            nesterov=nesterov,
            weight_decay=decay,
            weights=weights,
        )
    if kind == "adagrad":
        return AdaGrad(theta, lr=lr, eps=eps, weight_decay=decay, weights=weights)
    if kind == "rmsprop":
        return RMSProp(theta, lr=lr, rho=n.rho, eps=eps, weight_decay=decay, weights=weights)
    if kind in ("adam", "adamw"):
        return Adam(
            theta,
            lr=lr,
            beta1=n.beta1,
            beta2=n.beta2,
            eps=eps,
            weight_decay=decay,
            weights=weights,
        )
    raise ValueError(f"unknown optimizer {kind!r}; known are {', '.join(KINDS)}")
