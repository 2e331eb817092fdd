"""Learning rates that change: the factor of each run's learning rate, update by update.

A factor is worked out run by run in Python's own floats, so that it depends on nothing but the
run's own numbers.
"""

from __future__ import annotations

import math

import numpy as np

from bnexp.optim.rows import Numbers

#: The names that ``Schedule`` knows.
SCHEDULES = ("constant", "step", "cosine", "inverse")


class Schedule:
    """A linear warm-up, then a schedule that begins where the warm-up ends.

    The warm-up of w updates (``warmup`` (K,) epochs, rounded to whole updates) has the factors
    1/w, 2/w, ..., 1 (Goyal et al., arXiv 1706.02677, section 2.2). s updates after its end, the
    next one has s = 0 and factor 1, the factor is

    - ``constant``: 1
    - ``step``: ``decay`` ^ n, where n is how many times ``step_epochs`` epochs have passed
    - ``cosine``: (1 + cos(pi s / T)) / 2, where T updates follow the warm-up, ``total_steps`` in
      all (Loshchilov and Hutter, arXiv 1608.03983, eq. 5, without restarts)
    - ``inverse``: 1 / (1 + ``decay`` s / ``steps_per_epoch``): ``decay`` is a rate per epoch, and
      the factor falls with every update

    ``decay`` is (K,). Raises ``ValueError`` for an unknown kind.
    """

    def __init__(
        self,
        kind: str,
        *,
        warmup: Numbers,
        decay: Numbers,
        step_epochs: int,
        steps_per_epoch: int,
        total_steps: int,
    ) -> None:
        if kind not in SCHEDULES:
            raise ValueError(f"unknown schedule {kind!r}; known are {', '.join(SCHEDULES)}")
        self.kind = kind
        self.step_epochs, self.steps_per_epoch = step_epochs, steps_per_epoch
        self.total_steps = total_steps
        steps = [round(epochs * steps_per_epoch) for epochs in warmup.tolist()]
        pairs = list(zip(steps, decay.tolist(), strict=True))
        # Most runs of a stack have the same two numbers: their factor is worked out once.
        self._pairs = list(dict.fromkeys(pairs))
        self._which = np.array([self._pairs.index(pair) for pair in pairs])
        self.is_off = kind == "constant" and not any(steps)

    def factor(self, step: int) -> Numbers | None:
        """Return the factors (K,) of update ``step``, counted from 1; None when always 1."""
        if self.is_off:
            return None
        factors: Numbers = np.array([self._factor(step, *pair) for pair in self._pairs])
        return np.take(factors, self._which)

    def _factor(self, step: int, warm: int, decay: float) -> float:
        if step <= warm:
            return step / warm
        since = step - warm - 1
        if self.kind == "step":
            return float(decay ** (since // (self.step_epochs * self.steps_per_epoch)))
        if self.kind == "cosine":
            return (1 + math.cos(math.pi * since / (self.total_steps - warm))) / 2
        if self.kind == "inverse":
            return 1 / (1 + decay * since / self.steps_per_epoch)
        return 1.0
