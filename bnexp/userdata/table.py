"""CSV files: an example a line, numbers with commas between, one of the columns the label.

A header is optional: a first line that names the label column, or has no number in it. The label is
in the column called ``label``, ``y``, ``class`` or ``target``, else in the last. Files are read in
one pass, line by line.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO

from bnexp.describe import DatasetFacts
from bnexp.errors import DatasetError
from bnexp.userdata.labels import ALLOWED, first_of_classes, is_label, refuse_unlearned

LABEL_NAMES = ("label", "y", "class", "target")


class Table:
    """A CSV file that is being read: iterating gives (line number, fields) of each example.

    ``names`` are those of a header, else None; ``label`` is the index of the label column. Raises
    ``DatasetError`` with file and line of what is wrong, here and while it is read.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.digest = hashlib.md5(usedforsecurity=False)
        self._file = file
        self._reader = csv.reader(self._lines(), strict=True)
        self._first = next(self._rows(), None)
        if self._first is None:
            raise DatasetError(f"{path}: it holds no examples; an example is a line of numbers")
        line, fields = self._first
        self.columns = len(fields)
        if self.columns < 2:
            raise DatasetError(
                f"{path}:{line}: there is one column only; separate the numbers of an example and "
                "its label by commas"
            )
        self.names = self._read_names(line, fields)
        self.label = self._find_label(line)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        if self._first is not None and self.names is None:
            yield self._first
        self._first = None
        for line, fields in self._rows():
            if len(fields) != self.columns:
                raise DatasetError(
                    f"{self.path}:{line}: {len(fields)} columns where the first line has "
                    f"{self.columns}; give every example the same number of columns"
                )
            yield line, fields

    def read_label(self, line: int, fields: Sequence[str]) -> int:
        """Return the label of an example."""
        text = fields[self.label].strip()
        value = _number(text)
        if value is None or not is_label(value):
            word = text[:40] if text and value is None else ""
            remedy = f". Number the classes: write 0 for {word}, 1 for the next" if word else ""
            raise DatasetError(
                f"{self.path}:{line}: the label in {self.column(self.label)} is {text[:40]!r}; "
                f"{ALLOWED}{remedy}"
            )
        return int(value)

    def read_numbers(self, line: int, fields: Sequence[str]) -> list[float]:
        """Return the numbers of an example, without its label."""
        features = [*fields[: self.label], *fields[self.label + 1 :]]
        try:
            numbers = list(map(float, features))
        except ValueError:
            numbers = [math.nan]
        if all(map(math.isfinite, numbers)) and "_" not in "".join(features):
            return numbers
        place = [_number(text) for text in features].index(None)
        place += place >= self.label
        raise DatasetError(
            f"{self.path}:{line}: {self.column(place)} is {fields[place][:40]!r}, not a finite "
            "number; mend the value or leave the line out"
        )

    def _lines(self) -> Iterator[str]:
        for number, line in enumerate(self._file, 1):
            self.digest.update(line)
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise DatasetError(
                    f"{self.path}:{number}: it is not UTF-8 text; save the file as UTF-8"
                ) from None

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        try:
            for fields in self._reader:
                if fields and not (len(fields) == 1 and not fields[0].strip()):
                    yield self._reader.line_num, fields
        except csv.Error as error:
            raise DatasetError(
                f"{self.path}:{self._reader.line_num}: it cannot be read as CSV ({error}); write "
                "plain numbers with commas between"
            ) from None

    def _read_names(self, line: int, fields: Sequence[str]) -> tuple[str, ...] | None:
        names = tuple(field.strip() for field in fields)
        named = any(name.lower() in LABEL_NAMES for name in names)
        if not named and any(_number(name) is not None for name in names):
            return None
        if "" in names:
            raise DatasetError(
                f"{self.path}:{line}: column {names.index('') + 1} has no name; is it an index? "
                "Leave it out (index=False in pandas), or name it if it is meant to be learned from"
            )
        return names

    def _find_label(self, line: int) -> int:
        names = [name.lower() for name in self.names or ()]
        found = [index for index, name in enumerate(names) if name in LABEL_NAMES]
        if len(found) > 1:
            columns = ", ".join(names[index] for index in found)
            raise DatasetError(
                f"{self.path}:{line}: several columns may be the label: {columns}; rename all but "
                f"one (a label column is called {', '.join(LABEL_NAMES)})"
            )
        return found[0] if found else self.columns - 1

    def column(self, index: int) -> str:
        """Return what a column is called in a message."""
        name = "" if self.names is None else f" ({self.names[index]})"
        return f"column {index + 1}{name}"


def _number(text: str) -> float | None:
    """Return a finite number, None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def csv_facts(path: Path, test_path: Path | None) -> DatasetFacts:
    """Return the facts of a CSV file, or two. Raises ``DatasetError``."""
    train, labels = _read(path)
    content = {path.name: train.digest.hexdigest()}
    first_of = first_of_classes(f"{path}: the label", labels)
    test_labels: list[int] = []
    if test_path is not None:
        test, test_labels = _read(test_path)
        _check_same_columns(train, test)
        refuse_unlearned(first_of, str(path), test_labels, lambda at: _label_place(test_path, at))
        name = test_path.name if test_path.name != path.name else f"{test_path.name} (test)"
        content[name] = test.digest.hexdigest()
    return DatasetFacts(
        "csv",
        path.name,
        (train.columns - 1,),
        len(first_of),
        len(labels),
        len(test_labels),
        MappingProxyType(content),
        first_of,
    )


def _read(path: Path) -> tuple[Table, list[int]]:
    """Read the labels of a file."""
    try:
        with path.open("rb") as file:
            table = Table(path, file)
            labels = [table.read_label(line, fields) for line, fields in table]
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from None
    if not labels:
        raise DatasetError(f"{path}: it holds no examples, only a header")
    return table, labels


def _label_place(path: Path, example: int) -> str:
    """Return where the label of an example stands, for a message."""
    with path.open("rb") as file:
        table = Table(path, file)
        line, _ = next(itertools.islice(table, example, None))
    return f"{path}:{line}: {table.column(table.label)}"


def _check_same_columns(train: Table, test: Table) -> None:
    if train.columns != test.columns:
        raise DatasetError(
            f"{test.path}: it has {test.columns} columns, {train.path} has {train.columns}; give "
            "both the same"
        )
    if train.names != test.names:
        raise DatasetError(
            f"{test.path}: its header is not that of {train.path}; give both the same columns in "
            "the same order, with the same header or both without"
        )
