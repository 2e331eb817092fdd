"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Any

from bnexp.cli.streams import say
from bnexp.config import total_steps
from bnexp.driver import Watcher
from bnexp.engines import Progress
from bnexp.plan import Plan
from bnexp.records import Record, RunResult

_PLAIN_SECONDS = 10.0
_BAR = "{desc} |{bar}| {percentage:3.0f}% [{elapsed}<{remaining}]"


class BarWatcher(Watcher):
    """One bar over all runs of a sweep: it counts the finished runs and is as long as their epochs.

    Where stderr is no terminal, a line every ten seconds and one at the end say the same.
    """

    def __init__(self) -> None:
        self.bar: Any = None
        self.is_busy = False

    def start(self, plan: Plan, finished: int, epochs: int) -> None:
        """Show the bar, begun where the work begins."""
        self.grow(plan)
        self.finished = finished
        self.done = self.work * finished / self.total + epochs
        if finished:
            say(f"{finished} of {self.total} runs are finished already")
        self.is_busy = finished < self.total
        self.said = time.monotonic()
        if self.is_busy and _has_room():
            from tqdm import tqdm

            self.bar = tqdm(
                total=self.work,
                initial=self.done,
                desc=self._count(),
                bar_format=_BAR,
                file=sys.stderr,
                dynamic_ncols=True,
                miniters=0,  # epochs come in stacks: show each, at most ten a second
                smoothing=0,
            )

    def grow(self, plan: Plan) -> None:
        """Know how many runs there are, and how long each is: of those to come, as the config."""
        self.runs, self.kinds = plan.runs, plan.kinds
        self.total = max(len(plan.runs), plan.expected)
        later = self.total - len(plan.runs)
        epochs_of = {key: config.training.epochs for key, config in self.kinds.items()}
        self.work = sum(epochs_of[run.stack_key] for run in plan.runs.values())
        self.work += later * plan.config.training.epochs
        if self.bar is not None:
            self.bar.total = self.work

    def progress(self, event: Progress) -> None:
        """Advance by an epoch of each of the stack's runs."""
        self._advance(event.active)

    def ended(self, result: RunResult) -> None:
        """Count the run and what it leaves: its last epoch, and all that one cut short lacks."""
        if result.run not in self.runs:
            return  # the report on a chosen trial: all trials have ended
        self.finished = min(self.finished + 1, self.total)
        config = self.kinds[self.runs[result.run].stack_key]
        left = config.training.epochs - result.epoch
        # An epoch that ends a run in order is completed, but no progress told of it.
        in_order = result.status in ("done", "stopped") and config.evaluate.at == "epoch_end"
        self._advance(left + in_order)

    def note(self, message: str) -> None:
        """Say something above the bar."""
        if self.bar is None:
            say(message)
            return
        with contextlib.suppress(OSError):
            self.bar.write(message, file=sys.stderr)

    def close(self) -> None:
        """Leave the bar on the screen as it is, or say how far it went."""
        if self.bar is not None:
            with contextlib.suppress(OSError):
                self.bar.close()
            self.bar = None
        elif self.is_busy:
            say(f"{self.finished} of {self.total} runs are finished")

    def _count(self) -> str:
        return f"{self.finished}/{self.total} runs"

    def _advance(self, epochs: int) -> None:
        # What a dead worker did counts twice: not beyond the end.
        self.done = min(self.work, self.done + epochs)
        if self.finished == self.total:
            self.done = self.work
        if self.bar is not None:
            self.bar.set_description_str(self._count(), refresh=False)
            with contextlib.suppress(OSError):
                self.bar.update(self.done - self.bar.n)
        elif time.monotonic() - self.said >= _PLAIN_SECONDS:
            self.said = time.monotonic()
            share = f"{self.done / self.work:.0%} of the work"
            say(f"{self.finished} of {self.total} runs are finished ({share})")


def _has_room() -> bool:
    """Say whether stderr is a terminal that can show a bar; a pseudo-terminal may have no width."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        return False


class LineWatcher(Watcher):
    """A line for each epoch of a single run, the same columns in each."""

    def __init__(self) -> None:
        self.stopped = ""

    def start(self, plan: Plan, finished: int, epochs: int) -> None:
        """Say so when there is nothing to train, or when work goes on from a checkpoint."""
        self.training = plan.config.training
        self.epochs = self.training.epochs
        self.steps = total_steps(plan.config)
        if finished:
            say("this run is finished already; --fresh trains it again")
        elif epochs:
            say(f"going on after epoch {epochs} of {self.epochs}")

    def progress(self, event: Progress) -> None:
        """Print the metrics of the epoch's record; there is none where only the end is measured."""
        for record in event.records.values():
            say(self._line(record))
        if not event.records and event.active:
            say(self._epoch(event.epoch))
        self.close()

    def ended(self, result: RunResult) -> None:
        """Say that a run diverged: no line follows. One that stopped early has a last line yet."""
        place = f"at epoch {result.epoch}, step {result.step}"
        if result.status == "diverged":
            say(f"diverged {place}: the loss is not finite")
        elif result.status == "stopped":
            monitor, patience = self.training.monitor, self.training.patience
            name = monitor.replace("val", "validation").replace("_", " ")
            epochs = f"{patience} epoch" + ("" if patience == 1 else "s")
            self.stopped = f"stopped early {place}: the {name} was no better for {epochs}"

    def close(self) -> None:
        """Say why a run stopped early."""
        if self.stopped:
            say(self.stopped)
        self.stopped = ""

    def note(self, message: str) -> None:
        """Say something."""
        say(message)

    def _epoch(self, epoch: int) -> str:
        return f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}"

    def _line(self, record: Record) -> str:
        width = len(str(self.steps))
        columns = [self._epoch(record.epoch), f"step {record.step:{width}}/{self.steps}"]
        for name, value in record.metrics.items():
            digits = f"{value:8.4f}" if name.endswith("loss") else f"{value:.4f}"
            columns.append(
                f"{name.replace('_', ' ')} {digits if value < 1000 else f'{value:8.2e}'}"
            )
        return "  ".join(columns)
