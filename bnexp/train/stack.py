"""The arrays of a stack in training, and one epoch of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.network import total_steps
from bnexp.config.schema import Config
from bnexp.data import Dataset
from bnexp.data.batches import Batch
from bnexp.evaluate import Evaluator, Metrics
from bnexp.nn.losses import TrainingLoss
from bnexp.optim import clip_gradients
from bnexp.plan.work import Run
from bnexp.records import Record, RunResult, RunState
from bnexp.train.numbers import (
    build_batches,
    build_loss,
    build_network,
    build_optimizer,
    build_penalty,
    build_schedule,
    each,
)

Array = NDArray[Any]


class TrainingStack:
    """Runs in training, from their states if given, else from the beginning."""

    def __init__(
        self,
        runs: Sequence[Run],
        dataset: Dataset,
        states: Mapping[str, RunState],
        fingerprint: str,
        threads: int = 1,
    ) -> None:
        self.runs = self.active = tuple(runs)
        configs = [run.config for run in runs]
        config = configs[0]
        self.training = config.training
        self.first_step = config.evaluate.at == "first_step"
        self.last_step = total_steps(config)
        resumed = all(run.id in states for run in runs)
        self.network = build_network(configs, dataset, threads, resumed=resumed)
        loss = build_loss(configs)
        self.penalty = build_penalty(configs, self.network)
        self.optimizer = build_optimizer(configs, self.network)
        self.schedule = build_schedule(configs)
        self.clip = each(configs, lambda c: c.optimizer.clip)
        self.clips = bool(self.clip.any())
        self.batches = build_batches(configs, dataset)
        self.evaluator = Evaluator(config, dataset, self.network, loss, self.penalty)
        self.loss = TrainingLoss(loss, counts=self.evaluator.is_running)
        self.penalties: list[Array] = []
        self.diverged: dict[str, tuple[int, int]] = {}
        self._begin(states, fingerprint)

    def _begin(self, states: Mapping[str, RunState], fingerprint: str) -> None:
        count = len(self.runs)
        self.records: list[tuple[Record, ...]] = [()] * count
        self.seconds = np.zeros(count)
        self.fingerprints: list[tuple[str, ...]] = [(fingerprint,)] * count
        self.epoch = 0
        for k, run in enumerate(self.runs):
            if run.id not in states:
                continue
            state = states[run.id]
            self.epoch = state.epoch
            self.records[k], self.seconds[k] = state.records, state.seconds
            self.fingerprints[k] = tuple(dict.fromkeys((*state.fingerprint, fingerprint)))
            for name, rows in self._arrays().items():
                if name in state.arrays:  # a run without momentum brings no velocity
                    rows[k] = state.arrays[name]
        self.step = min(self.epoch * self._steps(), self.last_step)

    def _steps(self) -> int:
        return -(-self.batches.length // self.training.batch_size)

    def _arrays(self) -> dict[str, Array]:
        """Everything that training changes, each with the runs along axis 0."""
        return {
            "theta": self.network.theta,
            "stats": self.network.stats,
            "running": self.evaluator.running,
            **self.optimizer.state,
        }

    def states(self) -> dict[str, RunState]:
        """Copy the state of every run still in training."""
        return {
            run.id: RunState(
                epoch=self.epoch,
                arrays={name: rows[k].copy() for name, rows in self._arrays().items()},
                records=self.records[k],
                seconds=float(self.seconds[k]),
                fingerprint=self.fingerprints[k],
            )
            for k, run in enumerate(self.runs)
            if run in self.active
        }

    def train_epoch(self, epoch: int, should_stop: Callable[[], bool]) -> bool:
        """Make the updates and records of one epoch; False when told to stop before its end."""
        self.new_records: dict[str, Record] = {}
        self.network.start_epoch(epoch)
        batches = self.batches.epoch(epoch)
        self.loss.start(batches.labels)
        for index, batch in enumerate(batches):
            if should_stop():
                return False
            self.update(batch)
            first = self.first_step and index == 0
            if first or self.loss.is_full or self.step == self.last_step:
                self._settle(epoch, batch.indices.shape[1])
            if first and not self.evaluate(epoch, should_stop):
                return False
            if self.step == self.last_step:
                break
        return self.first_step or self.evaluate(epoch + 1, should_stop)

    def update(self, batch: Batch) -> None:
        """Make one update of every run on its batch."""
        self.network.start_step(self.step, self.last_step)
        self.step += 1
        x = batch.gather() if self.network.examples is None else batch.indices
        self.network.backward(self.loss.gradient(self.network.forward(x, train=True)))
        theta, grads = self.network.theta, self.network.grads
        if not self.penalty.is_off:
            self.penalties.append(self.penalty.loss(theta))
            self.penalty.add_gradient(theta, grads)
        if self.clips:
            clip_gradients(grads, self.clip)
        self.optimizer.step(theta, grads, self.step, self.schedule.factor(self.step))

    def _settle(self, epoch: int, batch: int) -> None:
        """Look at the losses of the latest updates: count them, and see which runs diverged."""
        losses, right = self.loss.collect()
        losses /= batch
        if self.penalties:
            losses += np.stack(self.penalties, axis=1)
            self.penalties.clear()
        steps = losses.shape[1]
        self.evaluator.add_batch(
            np.add.reduce(losses, axis=1) / steps, np.add.reduce(right, axis=1), steps * batch
        )
        self._mark_diverged(losses, epoch, self.step - steps + 1)

    def evaluate(self, epoch: int, should_stop: Callable[[], bool]) -> bool:
        """Add a record, with ``epoch`` epochs completed, to every run that has not diverged.

        False when told to stop before it was measured.
        """
        last = self.step == self.last_step
        metrics = self.evaluator.measure(last=last, should_stop=should_stop)
        if metrics is None:
            return False
        found = self._rounded(metrics, epoch, range(len(self.runs)))
        stopping = [] if last else [k for k in found if self._is_stopping(k, found[k])]
        if stopping:
            # What is measured once, at a run's end, is measured now; of the others it is not.
            metrics = self.evaluator.measure_last(should_stop)
            if metrics is None:
                return False
            for k, more in self._rounded(metrics, epoch, stopping).items():
                found[k] |= more
        for k, run in enumerate(self.runs):
            if found.get(k) and run.id not in self.diverged:
                self.new_records[run.id] = Record(epoch, self.step, found[k])
                self.records[k] = (*self.records[k], self.new_records[run.id])
        return True

    def _rounded(
        self, metrics: Metrics, epoch: int, which: Sequence[int]
    ) -> dict[int, dict[str, float]]:
        """Return the metrics of some runs; those whose losses are not finite have diverged."""
        asked = np.isin(np.arange(len(self.runs)), which)
        for name, values in metrics.items():
            if name.endswith("loss"):
                self._mark_diverged(np.where(asked, values, 0)[:, None], epoch, self.step)
        return {
            k: {name: _round(values[k]) for name, values in metrics.items()}
            for k in which
            if self.runs[k].id not in self.diverged
        }

    def _is_stopping(self, k: int, metrics: Mapping[str, float]) -> bool:
        """Return whether a run stops with its next record."""
        record = Record(self.epoch, self.step, metrics)
        return is_stopped(self.runs[k].config, (*self.records[k], record))

    def _mark_diverged(self, losses: Array, epoch: int, first: int) -> None:
        """Find the first loss of each run that is not finite: (K, steps) from step ``first`` on."""
        if math.isfinite(np.add.reduce(losses, axis=None)):
            return
        for k, step in np.argwhere(~np.isfinite(losses)).tolist():
            self.diverged.setdefault(self.runs[k].id, (epoch, first + step))

    def use_threads(self, count: int) -> None:
        """Have so many threads work on large images from now on."""
        self.network.workspace.threads.resize(count)

    def add_seconds(self, elapsed: float) -> None:
        """Share the time of an epoch among the runs."""
        self.seconds += elapsed / len(self.runs)

    def end_epoch(self, epoch: int) -> tuple[RunResult, ...]:
        """Take diverged and stopped runs, and after the last epoch all, out of training."""
        self.epoch = epoch
        ended = tuple(self._results(epoch == self.training.epochs))
        self.let_go({result.run for result in ended})
        return ended

    def let_go(self, runs: Collection[str]) -> None:
        """Take runs out of training at the end of an epoch."""
        self.active = tuple(run for run in self.active if run.id not in runs)

    def _results(self, done: bool) -> Iterator[RunResult]:
        for k, run in enumerate(self.runs):
            diverged = self.diverged.get(run.id)
            stops = diverged is None and not done and is_stopped(run.config, self.records[k])
            if diverged or done or stops:
                yield RunResult(
                    run=run.id,
                    status="diverged" if diverged else "stopped" if stops else "done",
                    records=self.records[k],
                    epoch=diverged[0] if diverged else self.step // self._steps(),
                    step=diverged[1] if diverged else self.step,
                    seconds=round(float(self.seconds[k]), 3),
                    fingerprint=self.fingerprints[k],
                )


def is_stopped(config: Config, records: Sequence[Record]) -> bool:
    """Return whether what a run monitors was no better in its last ``patience`` records."""
    patience, monitor = config.training.patience, config.training.monitor
    if patience == "none":
        return False
    sign = 1 if monitor.endswith("loss") else -1
    values = [sign * record.metrics[monitor] for record in records if monitor in record.metrics]
    return len(values) - 1 - values.index(min(values)) >= patience if values else False


def _round(value: Any) -> float:
    """Nine digits: all that a float32 holds, and what a reader of a table can bear."""
    return float(f"{value:.9g}")
