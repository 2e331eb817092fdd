"""``bnexp plot``: the grid of curves of a results folder."""

from __future__ import annotations

from pathlib import Path

import click

from bnexp.records import METRICS


def _formats(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip().lower() for part in value.split(",")))
    for name in names:
        if name not in ("png", "svg", "pdf"):
            raise click.BadParameter(f"{name!r} is not a format; choose among png, svg, pdf")
    return names


@click.command("plot", epilog="Example: bnexp plot --y test_accuracy --format png,pdf")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--y", metavar="METRIC", help=f"What to draw: {', '.join(METRICS)}.")
@click.option("--panel", metavar="KEY", help="The swept key that makes the panels.")
@click.option("--arm", metavar="KEY", help="The swept key that makes the lines in a panel.")
@click.option(
    "--format",
    "formats",
    default="png",
    show_default=True,
    callback=_formats,
    help="png, svg or pdf, or several with commas.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    show_default="plot.FORMAT in FOLDER",
    help="The file to write; its ending may name the format.",
)
@click.option("--text", is_flag=True, help="Print a grid for the terminal instead of a picture.")
def command(
    folder: Path | None,
    y: str | None,
    panel: str | None,
    arm: str | None,
    formats: tuple[str, ...],
    output: Path | None,
    text: bool,
) -> None:
    """Draw the results in FOLDER (default: the newest below results/), finished or not."""
    from bnexp.cli.pictures import draw, print_grid
    from bnexp.store.folder import newest_folder
    from bnexp.store.results import load_results

    results = load_results(folder or newest_folder())
    if text:
        print_grid(results, y=y, panel=panel, arm=arm)
        return
    for path in draw(results, formats, output, y=y, panel=panel, arm=arm):
        click.echo(path)
