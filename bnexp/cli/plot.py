"""``bnexp plot``: the grid of curves of a results folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bnexp.cli.streams import say
from bnexp.errors import ConfigError, not_known
from bnexp.records import METRICS


def _formats(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    """Split a list of formats; the empty tuple stands for none named."""
    from bnexp.cli.pictures import FORMATS

    parts = () if value is None else value.split(",")
    names = tuple(dict.fromkeys(part.strip().lower() for part in parts))
    for name in names:
        if name not in FORMATS:
            what = f"{not_known(name, FORMATS)}, or several with commas"
            raise click.BadParameter(what, context, parameter)
    return names


def _metrics(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Split lists of metrics, which may be given often, too."""
    return tuple(part.strip() for value in values for part in value.split(","))


@click.command("plot", epilog="Example: bnexp plot --y train_loss --format png,pdf")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--y",
    metavar="METRIC",
    multiple=True,
    callback=_metrics,
    show_default="the config's, else an accuracy; the objective of a search",
    help=f"What to draw: {', '.join(METRICS)}; several of one kind, in one panel, with commas.",
)
@click.option(
    "--panel",
    metavar="KEY",
    show_default="the config's, else the longest of several, or one of over 6 numbers or 8 words",
    help="The swept key that makes the panels.",
)
@click.option(
    "--arm",
    metavar="KEY",
    show_default="the config's, else norm.kind, or an only axis of up to 6 numbers or 8 words",
    help="The swept key that makes the lines in a panel.",
)
@click.option(
    "--format",
    "formats",
    metavar="FORMAT",
    show_default="png",
    callback=_formats,
    help="png, svg or pdf, or several with commas.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    show_default="plot.FORMAT in FOLDER",
    help="The file to write, whose ending may name the format, or a folder for it.",
)
@click.option("--text", is_flag=True, help="Print a grid for the terminal instead of a picture.")
def command(
    folder: Path | None, formats: tuple[str, ...], output: Path | None, text: bool, **shown: Any
) -> None:
    """Draw the curves of a results folder.

    FOLDER is what a run, sweep or search wrote, finished or not; without it, the newest below
    results/. A search has two pictures: its best trials, and its objective over the ranges.
    """
    from bnexp.cli.pictures import draw
    from bnexp.cli.searches import print_text
    from bnexp.store.find import newest_folder
    from bnexp.store.lock import owner_at_work
    from bnexp.store.results import load_results

    if text and (formats or output):
        raise click.UsageError("--text prints and writes no file; leave --format and --output out")
    if folder is not None and folder.is_file():
        raise ConfigError(f"{folder} is a file; plot draws a folder that a run or sweep wrote")
    results = load_results(folder or newest_folder(tell=say))
    finished, total = results.finished
    if finished < total:
        owner = owner_at_work(results.folder)
        then = f"{owner} trains on" if owner else "to go on, give their command again"
        say(f"{finished} of {total} runs are finished; {then}")
    if text:
        print_text(results, **shown)
        return
    for path in draw(results, formats, output, **shown):
        click.echo(path)
