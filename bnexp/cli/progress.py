"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from bnexp.driver import Watcher
from bnexp.engines import Progress
from bnexp.plan import Plan
from bnexp.records import Record, RunResult

_PLAIN_SECONDS = 10.0


class BarWatcher(Watcher):
    """One bar over all runs of a sweep; a run counts by the epochs it has completed."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.is_terminal = sys.stderr.isatty()

    def start(self, plan: Plan, finished: int, epochs: int) -> None:
        """Show the bar, begun where the work begins."""
        self.total, self.finished = len(plan.runs), finished
        self.epochs = {run.id: run.config.training.epochs for run in plan.runs.values()}
        if finished:
            self.note(f"{finished} of {self.total} runs are finished already")
        if finished == self.total:
            return
        done = finished + epochs / next(iter(self.epochs.values()))
        self.done, self.said = done, time.monotonic()
        if self.is_terminal:
            from tqdm import tqdm

            form = "{l_bar}{bar}| {n:.1f}/{total:.0f} runs [{elapsed}<{remaining}{postfix}]"
            self.bar = tqdm(total=self.total, initial=done, bar_format=form, file=sys.stderr)

    def progress(self, event: Progress) -> None:
        """Advance by an epoch of each of the stack's runs."""
        self._advance(event.active / next(iter(self.epochs.values())))

    def ended(self, result: RunResult) -> None:
        """Count what is left of the run: nothing of one that is done."""
        self.finished += 1
        epochs = self.epochs[result.run]
        left = 1 / epochs if result.status == "done" else 1 - max(result.epoch, 0) / epochs
        self._advance(left)

    def note(self, message: str) -> None:
        """Say something above the bar."""
        if self.bar is not None:
            self.bar.write(message, file=sys.stderr)
        else:
            click.echo(message, err=True)

    def close(self) -> None:
        """Leave the finished bar on the screen."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _advance(self, runs: float) -> None:
        self.done = min(self.total, self.done + runs)
        if self.bar is not None:
            self.bar.update(self.done - self.bar.n)
        elif time.monotonic() - self.said >= _PLAIN_SECONDS:
            self.said = time.monotonic()
            share = self.done / self.total
            click.echo(
                f"{self.finished} of {self.total} runs finished ({share:.0%} of the work)", err=True
            )


class LineWatcher(Watcher):
    """A line for each record of a single run."""

    def __init__(self) -> None:
        self.said_head = False

    def start(self, plan: Plan, finished: int, epochs: int) -> None:
        """Say so when there is nothing to train, or when work goes on from a checkpoint."""
        config = plan.config
        self.total = config.training.epochs
        if finished:
            click.echo("this run is finished already; --fresh trains it again", err=True)
        elif epochs:
            click.echo(f"going on after epoch {epochs} of {self.total}", err=True)

    def progress(self, event: Progress) -> None:
        """Print the metrics of new records."""
        for record in event.records.values():
            click.echo(self._line(record), err=True)

    def note(self, message: str) -> None:
        """Say something."""
        click.echo(message, err=True)

    def _line(self, record: Record) -> str:
        metrics = "  ".join(
            f"{name.replace('_', ' ')} {value:.4f}" for name, value in record.metrics.items()
        )
        width = len(str(self.total))
        return f"epoch {record.epoch:{width}d}/{self.total}  step {record.step}  {metrics}"
