"""What ``run`` and ``sweep`` print at the end: how every cell ended, and where the results are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bnexp.cli.pictures import print_grid
from bnexp.cli.streams import say
from bnexp.config import name_cell
from bnexp.errors import RunsFailedError
from bnexp.store.results import Results


def finish(results: Results, *, as_json: bool, pictures: Sequence[Path] = ()) -> None:
    """Print the results, and raise RunsFailedError when some runs failed."""
    if as_json:
        print_json(results, pictures)
    else:
        print_results(results, pictures)
    refuse_failed(results)


def refuse_failed(results: Results) -> None:
    """Raise RunsFailedError when some runs failed."""
    failed = [result for result in results.runs.values() if result.status == "failed"]
    if failed:
        reasons = dict.fromkeys(result.message for result in failed)
        raise RunsFailedError(
            f"{len(failed)} of {len(results.runs)} runs failed and are tried again by the same "
            "command:\n" + "\n".join(f"  {reason}" for reason in reasons)
        )


def print_json(results: Results, pictures: Sequence[Path]) -> None:
    """Print folder, cells and pictures as one JSON object."""
    facts = {
        "folder": str(results.folder),
        "cells": results.cell_rows(),
        "pictures": [str(path) for path in pictures],
    }
    click.echo(json.dumps(facts, indent=2))


def print_results(results: Results, pictures: Sequence[Path]) -> None:
    """Print a line for every panel and arm of a sweep, or for every cell where that says more."""
    if results.axes and results.metrics:
        print_grid(results)
    else:
        for line in _cell_lines(results):
            click.echo(line)
    click.echo(results.folder)
    for path in pictures:
        click.echo(path)
    if not pictures and results.metrics:
        say(f"draw the curves with: bnexp plot {results.folder}")


def _cell_lines(results: Results) -> Iterator[str]:
    for cell, row in zip(results.cells, results.cell_rows(), strict=True):
        parts = [f"{name_cell(cell.values, cell.seed)}: {row['status']}"]
        if cell.run in results.runs:
            parts[0] += f" at epoch {row['epoch']}, step {row['step']}"
        for name in results.metrics:
            if row[name] is not None:
                parts.append(f"{name.replace('_', ' ')} {row[name]:.4f}")
        yield "  ".join(parts)
