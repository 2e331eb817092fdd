"""Training one stack: mini-batches in, records out; it knows nothing of folders or screens.

``train_stack`` advances all runs of a stack in lockstep and yields after every epoch. All that a
run needs to go on from there is in a ``RunState`` of its own, so that a checkpoint, a resume in
another stack and the removal of diverged runs are one mechanism.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config import network_spec, total_steps
from bnexp.config.schema import Config
from bnexp.data import Dataset
from bnexp.data.batches import Batches
from bnexp.evaluate import Evaluator
from bnexp.nn import Network, SoftmaxCrossEntropy
from bnexp.nn.network import Numbers
from bnexp.optim import SGD, WeightPenalty
from bnexp.plan import Run
from bnexp.records import Record, RunResult, RunState

Array = NDArray[Any]


@dataclass(frozen=True)
class EpochEnd:
    """What an epoch brought: new records by run, runs that ended, and those still in training.

    ``states()`` copies the runs still in training; it is a call because a copy is not always
    wanted. It is valid until the generator goes on.
    """

    epoch: int
    records: Mapping[str, Record]
    ended: tuple[RunResult, ...]
    active: tuple[str, ...]
    states: Callable[[], dict[str, RunState]]


def train_stack(
    runs: Sequence[Run],
    dataset: Dataset,
    *,
    states: Mapping[str, RunState] | None = None,
    fingerprint: str = "",
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[EpochEnd, None, None]:
    """Train runs that may share a stack (``plan.stack_key``), from their states if given.

    Yields after each epoch until every run has ended. ``should_stop`` is asked before every update;
    once it says yes the generator returns, and what is unfinished stays so. A run diverges when its
    loss (cross-entropy plus penalties) or an evaluated loss is not finite: it keeps its records,
    gets none after, and the others' bits do not change.
    """
    with np.errstate(all="ignore"):
        stack = _Stack(runs, dataset, states or {}, fingerprint)
        for epoch in range(stack.epoch, runs[0].config.training.epochs):
            started = time.perf_counter()
            if not stack.train_epoch(epoch, should_stop):
                return
            stack.add_seconds(time.perf_counter() - started)
            ended = stack.end_epoch(epoch + 1)
            yield EpochEnd(
                epoch + 1, stack.new_records, ended, tuple(r.id for r in stack.active), stack.states
            )
            if not stack.active:
                return
            if len(stack.active) < len(stack.runs):
                stack = _Stack(stack.active, dataset, stack.states(), fingerprint)


class _Stack:
    """The arrays of a stack in training."""

    def __init__(
        self,
        runs: Sequence[Run],
        dataset: Dataset,
        states: Mapping[str, RunState],
        fingerprint: str,
    ) -> None:
        self.runs = self.active = tuple(runs)
        configs = [run.config for run in runs]
        # A mixed stack has the dropout layers that some of its runs need.
        config = next((c for c in configs if c.regularization.dropout), configs[0])
        self.config, self.training = config, config.training
        self.first_step = config.evaluate.at == "first_step"
        self.last_step = total_steps(config)
        self.network = Network(network_spec(config), _numbers(configs), self.training.dtype)
        self.loss = SoftmaxCrossEntropy()
        self.penalty = WeightPenalty(
            l1=_each(configs, "regularization", "l1"),
            l2=_each(configs, "regularization", "l2"),
            weights=self.network.weight_count,
            dtype=self.training.dtype,
        )
        self.optimizer = SGD(
            self.network.theta,
            lr=_each(configs, "optimizer", "lr"),
            momentum=_each(configs, "optimizer", "momentum"),
            nesterov=config.optimizer.nesterov,
        )
        self.batches = Batches(
            dataset.x_train,
            dataset.y_train,
            [c.seed for c in configs],
            batch_size=self.training.batch_size,
            sampling=self.training.sampling,
            drop_last=self.training.drop_last,
        )
        self.evaluator = Evaluator(config, dataset, self.network, self.loss, self.penalty)
        self.diverged: dict[str, tuple[int, int]] = {}
        self.network.initialize(config.init.scheme, dataset.order)
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
        for index, batch in enumerate(self.batches.epoch(epoch)):
            if should_stop():
                return False
            self.update(epoch, batch.gather(), batch.labels)
            if self.first_step and index == 0 and not self.evaluate(epoch, should_stop):
                return False
            if self.step == self.last_step:
                break
        return self.first_step or self.evaluate(epoch + 1, should_stop)

    def update(self, epoch: int, x: Array, labels: NDArray[np.intp]) -> None:
        """Make one update of every run on its batch."""
        self.step += 1
        batch = labels.shape[1]
        losses, right = self.loss.measure(self.network.forward(x, train=True), labels)
        losses /= batch
        self.network.backward(self.loss.gradient())
        if not self.penalty.is_off:
            losses += self.penalty.loss(self.network.theta)
            self.penalty.add_gradient(self.network.theta, self.network.grads)
        self.evaluator.add_batch(losses, right, batch)
        self._mark_diverged(losses, epoch)
        self.optimizer.step(self.network.theta, self.network.grads)

    def evaluate(self, epoch: int, should_stop: Callable[[], bool]) -> bool:
        """Add a record, with ``epoch`` epochs completed, to every run that has not diverged.

        False when told to stop before it was measured.
        """
        last = self.step == self.last_step
        metrics = self.evaluator.measure(last=last, should_stop=should_stop)
        if metrics is None:
            return False
        for name, values in metrics.items():
            if name.endswith("loss"):
                self._mark_diverged(values, epoch)
        for k, run in enumerate(self.runs):
            if metrics and run.id not in self.diverged:
                rounded = {name: _round(column[k]) for name, column in metrics.items()}
                self.new_records[run.id] = Record(epoch, self.step, rounded)
                self.records[k] = (*self.records[k], self.new_records[run.id])
        return True

    def _mark_diverged(self, losses: Array, epoch: int) -> None:
        if np.isfinite(losses).all():
            return
        for k in np.flatnonzero(~np.isfinite(losses)):
            self.diverged.setdefault(self.runs[k].id, (epoch, self.step))

    def add_seconds(self, elapsed: float) -> None:
        """Share the time of an epoch among the runs."""
        self.seconds += elapsed / len(self.runs)

    def end_epoch(self, epoch: int) -> tuple[RunResult, ...]:
        """Take diverged runs, and after the last epoch all runs, out of training."""
        self.epoch = epoch
        done = epoch == self.training.epochs
        ended = []
        for k, run in enumerate(self.runs):
            if run.id in self.diverged or done:
                diverged = self.diverged.get(run.id)
                ended.append(
                    RunResult(
                        run=run.id,
                        status="diverged" if diverged else "done",
                        records=self.records[k],
                        epoch=diverged[0] if diverged else self.step // self._steps(),
                        step=diverged[1] if diverged else self.step,
                        seconds=round(float(self.seconds[k]), 3),
                        fingerprint=self.fingerprints[k],
                    )
                )
        gone = {result.run for result in ended}
        self.active = tuple(run for run in self.runs if run.id not in gone)
        return tuple(ended)


def _numbers(configs: Sequence[Config]) -> Numbers:
    return Numbers(
        seeds=[config.seed for config in configs],
        scale=np.array([config.init.resolved_scale for config in configs]),
        dropout=_each(configs, "regularization", "dropout"),
        eps=_each(configs, "norm", "eps"),
        momentum=_each(configs, "norm", "momentum"),
    )


def _each(configs: Sequence[Config], section: str, key: str) -> NDArray[np.float64]:
    """Collect one number of each run as a (K,) array."""
    return np.array([getattr(getattr(config, section), key) for config in configs], np.float64)


def _round(value: Any) -> float:
    """Nine digits: all that a float32 holds, and what a reader of a table can bear."""
    return float(f"{value:.9g}")
