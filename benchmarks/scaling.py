"""How much faster two single-thread Dask workers are than one, on the whole Fig. 6-18 sweep.

Both clusters run all the time, and ``bnexp.sweep`` in this process takes turns on them with the
local engine, whose workers it keeps: planning, training and writing results are measured, the start
of Python is not. MNIST is looked for as ``bnexp`` does.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import bnexp
from bnexp.environment import ONE_THREAD

CONFIG = Path(__file__).parent.parent / "configs" / "fig6-18.yaml"


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Have a scheduler and so many workers; yields the address."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as processes:
        about = Path(folder) / "scheduler.json"

        def start(*words: str) -> None:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--no-dashboard", "--host", "127.0.0.1"],
                cwd=folder,
                env={**os.environ, **ONE_THREAD},
                stderr=subprocess.DEVNULL,
            )
            processes.callback(process.wait)
            processes.callback(process.terminate)

        start("scheduler", "--port", "0", "--scheduler-file", str(about))
        while not about.exists():
            time.sleep(0.1)
        time.sleep(0.5)
        address = str(json.loads(about.read_text())["address"])
        for _ in range(workers):
            start("worker", address, "--nthreads", "1")
        yield address


def sweep(options: dict[str, Any]) -> tuple[float, bytes]:
    """Return the seconds of a sweep, and its metrics."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        started = time.perf_counter()
        bnexp.sweep(CONFIG, output=out, **options)
        seconds = time.perf_counter() - started
        return seconds, (out / "metrics.csv").read_bytes()


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often each takes its turn.")
def main(rounds: int) -> None:
    """Print the seconds of every contestant and the ratio of one worker to two."""
    seconds: dict[str, list[float]] = {}
    contents = set()
    with cluster(1) as one, cluster(2) as two:
        contestants: dict[str, dict[str, Any]] = {
            "dask, 1 worker": {"engine": "dask", "address": one},
            "dask, 2 workers": {"engine": "dask", "address": two},
            "local, 1 worker": {"jobs": 1},
            "local, 2 workers": {"jobs": 2},
        }
        for turn in range(rounds + 1):
            for name, options in contestants.items():
                took, metrics = sweep(options)
                contents.add(metrics)
                if turn:  # the first warms up workers, files and caches
                    seconds.setdefault(name, []).append(took)
    if len(contents) != 1:
        raise SystemExit("the sweeps do not agree")
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    for name, rounds_of in seconds.items():
        print(f"{name}: {medians[name]:.2f} s ({min(rounds_of):.2f} to {max(rounds_of):.2f})")
    for engine in ("dask", "local"):
        ratio = medians[f"{engine}, 1 worker"] / medians[f"{engine}, 2 workers"]
        print(f"{engine}: two workers are {ratio:.2f} times as fast as one")


if __name__ == "__main__":
    main()
