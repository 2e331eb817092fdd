"""Helpers for tests of searches: a small config on the embedded digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from sweeps import DIGITS

SPACE: dict[str, Any] = {
    "optimizer.lr": "loguniform(1e-3, 1e4)",
    "regularization.l2": "loguniform(1e-6, 1)",
    "network.width": [20, 40],
}
VIEWS = ("metrics.csv", "runs.csv", "trials.csv")


def search_document(space: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The config with ``section__key=value`` changed, as a mapping."""
    document: dict[str, Any] = {
        key: dict(value) if isinstance(value, dict) else value for key, value in DIGITS.items()
    }
    document["data"]["validation"] = 0.2
    document["evaluate"] = {"train": "running"}
    document["search"] = {"trials": 12, "space": SPACE if space is None else space}
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            document.setdefault(section, {})[key] = value
        else:
            document[section] = value
    return document


def search_text(space: dict[str, Any] | None = None, **changes: Any) -> str:
    """The same as YAML."""
    return yaml.safe_dump(search_document(space, **changes))


def views(folder: Path) -> dict[str, bytes]:
    """The tables of a search's folder."""
    return {name: (folder / name).read_bytes() for name in VIEWS}
