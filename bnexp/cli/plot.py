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


def _picked(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Read the values to keep of each key, named once or often."""
    picked: dict[str, str] = {}
    for text in values:
        key, equals, spec = (part.strip() for part in text.partition("="))
        if not (equals and key and spec):
            what = f'{text!r}: a key, "=" and values are needed, such as init.scale=1,0.1'
            raise click.BadParameter(what, context, parameter)
        if key in picked:
            what = f"{key} stands twice; give all its values at once, such as {key}=1,0.1"
            raise click.BadParameter(what, context, parameter)
        picked[key] = spec
    return picked


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
    "--only",
    metavar="KEY=SPEC",
    multiple=True,
    callback=_picked,
    show_default="all",
    help="Draw only the cells with these values, such as init.scale=1,0.1; may be given often.",
)
@click.option(
    "--title",
    metavar="TEXT",
    show_default="the name in the config",
    help="What stands over the picture or text; nothing does if it is empty.",
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
    folder: Path | None,
    only: dict[str, str],
    title: str | None,
    formats: tuple[str, ...],
    output: Path | None,
    text: bool,
    **shown: Any,
) -> None:
    """Draw the curves of a results folder.

    FOLDER is what a run, sweep or search wrote, finished or not; without it, the newest below
    results/. A search has two pictures: its best trials, and its objective over the ranges.
    """
    from bnexp.cli.pictures import draw, pick
    from bnexp.cli.searches import print_text
    from bnexp.store.find import newest_folder
    from bnexp.store.lock import owner_at_work
    from bnexp.store.results import load_results

    if text and (formats or output):
        raise click.UsageError("--text prints and writes no file; leave --format and --output out")
    if folder is not None and folder.is_file():
        raise ConfigError(f"{folder} is a file; plot draws a folder that a run or sweep wrote")
    results = pick(load_results(folder or newest_folder(tell=say)), only, title)
    finished, total = results.finished
    if finished < total:
        owner = owner_at_work(results.folder)
        then = f"{owner} trains on" if owner else "to go on, give their command again"
        say(f"{finished} of {total} runs are finished; {then}")
    if text:
        print_text(results, title, **shown)
        return
    for path in draw(results, formats, output, **shown):
        click.echo(path)
