"""What ``run`` and ``sweep`` print at the end: how every cell ended, and where the results are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bnexp.cli.pictures import grid_text
from bnexp.cli.streams import say
from bnexp.config import name_cell
from bnexp.errors import RunsFailedError
from bnexp.records import RunResult
from bnexp.store.results import Results
from bnexp.store.search import SearchResults
from bnexp.store.views import RUNS_CSV

#: A longer table is not printed.
_MOST_LINES = 200
#: Of those that failed for one reason so many cells are named.
_MOST_FAILURES = 10


def finish(results: Results, *, as_json: bool, pictures: Sequence[Path] = ()) -> None:
    """Print the results, and raise RunsFailedError when some runs failed."""
    if as_json:
        print_json(results, pictures)
    else:
        print_results(results, pictures)
    refuse_failed(results)


def refuse_failed(results: Results) -> None:
    """Raise RunsFailedError when some runs failed."""
    failed = list(_failed(results))
    if failed:
        runs = {result.run for _, result in failed}
        raise RunsFailedError(
            f"{len(runs)} of {len(results.runs)} runs failed and are tried again by the same "
            "command:\n" + "\n".join(_failures(results))
        )


def _failed(results: Results) -> Iterator[tuple[str, RunResult]]:
    """Yield the name and the run of each cell that failed, and of each report on a chosen trial."""
    for cell in results.cells:
        result = results.runs.get(cell.run)
        if result is not None and result.status == "failed":
            yield name_cell(cell.values, cell.seed), result
    if isinstance(results, SearchResults):
        for ranked in results.ranked[: results.config.search.report]:
            report = results.report(ranked)
            if report is not None and report.status == "failed":
                yield f"trial {ranked.cell.trial}, measured on test examples", report


def _failures(results: Results) -> Iterator[str]:
    """Yield each reason, and below it what failed for it."""
    reasons: dict[str, list[str]] = {}
    for name, result in _failed(results):
        reasons.setdefault(result.message, []).append(name)
    for reason, names in reasons.items():
        yield f"  {reason}"
        yield from (f"    {name}" for name in names[:_MOST_FAILURES])
        if len(names) > _MOST_FAILURES:
            yield f"    ... and {len(names) - _MOST_FAILURES} more, see {results.folder / RUNS_CSV}"


def print_json(results: Results, pictures: Sequence[Path]) -> None:
    """Print folder, cells and pictures as one JSON object."""
    facts = {
        "folder": str(results.folder),
        "cells": results.cell_rows(),
        **({"summary": results.summary_rows()} if results.has_seeds else {}),
        "pictures": [str(path) for path in pictures],
    }
    click.echo(json.dumps(facts, indent=2))


def print_results(results: Results, pictures: Sequence[Path]) -> None:
    """Print a line for every panel and arm of a sweep, or for every cell where that says more.

    What is too long to read is counted instead.
    """
    is_grid = results.axes and results.metrics
    lines = grid_text(results).splitlines() if is_grid else list(_cell_lines(results))
    if len(lines) > _MOST_LINES:
        lines = _summary(results)
    for line in lines:
        click.echo(line)
    click.echo(results.folder)
    for path in pictures:
        click.echo(path)
    if not pictures and results.metrics:
        say(f"draw the curves with: bnexp plot {results.folder}")


def _summary(results: Results) -> list[str]:
    """Count how the cells ended and say where each of them is."""
    counts = Counter(row["status"] for row in results.cell_rows())
    ends = ", ".join(f"{count:,} {status}" for status, count in counts.most_common())
    return [
        f"{len(results.cells):,} cells: {ends}",
        f"too many for a table; {results.folder / RUNS_CSV} has a row for each",
    ]


def _cell_lines(results: Results) -> Iterator[str]:
    for cell, row in zip(results.cells, results.cell_rows(), strict=True):
        parts = [f"{name_cell(cell.values, cell.seed)}: {row['status']}"]
        if cell.run in results.runs:
            parts[0] += f" at epoch {row['epoch']}, step {row['step']}"
        for name in results.metrics:
            if row[name] is not None:
                parts.append(f"{name.replace('_', ' ')} {row[name]:.4f}")
        yield "  ".join(parts)
