"""Views of a results folder for people, pandas and git: rewritten whole, never read back.

They are sorted by values, never by order of arrival, and ``metrics.csv`` holds no timings, so a
completed sweep has the same bytes however it was scheduled, interrupted or extended.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnexp.config import dump_config
from bnexp.environment import describe_environment
from bnexp.files import atomic_file, remove_leftovers, write_atomically, writing
from bnexp.store.results import Results
from bnexp.store.search import SearchResults

METRICS_CSV, RUNS_CSV, TRIALS_CSV, PLAN, ENVIRONMENT = (
    "metrics.csv",
    "runs.csv",
    "trials.csv",
    "plan.yaml",
    "environment.json",
)


def write_views(results: Results) -> None:
    """Write metrics.csv and runs.csv, and trials.csv of a search. Raises OutputError."""
    axes = sorted(results.axes)
    metrics = list(results.metrics)
    is_search = isinstance(results, SearchResults)
    columns = [*(["trial"] if is_search else []), "run", *axes, "seed"]
    tables: dict[str, tuple[Sequence[str], Iterable[Mapping[str, Any]]]] = {
        METRICS_CSV: ([*columns, "epoch", "step", *metrics], results.each_row()),
        RUNS_CSV: ([*columns, "status", "epoch", "step", *metrics], results.each_cell_row()),
    }
    if isinstance(results, SearchResults):
        trials = results.trial_rows()
        tables[TRIALS_CSV] = (list(trials[0]), trials)
    for name, (header, rows) in tables.items():
        _write_csv(results.folder / name, header, rows)


def write_plan(results: Results) -> None:
    """Write plan.yaml, the resolved config with all cells asked so far, and environment.json."""
    write_atomically(results.folder / PLAN, _plan(results))
    environment = json.dumps(describe_environment(), indent=2)
    write_atomically(results.folder / ENVIRONMENT, environment + "\n")


def remove_view_leftovers(folder: Path) -> None:
    """Delete views that a killed process left half written."""
    for name in (METRICS_CSV, RUNS_CSV, TRIALS_CSV, PLAN, ENVIRONMENT):
        remove_leftovers(folder, name)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table row by row: as one text a large sweep's would take much memory."""
    with writing(path), atomic_file(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_cell(row[name]) for name in header] for row in rows)
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
