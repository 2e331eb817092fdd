"""``bnexp data``: which datasets there are and where, and getting one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bnexp import describe
from bnexp.cli.choices import Choice, Commands

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group("data", cls=Commands, epilog="Example: bnexp data get mnist")
def command() -> None:
    """List the datasets and get one."""


@command.command("list", epilog="Example: bnexp data list --json")
@click.option(
    "--data-dir",
    type=_FOLDER,
    show_default="BNEXP_DATA",
    help="Look in this folder (or its subfolder named like the dataset) before the cache.",
)
@click.option(
    "--json", "as_json", is_flag=True, show_default=True, help="Print JSON instead of a table."
)
def list_command(data_dir: Path | None, as_json: bool) -> None:
    """List the datasets and where each one is.

    A quick look: files of labels are verified, images are not. "bnexp data get" verifies
    everything.
    """
    from bnexp.data.overview import overview, table

    rows = overview(data_dir)
    click.echo(json.dumps(rows, indent=2) if as_json else table(rows))


@command.command("get", epilog="Example: bnexp data get mnist --data-dir ~/datasets")
@click.argument("name", metavar="NAME", type=Choice(describe.DATASETS))
@click.option(
    "--data-dir",
    type=_FOLDER,
    show_default="BNEXP_DATA if it has the dataset, else the user's cache folder",
    help="Keep the files in this folder: in its subfolder NAME, or right in it if some are there.",
)
def get_command(name: str, data_dir: Path | None) -> None:
    """Get a dataset and print the paths of its files.

    What is missing is downloaded, and every file is verified. A file that is there but wrong is an
    error; it is never replaced. BNEXP_CACHE names another cache folder, BNEXP_MIRROR an address to
    download from instead of the built-in mirrors.
    """
    from bnexp.data.files import keep_dataset

    paths = keep_dataset(
        describe.DATASETS[name],
        data_dir=data_dir,
        notify=lambda line: click.echo(line, err=True),
        progress=True,
    )
    for path in paths:
        click.echo(path)
