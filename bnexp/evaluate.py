"""Measuring a stack: what a config asks to evaluate, on training and test examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.schema import Config
from bnexp.data import Dataset
from bnexp.nn import Network, SoftmaxCrossEntropy
from bnexp.optim import WeightPenalty
from bnexp.plan.identity import evaluated

Array = NDArray[Any]

#: Examples evaluated at once. A constant, because the chunks are part of a result's bits.
CHUNK = 500


class Evaluator:
    """Evaluates a stack as its config says; every result is a (K,) array in float64.

    A loss is the mean cross-entropy plus the run's weight penalties, on every set of examples (as
    Keras reports it). ``running`` (K, 3) holds the sums since the last record: loss times examples,
    right answers, examples.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        network: Network,
        loss: SoftmaxCrossEntropy,
        penalty: WeightPenalty,
    ) -> None:
        self.network, self.loss, self.penalty = network, loss, penalty
        self.running = np.zeros((len(network.theta), 3))
        # Counts, not "all": runs of one stack may have said the same in different words.
        train, test, _ = evaluated(config)
        self.is_running = train == "running"
        self.sets = {
            "train": (train, dataset.x_train, dataset.y_train),
            "test": (test, dataset.x_test, dataset.y_test),
        }

    def add_batch(self, losses: Array, right: Array, batch: int) -> None:
        """Count a mini-batch: mean losses (K,) and right answers (K,) of ``batch`` examples."""
        if self.is_running:
            self.running += np.stack([losses * batch, right, np.full(len(losses), batch)], axis=1)

    def measure(
        self, *, last: bool, should_stop: Callable[[], bool] = lambda: False
    ) -> dict[str, NDArray[np.float64]] | None:
        """Return the metrics of a record by name; ``last`` says that it is the run's last one.

        ``should_stop`` is asked before every chunk of examples; None when it said yes.
        """
        metrics: dict[str, NDArray[np.float64]] = {}
        for name, (what, x, y) in self.sets.items():
            if what == "running":
                metrics["running_loss"] = self.running[:, 0] / self.running[:, 2]
                metrics["running_accuracy"] = self.running[:, 1] / self.running[:, 2]
                self.running[...] = 0
            elif isinstance(what, int) or (isinstance(what, list) and last):
                count = what if isinstance(what, int) else what[1]
                measured = self._evaluate(x[:count], y[:count], should_stop)
                if measured is None:
                    return None
                metrics[f"{name}_loss"], metrics[f"{name}_accuracy"] = measured
        return metrics

    def _evaluate(
        self, x: Array, y: NDArray[np.intp], should_stop: Callable[[], bool]
    ) -> tuple[Array, Array] | None:
        losses = np.zeros(len(self.network.theta))
        right = np.zeros(len(losses), np.intp)
        for start in range(0, len(x), CHUNK):
            if should_stop():
                return None
            part = x[start : start + CHUNK].T[None]
            logits = self.network.forward(part, train=False)
            more = self.loss.measure(logits, y[None, start : start + CHUNK])
            losses += more[0]
            right += more[1]
        losses /= len(x)
        if not self.penalty.is_off:
            losses += self.penalty.loss(self.network.theta)
        return losses, right / len(x)
