"""Measuring a stack: what a config asks to evaluate, on training and test examples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.schema import EvaluateConfig
from bnexp.data import Dataset
from bnexp.nn import Network, SoftmaxCrossEntropy
from bnexp.optim import WeightPenalty

Array = NDArray[Any]

#: Examples evaluated at once. A constant, because the chunks are part of a result's bits.
CHUNK = 500


class Evaluator:
    """Evaluates a stack as ``config`` says; every result is a (K,) array in float64.

    A loss is the mean cross-entropy plus the run's weight penalties, on every set of examples (as
    Keras reports it). ``running`` (K, 3) holds the sums since the last record: loss times examples,
    right answers, examples.
    """

    def __init__(
        self,
        config: EvaluateConfig,
        dataset: Dataset,
        network: Network,
        loss: SoftmaxCrossEntropy,
        penalty: WeightPenalty,
    ) -> None:
        self.network, self.loss, self.penalty = network, loss, penalty
        self.running = np.zeros((len(network.theta), 3))
        self.is_running = config.train == "running"
        self.sets = {
            "train": (config.train, dataset.x_train, dataset.y_train),
            "test": (config.test, dataset.x_test, dataset.y_test),
        }

    def add_batch(self, losses: Array, right: Array, batch: int) -> None:
        """Count a mini-batch: mean losses (K,) and right answers (K,) of ``batch`` examples."""
        if self.is_running:
            self.running += np.stack([losses * batch, right, np.full(len(losses), batch)], axis=1)

    def measure(self, *, last: bool) -> dict[str, NDArray[np.float64]]:
        """Return the metrics of a record by name; ``last`` says that it is the run's last one."""
        metrics: dict[str, NDArray[np.float64]] = {}
        for name, (what, x, y) in self.sets.items():
            if what == "running":
                metrics["running_loss"] = self.running[:, 0] / self.running[:, 2]
                metrics["running_accuracy"] = self.running[:, 1] / self.running[:, 2]
                self.running[...] = 0
            elif what == "all" or isinstance(what, int) or (what == "last" and last):
                count = what if isinstance(what, int) else len(x)
                loss, accuracy = self._evaluate(x[:count], y[:count])
                metrics[f"{name}_loss"], metrics[f"{name}_accuracy"] = loss, accuracy
        return metrics

    def _evaluate(self, x: Array, y: NDArray[np.intp]) -> tuple[Array, Array]:
        losses = np.zeros(len(self.network.theta))
        right = np.zeros(len(losses), np.intp)
        for start in range(0, len(x), CHUNK):
            part = x[start : start + CHUNK].T[None]
            logits = self.network.forward(part, train=False)
            more = self.loss.measure(logits, y[None, start : start + CHUNK])
            losses += more[0]
            right += more[1]
        losses /= len(x)
        if not self.penalty.is_off:
            losses += self.penalty.loss(self.network.theta)
        return losses, right / len(x)
