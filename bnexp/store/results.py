"""What a results folder says, ready for plots, tables and notebooks; reading never trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.config.schema import Config
from bnexp.errors import ResultsError
from bnexp.plan import AxisValue, Cell
from bnexp.records import METRICS, RunResult
from bnexp.store.cells import cells_with, explain_no_cell, wanted_values
from bnexp.store.contents import Contents, metric_names, read_contents, tuples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, repr=False)
class Results:
    """The cells of a sweep and the results of the runs that are finished.

    ``config`` is the base config of the last command; ``axes`` maps each swept key to its values
    in the order for display; ``cells`` are sorted by values and seed; ``runs`` holds the finished
    runs by id, so a cell whose ``run`` is not in it is still missing.
    """

    folder: Path
    config: Config
    axes: Mapping[str, tuple[AxisValue, ...]]
    cells: tuple[Cell, ...]
    runs: Mapping[str, RunResult]

    def __repr__(self) -> str:
        done, total = self.finished
        axes = ", ".join(f"{key} ({len(values)})" for key, values in self.axes.items())
        return f"<Results {self.folder}: {done} of {total} runs, axes: {axes or 'none'}>"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that some record of a cell has, in the order of tables."""
        ids = {cell.run for cell in self.cells} & self.runs.keys()
        present = {name for run in ids for name in metric_names(self.runs[run].records)}
        return tuple(name for name in METRICS if name in present)

    @property
    def finished(self) -> tuple[int, int]:
        """How many runs are finished, and how many there are."""
        wanted = {cell.run for cell in self.cells}
        return len(wanted & self.runs.keys()), len(wanted)

    def rows(self) -> list[dict[str, Any]]:
        """Return one plain row per cell and record: the rows of ``metrics.csv``."""
        return [row for _, rows in self.each_cell() for row in rows]

    def cell_rows(self) -> list[dict[str, Any]]:
        """Return one plain row per cell, with its status and final metrics: ``runs.csv``."""
        return [row for row, _ in self.each_cell()]

    @property
    def has_seeds(self) -> bool:
        """Whether cells differ in their seeds."""
        return any(cell.seed != self.cells[0].seed for cell in self.cells)

    def summary_rows(self) -> list[dict[str, Any]]:
        """Return one plain row for all seeds of a cell's values: the rows of ``summary.csv``.

        Counts, and of each final metric its median, min, max, mean and standard deviation.
        """
        from bnexp.store.summary import by_values, summarise

        axes, metrics = sorted(self.axes), self.metrics
        return [summarise(rows, axes, metrics) for rows in by_values(self.cell_rows(), axes)]

    def each_cell(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Yield for each cell its row of ``cell_rows`` and those of ``rows``.

        Of a large sweep all of them take much memory.
        """
        metrics = self.metrics
        for cell in self.cells:
            result = self.runs.get(cell.run)
            records = tuple(result.records) if result else ()
            final = records[-1].metrics if records else {}
            where = {**_number(cell), "run": cell.run, **cell.values, "seed": cell.seed}
            yield (
                {
                    **where,
                    "status": result.status if result else "missing",
                    "epoch": result.epoch if result else None,
                    "step": result.step if result else None,
                    **{name: final.get(name) for name in metrics},
                },
                [
                    {**where, "epoch": record.epoch, "step": record.step}
                    | {name: record.metrics.get(name) for name in metrics}
                    for record in records
                ],
            )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the columns of ``rows()`` as arrays; a metric that a record lacks is NaN."""
        import numpy as np

        rows = self.rows()
        columns: dict[str, NDArray[Any]] = {}
        for name in rows[0] if rows else ():
            values = [row[name] for row in rows]
            if any(isinstance(value, tuple) for value in values):  # layers: not a second dimension
                columns[name] = np.fromiter(values, object, len(values))
            else:
                columns[name] = np.array(values, np.float64 if name in METRICS else None)
        return columns

    def curve(
        self, metric: str, *, seed: int = 0, **values: AxisValue | list[Any]
    ) -> NDArray[np.float64]:
        """Return one cell's metric at each record.

        ``values`` name the cell by its axes, with ``__`` for the dot: ``init__scale=0.01``; three
        digits of a number are enough, as titles show it. Raises ResultsError when no cell, or no
        finished one, is meant, and for a metric that nobody recorded.
        """
        refuse_unrecorded(self.folder, metric, self.metrics)
        wanted = wanted_values(values)
        found = cells_with(self.cells, wanted, seed)
        if len(found) != 1:
            what = explain_no_cell(self.axes, self.cells, wanted, seed)
            raise ResultsError(f"{self.folder}: {what}")
        return self._curve(
            metric, self.runs.get(found[0].run), f"the run of {wanted}, seed {seed},"
        )

    def _curve(self, metric: str, result: RunResult | None, what: str) -> NDArray[np.float64]:
        """Return a metric at each record of a result. Raises ResultsError when there is none."""
        import numpy as np

        if result is None:
            raise ResultsError(f"{self.folder}: {what} is missing")
        return np.array([r.metrics[metric] for r in result.records if metric in r.metrics])

    def to_pandas(self) -> Any:
        """Return ``rows()`` as a data frame. Raises ModuleNotFoundError without pandas."""
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            message = "to_pandas() needs pandas (pip install pandas); rows() and arrays() do not"
            raise ModuleNotFoundError(message, name=error.name) from error

        return pd.DataFrame(self.rows())


def _number(cell: Cell) -> dict[str, Any]:
    """Return the column that the rows of a search begin with."""
    return {} if cell.trial is None else {"trial": cell.trial}


def load_results(folder: str | PathLike[str]) -> Results:
    """Read a results folder, finished or not.

    Raises ResultsError when it is none or its journal is damaged.
    """
    return make_results(read_contents(Path(folder)))


def make_results(contents: Contents) -> Results:
    """Put in order what a journal says; results that it takes in later are in ``runs``, too."""
    folder, config, runs = contents.folder, contents.config, contents.runs
    if any(cell.trial is not None for cell in contents.cells):
        from bnexp.store.search import SearchResults

        trials = sorted(contents.cells, key=lambda cell: cell.trial or 0)
        return SearchResults(folder, config, trial_axes(trials), tuple(trials), runs)
    ordered = tuple(sorted(contents.cells, key=_sort_key))
    return Results(folder, config, _axes(config, ordered), ordered, runs)


def _axes(config: Config, cells: Sequence[Cell]) -> dict[str, tuple[AxisValue, ...]]:
    """Order each axis' values as last asked, earlier commands' values in the same direction."""
    axes: dict[str, tuple[AxisValue, ...]] = {}
    for key, asked in config.sweep.axes.items():
        asked = tuple(tuples(value) for value in asked)
        extra = tuple(dict.fromkeys(cell.values[key] for cell in cells).keys() - set(asked))
        descending = len(asked) > 1 and list(asked) == sorted(asked, key=_value_key, reverse=True)
        everything = (*asked, *extra)
        if extra and all(isinstance(value, int | float) for value in everything):
            everything = tuple(sorted(everything, key=_value_key, reverse=descending))
        axes[key] = everything
    return axes


def trial_axes(trials: Sequence[Cell]) -> dict[str, tuple[AxisValue, ...]]:
    """Return the values that each searched key takes in some trial, in order of size."""
    keys = trials[0].values
    return {
        key: tuple(sorted(dict.fromkeys(cell.values[key] for cell in trials), key=_value_key))
        for key in keys
    }


def refuse_unrecorded(folder: Path, metric: str, recorded: Sequence[str]) -> None:
    """Raise ResultsError for a metric that is not recorded."""
    if metric not in (recorded or METRICS):
        there = ", ".join(recorded or METRICS)
        raise ResultsError(f"{folder}: no metric {metric!r}; there are {there}")


def _sort_key(cell: Cell) -> tuple[Any, ...]:
    return (*(_value_key(value) for _, value in sorted(cell.values.items())), cell.seed)


def _value_key(value: AxisValue) -> tuple[int, Any]:
    """Order values of one axis: numbers by size, before words, before lists."""
    if isinstance(value, int | float):
        return (0, value)
    return (1, value) if isinstance(value, str) else (2, tuple(map(_value_key, value)))
