"""Tables in Markdown of what was measured, and what it was measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.contest import Times

_SHOWN = ("numpy", "jax", "keras", "scikit-learn", "torch")


def describe_session() -> str:
    """Return one line: date, machine and versions."""
    from bnexp.environment import available_cores, fingerprint

    versions = []
    for name in _SHOWN[1:]:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    parts = [
        f"{datetime.date.today()}: {available_cores()} cores of {_processor()}",
        f"Python {platform.python_version()}",
        fingerprint(),
        *versions,
    ]
    return ", ".join(parts)


def _processor() -> str:
    """Name the processor and its widest vectors."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    facts = dict(line.partition(":")[::2] for line in lines)
    named = {key.strip(): value.strip() for key, value in facts.items()}
    name = named.get("model name") or platform.processor() or platform.machine()
    flags = named.get("flags", "").split()
    widest = next((f for f in ("avx512f", "avx2") if f in flags), "")
    return f"{name} ({widest})" if widest else name


def print_row(cells: Iterable[object]) -> None:
    """Print one row of a table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def print_head(cells: Sequence[str]) -> None:
    """Print the head of a table."""
    print_row(cells)
    print("|" + "---|" * len(cells), flush=True)


def show(seconds: float) -> str:
    """Write seconds with three digits."""
    for limit, digits in ((0.1, 4), (1, 3), (10, 2), (100, 1)):
        if seconds < limit:
            return f"{seconds:.{digits}f} s"
    return f"{seconds:.0f} s"


def spread(values: Sequence[float]) -> str:
    """Write the lowest and the highest."""
    return f"{show(min(values)).removesuffix(' s')} to {show(max(values))}"


def print_contest(title: str, times: Sequence[Times]) -> None:
    """Print a contest's table; ours is the first contestant, and the ratios are to its median.

    A contestant with nothing to learn is the ceiling: our share of it is printed below.
    """
    present = [entry for entry in times if entry.warm]
    rounds = len(present[0].warm)
    print_head(
        [
            title,
            f"warm, median of {rounds}",
            "lowest to highest",
            "against ours",
            "cold",
            "cold, against ours",
        ]
    )
    ours = statistics.median(present[0].warm)
    ours_cold = min(present[0].cold)
    for entry in present:
        warm, cold = statistics.median(entry.warm), min(entry.cold)
        learns = entry.contestant.learns
        print_row(
            [
                entry.contestant.name,
                show(warm),
                spread(entry.warm),
                f"{warm / ours:.2f}",
                show(cold) if learns else "",
                f"{cold / ours_cold:.2f}" if learns else "",
            ]
        )
    print()
    for entry in present:
        if not entry.contestant.learns:
            share = statistics.median(entry.warm) / ours
            print(f"Our share of the ceiling: {share:.0%}.")
    for entry in times:
        if not entry.warm:
            needs = " and ".join(entry.contestant.missing)
            print(f"Missing: {entry.contestant.name} (needs {needs}).")
    print(flush=True)
