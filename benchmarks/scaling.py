"""How much faster two single-thread Dask workers are than one, on the whole Fig. 6-18 sweep.

Both clusters run all the time, and ``bnexp.sweep`` in this process takes turns on them with the
local engine, whose workers it keeps: planning, training and writing results are measured, the start
of Python is not. Whatever has no turn is stopped: the processes of an idle cluster take some
percents of a core. MNIST is looked for as ``bnexp`` does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

import bnexp
from bnexp.environment import ONE_THREAD

CONFIG = Path(__file__).parent.parent / "configs" / "fig6-18.yaml"


@dataclass
class Cluster:
    """A scheduler's address, and the groups of its processes and of its workers'."""

    address: str = ""
    groups: list[int] = field(default_factory=list)

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """Stop all processes for a while."""
        try:
            for group in self.groups:
                os.killpg(group, signal.SIGSTOP)
            yield
        finally:
            for group in self.groups:
                os.killpg(group, signal.SIGCONT)


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[Cluster]:
    """Have a scheduler and so many workers."""
    here = Cluster()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as processes:
        about = Path(folder) / "scheduler.json"

        def start(*words: str) -> None:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--no-dashboard", "--host", "127.0.0.1"],
                cwd=folder,
                env={**os.environ, **ONE_THREAD, **QUIET},
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            here.groups.append(process.pid)
            processes.callback(process.wait)
            processes.callback(process.terminate)

        start("scheduler", "--port", "0", "--scheduler-file", str(about))
        while not about.exists():
            time.sleep(0.1)
        time.sleep(0.5)
        here.address = str(json.loads(about.read_text())["address"])
        for _ in range(workers):
            start("worker", here.address, "--nthreads", "1")
        yield here


def sweep(options: dict[str, Any], others: Sequence[Cluster]) -> tuple[float, bytes]:
    """Return the seconds of a sweep while other clusters sleep, and its metrics."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as asleep:
        for other in others:
            asleep.enter_context(other.asleep())
        time.sleep(1)  # until those that were woken have done what they had missed
        out = Path(folder) / "out"
        started = time.perf_counter()
        bnexp.sweep(CONFIG, output=out, **options)
        seconds = time.perf_counter() - started
        return seconds, (out / "metrics.csv").read_bytes()


#: As docs/engines.md advises for clusters whose dashboard nobody looks at.
QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "5s",
}


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often each takes its turn.")
@click.option("--seeds", default=1, show_default=True, help="How many seeds, of 32 networks each.")
def main(rounds: int, seeds: int) -> None:
    """Print the seconds of every contestant and the ratio of one worker to two."""
    seconds: dict[str, list[float]] = {}
    contents = set()
    with cluster(1) as one, cluster(2) as two:
        contestants: dict[str, dict[str, Any]] = {
            "dask, 1 worker": {"engine": "dask", "address": one.address},
            "dask, 2 workers": {"engine": "dask", "address": two.address},
            "local, 1 worker": {"jobs": 1},
            "local, 2 workers": {"jobs": 2},
        }
        for turn in range(rounds + 1):
            for name, options in contestants.items():
                others = [each for each in (one, two) if each.address != options.get("address")]
                took, metrics = sweep({"seeds": seeds, **options}, others)
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
