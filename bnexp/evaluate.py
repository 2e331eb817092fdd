"""Measuring a stack: what a config asks to evaluate, on training and held-out examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.schema import Config
from bnexp.data import Dataset
from bnexp.data.dataset import Part
from bnexp.nn import Network, SoftmaxCrossEntropy
from bnexp.optim import WeightPenalty
from bnexp.plan.evaluations import evaluations

Array = NDArray[Any]
#: Values (K,) by the name of the metric.
Metrics = dict[str, NDArray[np.float64]]

#: Examples evaluated at once. A constant, because the chunks are part of a result's bits.
CHUNK = 500
#: What a config calls the parts of a dataset, and their names in metrics.
_PARTS: dict[str, Part] = {"train": "train", "validation": "val", "test": "test"}


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
        self.dataset, self.network, self.loss, self.penalty = dataset, network, loss, penalty
        self.batch_size = config.training.batch_size
        self.running = np.zeros((len(network.theta), 3))
        self._losses, self._right, self._examples = self.running.T
        # Counts, not "all": runs of one stack may have said the same in different words.
        self.asked = evaluations(config)
        self.is_running = self.asked["train"] == "running"

    def add_batch(self, losses: Array, right: Array, batch: int) -> None:
        """Count a mini-batch: mean losses (K,) and right answers (K,) of ``batch`` examples."""
        if self.is_running:
            self._losses += losses * batch
            self._right += right
            self._examples += batch

    def measure(
        self, *, last: bool, should_stop: Callable[[], bool] = lambda: False
    ) -> Metrics | None:
        """Return the metrics of a record by name; ``last`` says that it is the run's last one.

        ``should_stop`` is asked before every chunk of examples; None when it said yes.
        """
        metrics: Metrics = {}
        if self.is_running:
            metrics["running_loss"] = self.running[:, 0] / self.running[:, 2]
            metrics["running_accuracy"] = self.running[:, 1] / self.running[:, 2]
            self.running[...] = 0
        evaluated = self._evaluate_all(self._counts(last), should_stop)
        return None if evaluated is None else metrics | evaluated

    def measure_last(self, should_stop: Callable[[], bool]) -> Metrics | None:
        """Return what is measured once, at a run's end: for runs whose end was not foreseen."""
        always = self._counts(last=False)
        counts = {part: n for part, n in self._counts(last=True).items() if part not in always}
        return self._evaluate_all(counts, should_stop)

    def _counts(self, last: bool) -> dict[Part, int]:
        """Return how many examples of each part are evaluated now."""
        counts: dict[Part, int] = {}
        for name, what in self.asked.items():
            if isinstance(what, int) or (isinstance(what, list) and last):
                counts[_PARTS[name]] = what if isinstance(what, int) else what[1]
        return counts

    def _evaluate_all(
        self, counts: Mapping[Part, int], should_stop: Callable[[], bool]
    ) -> Metrics | None:
        metrics: Metrics = {}
        if counts and self.network.has_population and not self._collect(should_stop):
            return None
        for part, count in counts.items():
            measured = self._evaluate(part, count, should_stop)
            if measured is None:
                return None
            metrics[f"{part}_loss"], metrics[f"{part}_accuracy"] = measured
        return metrics

    def _evaluate(
        self, part: Part, count: int, should_stop: Callable[[], bool]
    ) -> tuple[Array, Array] | None:
        labels = self.dataset.labels(part)
        losses = np.zeros(len(self.network.theta))
        right = np.zeros(len(losses), np.intp)
        for start in range(0, count, CHUNK):
            if should_stop():
                return None
            chunk = slice(start, min(start + CHUNK, count))
            logits = self.network.forward(self._show(part, chunk), train=False)
            more = self.loss.measure(logits, labels[None, chunk])
            losses += more[0]
            right += more[1]
        losses /= count
        if not self.penalty.is_off:
            losses += self.penalty.loss(self.network.theta)
        return losses, right / count

    def _show(self, part: Part, chunk: slice) -> Array | slice:
        """Return examples for the network; those that it knows need not be shown to it."""
        if part == "train" and self.network.examples is not None:
            return chunk
        return self._rows(part, chunk)

    def _collect(self, should_stop: Callable[[], bool]) -> bool:
        """Take the statistics of the training examples, in whole batches; False when stopped."""
        examples, stopped = np.arange(len(self.dataset.y_train)), False

        def batches() -> Iterator[Array]:
            nonlocal stopped
            for start in range(0, len(examples) - self.batch_size + 1, self.batch_size):
                stopped = should_stop()
                if stopped:
                    return
                chunk = slice(start, start + self.batch_size)
                known = self.network.examples is not None
                yield examples[None, chunk] if known else self._rows("train", chunk)

        self.network.collect(batches())
        return not stopped

    def _rows(self, part: Part, chunk: slice) -> Array:
        columns: Array = self.dataset.rows(part, chunk.start, chunk.stop).T
        return columns[None]
