"""Views of a results folder for people, pandas and git: rewritten whole, never read back.

They are sorted by values, never by order of arrival, and ``metrics.csv`` holds no timings, so a
completed sweep has the same bytes however it was scheduled, interrupted or extended.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnexp.config import dump_config
from bnexp.environment import describe_environment
from bnexp.files import atomic_file, remove_leftovers, write_atomically, writing
from bnexp.store.results import Results
from bnexp.store.search import SearchResults
from bnexp.store.summary import by_values, summarise, summary_columns

METRICS_CSV, RUNS_CSV, SUMMARY_CSV, TRIALS_CSV, PLAN, ENVIRONMENT = (
    "metrics.csv",
    "runs.csv",
    "summary.csv",
    "trials.csv",
    "plan.yaml",
    "environment.json",
)

Rows = Iterable[Mapping[str, Any]]


def write_views(results: Results) -> None:
    """Write metrics.csv and runs.csv, and trials.csv of a search, or summary.csv of several seeds.

    Raises OutputError.
    """
    is_search = isinstance(results, SearchResults)
    axes, metrics = sorted(results.axes), results.metrics
    columns = [*(["trial"] if is_search else []), "run", *axes, "seed"]
    measured = ["epoch", "step", *metrics]
    # Row by row: all rows of a large sweep take much memory.
    with contextlib.ExitStack() as tables:

        def table(name: str, header: Sequence[str]) -> Callable[[Rows], None]:
            return tables.enter_context(_table(results.folder / name, header))

        each_record = table(METRICS_CSV, [*columns, *measured])
        each_run = table(RUNS_CSV, [*columns, "status", *measured])
        rows = _write_cells(results, each_run, each_record)
        if results.has_seeds:
            each_summary = table(SUMMARY_CSV, [*axes, *summary_columns(metrics)])
            for group in by_values(rows, axes):
                each_summary([summarise(group, axes, metrics)])
        else:
            deque(rows, maxlen=0)
    if isinstance(results, SearchResults):
        trials = results.trial_rows()
        with _table(results.folder / TRIALS_CSV, list(trials[0])) as each_trial:
            each_trial(trials)


def _write_cells(
    results: Results, each_run: Callable[[Rows], None], each_record: Callable[[Rows], None]
) -> Iterator[Mapping[str, Any]]:
    """Write the rows of every cell, and yield that of its run."""
    for row, rows in results.each_cell():
        each_run([row])
        each_record(rows)
        yield row


def write_plan(results: Results) -> None:
    """Write plan.yaml, the resolved config with all cells asked so far, and environment.json."""
    write_atomically(results.folder / PLAN, _plan(results))
    environment = json.dumps(describe_environment(), indent=2)
    write_atomically(results.folder / ENVIRONMENT, environment + "\n")


def remove_view_leftovers(folder: Path) -> None:
    """Delete views that a killed process left half written."""
    for name in (METRICS_CSV, RUNS_CSV, SUMMARY_CSV, TRIALS_CSV, PLAN, ENVIRONMENT):
        remove_leftovers(folder, name)


@contextlib.contextmanager
def _table(path: Path, header: Sequence[str]) -> Iterator[Callable[[Rows], None]]:
    """Replace a table when the block ends well; yield what writes some rows of it."""
    with writing(path), atomic_file(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        yield lambda rows: writer.writerows([_cell(row[name]) for name in header] for row in rows)
        text.detach()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, tuple) else value


def _plan(results: Results) -> str:
    if isinstance(results, SearchResults):
        return dump_config(results.config)
    seeds = sorted({cell.seed for cell in results.cells})
    span = seeds[-1] - seeds[0] + 1
    sweep = results.config.sweep.model_copy(update={"axes": dict(results.axes), "seeds": span})
    config = results.config.model_copy(update={"sweep": sweep, "seed": seeds[0]})
    full = span
    for values in results.axes.values():
        full *= len(values)
    note = ""
    if len(results.cells) < full:
        note = f"# {len(results.cells)} of the {full} cells of this grid were asked for.\n"
    return note + dump_config(config)
