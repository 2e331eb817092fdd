"""S: how long commands take to start, beside the imports they cannot do without, and others'.

Every time is that of a whole process, as its caller sees it; for the first training step it ends
when the step does. The commands take turns.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.contest import ROOT, ContestError, config_path, time_command
from benchmarks.session import options
from benchmarks.table import describe_session, print_head, print_row, show, spread

Timer = Callable[[], float]


@dataclass(frozen=True)
class Start:
    """Something that is started, what it needs, and the name of what it is compared with."""

    name: str
    time: Timer
    needs: str = ""
    beside: str = ""
    wanted: str = ""
    quick: bool = True


def starts(results: Path) -> list[Start]:
    """Return all that is timed; ``results`` is a folder to plot."""
    check = str(config_path("fig6-18-digits"))
    click_only, three = "import click", "import click, yaml, pydantic"
    bare = [
        Start(f'`python -c "{code}"`', _runs("-c", code), needs, quick=not needs)
        for code, needs in (
            (click_only, ""),
            (three, ""),
            ("import click, yaml; from pydantic import BaseModel", ""),
            ("import numpy", ""),
            ("import jax", "jax"),
            ("import torch", "torch"),
        )
    ]
    return [
        Start("`bnexp --help`", _runs("-m", "bnexp", "--help"), "", bare[0].name, "1.5x"),
        bare[0],
        Start("`bnexp check`", _runs("-m", "bnexp", "check", check), "", bare[1].name, "1.5x"),
        bare[1],
        Start("`bnexp run` on digits, to the first training step", _first_step, "", "", "0.6 s"),
        Start("`bnexp plot`, 32 runs", _plots(results), "", "", "2.5 s"),
        *bare[2:],
    ]


def _runs(*words: str) -> Timer:
    return lambda: time_command(words)


def _plots(results: Path) -> Timer:
    return lambda: time_command(
        ["-m", "bnexp", "plot", str(results), "--output", "{folder}/plot.png"]
    )


def _first_step() -> float:
    """Return the seconds from starting ``bnexp run`` on digits to the end of its first step."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.first_step", "run"]
        command += [str(config_path("fig6-18-digits")), "--output", f"{folder}/results"]
        started = time.time()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    _, found, when = done.stdout.partition("first step at ")
    if not found:
        raise ContestError(f"no training step was seen: {done.stderr}")
    return float(when.split()[0]) - started


@click.command()
@options
def main(rounds: int, only: str, quick: bool) -> None:
    """Print the table of S; there are always 5 rounds or more, 2 if quick."""
    rounds = 2 if quick else max(rounds, 5)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        config = str(config_path("fig6-18-digits"))
        words = ["-m", "bnexp", "sweep", config, "--output", str(results)]
        try:
            time_command(words)
            entries = [s for s in starts(results) if not s.needs or _is_here(s.needs)]
            missing = [s.name for s in starts(results) if s.needs and not _is_here(s.needs)]
            left_out = [s.name for s in entries if quick and not s.quick]
            entries = [s for s in entries if s.name not in left_out and only in s.name]
            for start in entries:  # once for the caches of the file system
                start.time()
            times: dict[str, list[float]] = {start.name: [] for start in entries}
            for _ in range(rounds):
                for start in entries:
                    times[start.name].append(start.time())
        except ContestError as error:
            sys.exit(f"error: {error}")
    _print(entries, times, rounds)
    for name in missing:
        print(f"Missing: {name}.")
    if quick:
        print(f"Quick: 2 rounds; left out: {', '.join(left_out) or 'nothing'}.")
    print(describe_session(), end="\n\n", flush=True)


def _is_here(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _print(entries: list[Start], times: dict[str, list[float]], rounds: int) -> None:
    print_head(
        ["start-up", f"median of {rounds}", "lowest to highest", "against its imports", "wanted"]
    )
    for start in entries:
        values: Any = times[start.name]
        ratio = ""
        if start.beside in times:
            ratio = f"{statistics.median(values) / statistics.median(times[start.beside]):.2f}x"
        print_row(
            [start.name, show(statistics.median(values)), spread(values), ratio, start.wanted]
        )
    print()


if __name__ == "__main__":
    main()
