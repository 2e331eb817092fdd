"""What a journal says, taken in line by line: what was asked for, and how each run ended.

The records of a run stay in the journal, where they are read when somebody asks for them: a large
sweep's would fill the memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bnexp.config.schema import Config
from bnexp.errors import ResultsError
from bnexp.plan import AxisValue, Cell
from bnexp.records import Record, RunResult
from bnexp.store.journal import NAME, Entry, Lines, Place
from bnexp.store.nearby import explain_no_results


class KeptRecords(Sequence[Record]):
    """The records of a run, read from its line in the journal each time they are asked for.

    ``metrics`` are the names of the metrics that some record has. What is pickled or copied is a
    tuple of the records themselves.
    """

    __slots__ = ("_count", "_lines", "_size", "_start", "metrics")

    def __init__(self, place: Place, count: int, metrics: tuple[str, ...]) -> None:
        self._lines, self._start, self._size = place
        self._count = count
        self.metrics = metrics

    def _read(self) -> tuple[Record, ...]:
        entry = self._lines.entry(self._start, self._size)
        row = entry.get("result") or entry["pause"]
        return tuple(map(Record.from_json, row["records"]))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return self._read()[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._read())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple | KeptRecords) and self._read() == tuple(other)

    def __repr__(self) -> str:
        return repr(self._read())

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._read(),)


def metric_names(records: Sequence[Record]) -> Iterable[str]:
    """Return the names of the metrics that some of these records has."""
    if isinstance(records, KeptRecords):
        return records.metrics
    return dict.fromkeys(name for record in records for name in record.metrics)


class Contents:
    """What the entries of a journal come to so far.

    ``question``, ``asked`` (the config as JSON) and ``config`` are of the last command, and so are
    ``asked_cells``; ``cells`` are all that were ever asked for. ``runs`` holds the last end of each
    run, ``known`` the longest result, wherever its training paused or ended. The runs in ``again``
    are to be trained again. Where cells are as ``expected``, it is those that are held.
    """

    def __init__(self, folder: Path, expected: tuple[Cell, ...] = ()) -> None:
        self.folder = folder
        self._expected = expected
        self.question: Mapping[str, Any] = {}
        self.asked: Mapping[str, Any] | None = None
        self.config = Config()
        self.asked_cells: tuple[Cell, ...] = ()
        self.cells: tuple[Cell, ...] = ()
        self.runs: dict[str, RunResult] = {}
        self.known: dict[str, RunResult] = {}
        self.again: set[str] = set()
        self._same: dict[tuple[str, ...], tuple[str, ...]] = {}

    def take(self, entry: Entry, place: Place) -> None:
        """Take in an entry of the journal; of two ends of a run the later one counts.

        Raises ResultsError for one that this version of bnexp does not understand.
        """
        try:
            if "ask" in entry:
                config = Config.model_validate(entry["ask"], strict=False)
                cells = tuple(map(_read_cell, entry.pop("cells")))
                cells = self._expected if cells == self._expected else cells
                self.ask(entry.get("question", {}), entry["ask"], config, cells)
            elif "result" in entry:
                self.end(RunResult.from_json(entry["result"]), place)
            elif "pause" in entry:
                self.pause(RunResult.from_json(entry["pause"]), place)
            self.again.update(entry.get("rerun", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise ResultsError(
                f"{self.folder / NAME}: written by another version of bnexp, which this one cannot "
                f"read ({type(error).__name__}); environment.json names it. Use that one, or set "
                "the folder aside with --fresh"
            ) from error

    def ask(
        self,
        question: Mapping[str, Any],
        asked: Mapping[str, Any],
        config: Config,
        cells: tuple[Cell, ...],
    ) -> None:
        """Take in what a command asks for; its cells take the place of equal ones."""
        self.question, self.asked, self.config, self.asked_cells = question, asked, config, cells
        known = {_name(cell): cell for cell in self.cells}
        known |= {_name(cell): cell for cell in cells}
        self.cells = tuple(known.values())

    def end(self, result: RunResult, place: Place) -> None:
        """Take in how a run ended, which stands at this place."""
        result = self._kept(result, place)
        self.runs[result.run] = result
        self.again.discard(result.run)
        self._remember(result)

    def pause(self, result: RunResult, place: Place) -> None:
        """Take in how far a run has come that a search will decide about."""
        self._remember(self._kept(result, place))

    def ended(self) -> dict[str, RunResult]:
        """Return all runs but those that failed, or that are to be trained again."""
        return {
            run: end
            for run, end in self.runs.items()
            if end.status != "failed" and run not in self.again
        }

    def _kept(self, result: RunResult, place: Place) -> RunResult:
        """Return a result whose records stay in the journal, and that shares what others have."""
        metrics = tuple(metric_names(result.records))
        metrics, marks = (self._same.setdefault(one, one) for one in (metrics, result.fingerprint))
        records = KeptRecords(place, len(result.records), metrics)
        return replace(result, records=records, fingerprint=marks)

    def _remember(self, result: RunResult) -> None:
        """Note a result that has more of a run than an older one; of equal ones the later."""
        old = self.known.get(result.run)
        is_longer = old is None or (result.status != "failed" and result.step >= old.step)
        if is_longer or (old and old.status == "failed"):
            self.known[result.run] = result


def read_contents(folder: Path) -> Contents:
    """Read the journal of a results folder. Raises ResultsError when it is none or is damaged."""
    contents = Contents(folder)
    lines = Lines(folder / NAME)
    for entry, place in lines.entries():
        contents.take(entry, place)
    lines.settle()
    if contents.asked is None:
        raise ResultsError(f"{folder}: {explain_no_results(folder)}")
    return contents


def _read_cell(row: Mapping[str, Any]) -> Cell:
    values = {key: tuples(value) for key, value in row["values"].items()}
    more = {key: row[key] for key in ("trial", "report") if key in row}
    return Cell(values, row["seed"], row["run"], **more)


def _name(cell: Cell) -> str:
    """Return what makes a cell the same as one that was asked for before."""
    return f"trial {cell.trial}" if cell.trial else repr((sorted(cell.values.items()), cell.seed))


def tuples(value: Any) -> AxisValue:
    """Return a value of an axis with tuples for the lists that JSON knows."""
    return tuple(tuples(item) for item in value) if isinstance(value, list | tuple) else value
