"""``bnexp results``: which results folders there are, and which is which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bnexp.store.listing import Listed


@click.command("results", epilog="Example: bnexp results --json")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(folder: Path | None, as_json: bool) -> None:
    """List results folders, the newest first.

    Those below FOLDER, or below results/. Of each: how many runs are finished, when it was written
    to last, what is varied, and what was asked otherwise in other folders of the same name.
    """
    from bnexp.cli.plans import print_table
    from bnexp.store.listing import list_folders
    from bnexp.store.nearby import ROOT

    found = list_folders(folder or ROOT)
    if as_json:
        click.echo(json.dumps([_facts(one) for one in found], indent=2))
    else:
        print_table([_row(one) for one in found], numbers_from=4)


def _facts(one: Listed) -> dict[str, Any]:
    return {**vars(one), "folder": str(one.folder), "changed": _when(one.changed)}


def _row(one: Listed) -> tuple[str, ...]:
    if one.problem:
        return str(one.folder), "", _when(one.changed), one.problem
    said = [_varied(one)] if one.axes or one.seeds > 1 else []
    said += [f"{key} {json.dumps(value)}" for key, value in one.differs.items()]
    return (
        str(one.folder),
        f"{one.finished} of {one.runs}",
        _when(one.changed),
        f"{one.command}: {', '.join(said)}" if said else one.command,
    )


def _varied(one: Listed) -> str:
    if one.command == "search":
        return f"{one.cells} trials of {', '.join(one.axes)}"
    parts = [f"{key} ({count})" for key, count in one.axes.items()]
    if one.seeds > 1:
        parts.append(f"seed ({one.seeds})")
    return " x ".join(parts)


def _when(seconds: float) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
