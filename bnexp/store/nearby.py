"""Results folders near a path that is none: what somebody may mean who names it."""

from __future__ import annotations

import re
from pathlib import Path

from bnexp.errors import like
from bnexp.store.journal import NAME

#: Where results folders stand unless --output says otherwise, from the working folder.
ROOT = Path("results")
_HASH = re.compile(r"-[0-9a-f]{6}(\.[0-9]+)?")


def results_folders(root: Path) -> list[Path]:
    """Return the results folders in a folder, the one that was written to last first."""
    try:
        journals = [(path.stat().st_mtime, path) for path in root.glob(f"*/{NAME}")]
    except (OSError, ValueError):
        return []
    return [path.parent for _, path in sorted(journals, reverse=True)]


def explain_no_results(path: Path) -> str:
    """Say what a path is that holds no results, and which folder may be meant."""
    if inside := results_folders(path):
        if len(inside) == 1:
            return f"it holds one results folder, name that: {inside[0]}"
        return (
            f"it holds {len(inside):,} results folders (`bnexp results {path}` lists them); name "
            f"one of them, the newest is {inside[0]}"
        )
    if path.exists():
        return (
            f"not a results folder (no {NAME} with a plan in it); name a folder that `bnexp run`, "
            "`sweep` or `search` wrote"
        )
    if near := _meant(path):
        return f"no such folder, did you mean {near}?"
    return "no such folder; name a folder that `bnexp run`, `sweep` or `search` wrote"


def _meant(path: Path) -> Path | None:
    """Return the results folder that a path may mean, the newest of those alike."""
    names: dict[str, Path] = {}
    for folder in (*results_folders(path.parent), *results_folders(path.parent / ROOT)):
        name = folder.name.lower()
        names.setdefault(name, folder)
        names.setdefault(_HASH.sub("", name), folder)
    near = like(path.name, names)
    return names[near] if near else None
