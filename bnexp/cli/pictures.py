"""Pictures on behalf of the commands: which figure, which file, which characters."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bnexp.errors import ConfigError
from bnexp.store.results import Results


def draw(
    results: Results,
    formats: Sequence[str],
    output: Path | None,
    *,
    y: str | None = None,
    panel: str | None = None,
    arm: str | None = None,
) -> Iterator[Path]:
    """Draw the grid of a sweep, or the curves of a single run, and yield the files written."""
    from bnexp.plots import plot_curves, plot_grid, save_figure

    if results.axes or y or panel or arm:
        figure = plot_grid(results, y=y, panel=panel, arm=arm)
    else:
        figure = plot_curves(results)
    for path in _paths(results.folder, formats, output):
        yield save_figure(figure, path)


def print_grid(
    results: Results, *, y: str | None = None, panel: str | None = None, arm: str | None = None
) -> None:
    """Print the grid as text, within the terminal's width and characters."""
    from bnexp.plots import text_grid

    encoding = (sys.stdout.encoding or "ascii").lower()
    width = shutil.get_terminal_size((80, 24)).columns
    plain = not encoding.startswith("utf")
    click.echo(text_grid(results, y=y, panel=panel, arm=arm, width=min(width, 120), ascii=plain))


def _paths(folder: Path, formats: Sequence[str], output: Path | None) -> list[Path]:
    if output is None:
        return [folder / f"plot.{name}" for name in formats]
    ending = output.suffix[1:].lower()
    if ending in ("png", "svg", "pdf"):
        if tuple(formats) not in (("png",), (ending,)):
            raise ConfigError(
                f"--output {output} names one format and --format {','.join(formats)} others; "
                "give --output without an ending, or leave --format out"
            )
        return [output]
    if ending and ending.isalpha():
        raise ConfigError(f"--output {output}: .{ending} is no format; choose .png, .svg or .pdf")
    return [output.with_name(f"{output.name}.{name}") for name in formats]
