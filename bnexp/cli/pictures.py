"""Pictures on behalf of the commands: which figure, which file, which characters."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bnexp.errors import ConfigError, OutputError
from bnexp.store.results import Results
from bnexp.store.search import SearchResults

#: The formats of a picture, the first where none is named.
FORMATS = ("png", "svg", "pdf")


def draw(
    results: Results,
    formats: tuple[str, ...] = (),
    output: Path | None = None,
    *,
    y: Sequence[str] = (),
    panel: str | None = None,
    arm: str | None = None,
) -> Iterator[Path]:
    """Draw a sweep, a search or the curves of a single run, and yield the files written.

    Without ``formats`` the ending of ``output`` decides, or it is PNG. Raises ConfigError when the
    two disagree, or for a metric or key that there is not, and OutputError.
    """
    paths = picture_paths(results.folder, formats, output)
    from bnexp.plots import plot_curves, plot_grid, save_figure

    if isinstance(results, SearchResults):
        refuse_choice(results, panel, arm)
        yield from _draw_search(results, paths, y)
        return
    if results.axes or y or panel or arm:
        figure = plot_grid(results, y=y, panel=panel, arm=arm)
    else:
        figure = plot_curves(results)
    for path in paths:
        yield save_figure(figure, path)


def pick(results: Results, only: Mapping[str, str], title: str | None) -> Results:
    """Return results with the cells alone whose keys have the values that SPECs name, and a title.

    Raises ConfigError: a key or value that there is not, or cells to choose of a search.
    """
    from bnexp.plots.shown import keep_only, retitle

    if isinstance(results, SearchResults):
        refuse_choice(results, *only)
    return retitle(keep_only(results, only), title)


def refuse_choice(results: SearchResults, *choices: str | None) -> None:
    """Raise ConfigError for the panels, arms and cells of a sweep, which a search has not."""
    if any(choices):
        raise ConfigError(
            f"{results.folder} is a search: each of its best trials has a panel, and each searched "
            "key one of its own; --panel, --arm and --only are for sweeps (--y chooses what is "
            "drawn)"
        )


def _draw_search(results: SearchResults, paths: list[Path], y: Sequence[str]) -> Iterator[Path]:
    """Draw the best trials to the files, and the objective over the ranges beside them."""
    from bnexp.plots import plot_best, plot_space, save_figure
    from bnexp.plots.choose import choose_search_metric

    metric = choose_search_metric(results, y)
    figures = {"": plot_best(results, y=metric), "-objective": plot_space(results, y=metric)}
    for ending, figure in figures.items():
        for path in paths:
            yield save_figure(figure, path.with_name(f"{path.stem}{ending}{path.suffix}"))


def grid_text(
    results: Results, *, y: Sequence[str] = (), panel: str | None = None, arm: str | None = None
) -> str:
    """Return the grid as text, within the terminal's width and characters."""
    from bnexp.plots import text_grid

    encoding = (sys.stdout.encoding or "ascii").lower()
    width = shutil.get_terminal_size((80, 24)).columns
    plain = not encoding.startswith("utf")
    return text_grid(results, y=y, panel=panel, arm=arm, width=min(width, 120), ascii=plain)


def picture_paths(folder: Path, formats: tuple[str, ...], output: Path | None) -> list[Path]:
    """Return the file of each format: ``plot.FORMAT`` in a folder, or what ``output`` names."""
    if output is None or output.is_dir():
        return [(output or folder) / f"plot.{name}" for name in formats or FORMATS[:1]]
    if not output.parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}; make it, or name another")
    ending = output.suffix[1:].lower()
    if ending in FORMATS:
        if formats not in ((), (ending,)):
            raise ConfigError(
                f"--output {output} names one format and --format {','.join(formats)} another; "
                "leave one of them out"
            )
        return [output]
    if ending.isalpha() and not formats:
        allowed = ", ".join(f".{name}" for name in FORMATS)
        raise ConfigError(f"--output {output}: .{ending} is no format; allowed: {allowed}")
    return [output.with_name(f"{output.name}.{name}") for name in formats or FORMATS[:1]]
