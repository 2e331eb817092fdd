"""Statistics of all training examples, collected batch by batch (arXiv 1502.03167, alg. 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnexp.nn.layer import Array


class Population:
    """The averages over batches of their means and their unbiased variances.

    Each batch counts the same; sums are in float64. A batch of n numbers per feature has the
    unbiased variance var n / (n - 1), and none of its own if n is 1.
    """

    def __init__(self) -> None:
        self.collecting = False
        self._values: tuple[Array, Array] | None = None

    def begin(self) -> None:
        """Start collecting, from nothing; the values so far stay until ``end``."""
        self.collecting, self._batches = True, 0

    def collect(self, centre: Array, r: Array, var: Array, count: int) -> None:
        """Add a batch of mean ``centre + r`` and biased variance ``var``, each (K, C, 1)."""
        mean = centre.astype(np.float64) + r
        unbiased = var.astype(np.float64) * (count / max(count - 1, 1))
        if self._batches == 0:
            self._mean, self._var = mean, unbiased
        else:
            self._mean += mean
            self._var += unbiased
        self._batches += 1

    def end(self, dtype: np.dtype[Any]) -> None:
        """Stop collecting and keep the averages."""
        if not self.collecting or self._batches == 0:
            raise RuntimeError("no batch was collected: begin, then go forward in training")
        self.collecting = False
        mean, var = self._mean / self._batches, self._var / self._batches
        self._values = mean.astype(dtype), var.astype(dtype)

    def clear(self) -> None:
        """Forget everything."""
        self.collecting, self._values = False, None

    def values(self) -> tuple[Array, Array]:
        """Return the mean and the variance, each (K, C, 1)."""
        if self._values is None:
            raise RuntimeError("the population's statistics have not been collected")
        return self._values
