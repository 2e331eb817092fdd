"""What training hands on: the metrics of one evaluation, and the outcome of one run.

Both are plain and immutable, so that engines can send them between processes, the store can write
them, and plots can read them, without NumPy and without a copy of anybody's state.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: ``paused`` is no end: a search will decide whether the run goes on.
Status = Literal["done", "diverged", "failed", "stopped", "pruned", "paused"]

#: Metric names in the order in which tables show them.
METRICS = (
    "train_loss",
    "train_accuracy",
    "running_loss",
    "running_accuracy",
    "val_loss",
    "val_accuracy",
    "test_loss",
    "test_accuracy",
)


@dataclass(frozen=True, slots=True)
class Record:
    """The metrics of one run at one evaluation.

    ``epoch`` counts the epochs completed at that moment and ``step`` the updates made, so the first
    record of a ``first_step`` evaluation is epoch 0, step 1. ``metrics`` maps names of ``METRICS``
    to finite numbers: losses in nats, accuracies as shares of 1.
    """

    epoch: int
    step: int
    metrics: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the record as one flat mapping."""
        return {"epoch": self.epoch, "step": self.step, **self.metrics}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Record:
        """Build a record from what ``to_json`` gave."""
        metrics = {name: float(row[name]) for name in METRICS if name in row}
        return cls(int(row["epoch"]), int(row["step"]), metrics)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How one run ended.

    A diverged run keeps the records it made before, and ``epoch`` and ``step`` say when its loss
    stopped being finite; for every other status they are where training ended. ``message`` is empty
    unless the run failed. ``fingerprint`` names versions and BLAS kernel of each process that
    trained a part of it. ``seconds`` is the run's share of the time its stack took.
    """

    run: str
    status: Status
    records: Sequence[Record]
    epoch: int
    step: int
    seconds: float = 0.0
    message: str = ""
    fingerprint: tuple[str, ...] = field(default=())

    @property
    def final(self) -> Mapping[str, float]:
        """The metrics of the last record; empty when there is none."""
        return self.records[-1].metrics if self.records else {}

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {
            "run": self.run,
            "status": self.status,
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.seconds,
            "message": self.message,
            "fingerprint": list(self.fingerprint),
            "records": [record.to_json() for record in self.records],
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> RunResult:
        """Build a result from what ``to_json`` gave; texts that others have are theirs."""
        return cls(
            run=str(row["run"]),
            status=cast("Status", sys.intern(row["status"])),
            records=tuple(Record.from_json(record) for record in row["records"]),
            epoch=int(row["epoch"]),
            step=int(row["step"]),
            seconds=float(row["seconds"]),
            message=str(row["message"]),
            fingerprint=tuple(map(sys.intern, row["fingerprint"])),
        )


@dataclass(frozen=True)
class RunState:
    """One run at the end of an epoch, ready to go on with the same bits.

    ``arrays`` are one-dimensional: ``theta`` (P,), ``stats`` (S,), ``running`` (3,) and the
    optimizer's state.
    """

    epoch: int
    arrays: Mapping[str, NDArray[Any]]
    records: tuple[Record, ...]
    seconds: float = 0.0
    fingerprint: tuple[str, ...] = ()
