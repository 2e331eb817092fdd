"""A results folder opened for work: locked, and written by one process."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bnexp.files import remove_leftovers, writing
from bnexp.plan import Cell, Plan, question
from bnexp.records import RunResult
from bnexp.store.checkpoints import discard_finished
from bnexp.store.contents import Contents
from bnexp.store.find import as_json, refuse_foreign, refuse_other_question
from bnexp.store.journal import NAME, Journal
from bnexp.store.lock import FolderLock
from bnexp.store.results import make_results
from bnexp.store.views import remove_view_leftovers, write_plan, write_views

#: Which finished runs of a plan are trained again.
Rerun = Literal["failed", "diverged", "all"]
RERUNS: tuple[Rerun, ...] = ("failed", "diverged", "all")
_VIEW_SECONDS = 3.0
#: After views that took long, wait so many times as long: large sweeps must not be slowed by them.
_VIEW_SHARE = 20


class ResultsFolder:
    """The writer of a results folder. Use as a context manager: it holds the lock.

    Raises ResultsError when the folder is in use, is damaged or holds another question, and
    OutputError when it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        command: str,
        *,
        fresh: bool = False,
        rerun: Rerun | None = None,
    ) -> None:
        self.path = path
        self.plan = plan
        self.command = command
        self.checkpoints = path / "checkpoints"
        #: How many runs were trained again, and how many of them ended otherwise than before.
        self.repeated = (0, 0)
        #: Runs that failed since the folder was opened, the last time that they were trained.
        self.failed: set[str] = set()
        #: Runs in training: their checkpoints stay, also where one was pruned before.
        self.wanted: frozenset[str] = frozenset()
        refuse_foreign(path)
        #: Where an older folder went, if ``fresh`` moved one.
        self.aside = self._set_aside() if fresh and (path / NAME).exists() else None
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(path)
        self._lock.acquire()
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            self._contents = Contents(path, plan.cells)
            self._journal = Journal(path / NAME, self._contents.take)
            undo.callback(self._journal.close)
            self._open(rerun)
            undo.pop_all()

    def _open(self, rerun: Rerun | None) -> None:
        refuse_other_question(self._contents, self.plan.config, self.command)
        remove_view_leftovers(self.path)
        self.ask(self.plan)
        self._mark(rerun)
        self._clean()
        self._is_viewed, self._view_due = True, time.monotonic() + _VIEW_SECONDS

    def _mark(self, rerun: Rerun | None) -> None:
        """Note which runs are to be trained again, unless some of the last time still are.

        The journal keeps the mark, so that after an interruption the others are not trained twice.
        """
        ends = self._contents.runs
        mine = [run for run in self.plan.runs if run in ends]
        if rerun is None or any(run in self._contents.again for run in mine):
            return
        again = [run for run in mine if rerun in ("all", ends[run].status)]
        if again:
            self._journal.append({"rerun": again})
            self._contents.again.update(again)

    def ask(self, plan: Plan) -> None:
        """Ask for the cells of a plan of the same question, as the journal may have done before."""
        self.plan = plan
        held, cells = self._contents, plan.cells
        if cells[0].trial is not None:  # a search asks for more and more
            known = {cell.trial: cell for cell in held.cells}
            cells = tuple(cell for cell in cells if known.get(cell.trial) != cell)
        elif cells == held.asked_cells:
            cells = ()
        asked = as_json(question(plan.config, self.command))
        config = as_json(plan.config.model_dump(mode="json"))
        if cells or config != held.asked:
            rows = map(_cell_row, cells or plan.cells)
            self._journal.append({"question": asked, "ask": config, "cells": rows})
        held.ask(asked, config, plan.config, plan.cells)
        self.results = make_results(held)
        write_plan(self.results)

    def __enter__(self) -> ResultsFolder:
        return self

    def __exit__(self, *_: object) -> None:
        # By now no worker of ours writes there. The folder stays while it holds anything.
        with contextlib.suppress(OSError):
            remove_leftovers(self.checkpoints, "*")
            self.checkpoints.rmdir()
        self._journal.close()
        self._lock.release()

    def finished(self) -> dict[str, RunResult]:
        """Return the runs of the plan that need no more training."""
        return {run: end for run, end in self._contents.ended().items() if run in self.plan.runs}

    def add(self, result: RunResult) -> None:
        """Keep a run's result: on the disk when this returns. Views follow by ``refresh``."""
        place = self._journal.append({"result": result.to_json()})
        (self.failed.add if result.status == "failed" else self.failed.discard)(result.run)
        old = self._contents.runs.get(result.run)
        if old and result.run in self._contents.again and old.status != "failed":
            same = old.status == result.status and old.records == result.records
            self.repeated = (self.repeated[0] + 1, self.repeated[1] + (not same))
        self._contents.end(result, place)
        self.results = replace(self.results)  # what was worked out of the old ones is no more
        self._is_viewed = False

    def pause(self, result: RunResult) -> None:
        """Keep how far a run has come that a search will decide about."""
        self._contents.pause(result, self._journal.append({"pause": result.to_json()}))
        self.failed.discard(result.run)

    def known(self) -> dict[str, RunResult]:
        """Return the longest result of each run, wherever its training paused or ended."""
        return self._contents.known

    def refresh(self) -> None:
        """Bring views up to date if they are not and some seconds have passed; call it often."""
        if not self._is_viewed and time.monotonic() >= self._view_due:
            self.write_views()

    def write_views(self) -> None:
        """Bring all views up to date and drop checkpoints that nothing needs."""
        started = time.monotonic()
        write_views(self.results)
        self._clean()
        wait = _VIEW_SECONDS + _VIEW_SHARE * (time.monotonic() - started)
        self._is_viewed, self._view_due = True, time.monotonic() + wait

    def _clean(self) -> None:
        with writing(self.checkpoints):
            discard_finished(self.checkpoints, self._contents.ended().keys() - self.wanted)

    def _set_aside(self) -> Path:
        """Rename the old folder to the first free numbered name, and return that."""
        lock = FolderLock(self.path)
        lock.acquire()
        try:
            number = 1
            while (aside := self.path.with_name(f"{self.path.name}.{number}")).exists():
                number += 1
            with writing(self.path):
                self.path.rename(aside)
            lock.folder = aside
            return aside
        finally:
            lock.release()


def _cell_row(cell: Cell) -> dict[str, Any]:
    row: dict[str, Any] = {"values": dict(cell.values), "seed": cell.seed, "run": cell.run}
    if cell.trial is not None:
        row |= {"trial": cell.trial, "report": cell.report}
    return row
