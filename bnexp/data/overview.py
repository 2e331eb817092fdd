"""What ``bnexp data list`` says: each dataset, its size and where it is, as rows or a table."""

from __future__ import annotations

import os
from typing import Any

from bnexp import describe
from bnexp.data.download import DOWNLOAD_BYTES
from bnexp.data.locate import look_for

_HEAD = ("name", "train", "test", "shape", "classes", "download", "where")


def overview(data_dir: str | os.PathLike[str] | None = None) -> list[dict[str, Any]]:
    """Return one row of plain values per dataset.

    ``state`` is embedded, found, incomplete, wrong or missing; ``folder``, ``problem`` and
    ``download_bytes`` are None where they do not apply. Raises ``DatasetError`` if the data folder
    does not exist.
    """
    rows = []
    for facts in describe.DATASETS.values():
        here = look_for(facts, data_dir)
        rows.append(
            {
                "name": facts.name,
                "title": facts.title,
                "train": facts.train,
                "test": facts.test,
                "shape": list(facts.shape),
                "classes": facts.classes,
                "download_bytes": DOWNLOAD_BYTES.get(facts.name),
                "state": here.state,
                "folder": None if here.folder is None else str(here.folder),
                "problem": here.problem,
            }
        )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as aligned columns, and below them what is wrong with any of them."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    numeric = {"train", "test", "classes", "download"}
    lines = [
        "  ".join(
            text.rjust(width) if name in numeric else text.ljust(width)
            for name, text, width in zip(_HEAD, line, widths, strict=True)
        ).rstrip()
        for line in cells
    ]
    problems = [f"{row['name']}: {row['problem']}" for row in rows if row["problem"]]
    return "\n".join([*lines, *problems])


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    size = row["download_bytes"]
    where = {
        "embedded": "embedded",
        "found": f"{row['folder']}",
        "incomplete": f"incomplete in {row['folder']}",
        "wrong": f"wrong files in {row['folder']}",
        "missing": "not here",
    }
    return (
        row["name"],
        str(row["train"]),
        str(row["test"]),
        "x".join(str(length) for length in row["shape"]),
        str(row["classes"]),
        "-" if size is None else f"{size / 1e6:.1f} MB",
        where[row["state"]],
    )
