"""The whole Fig. 6-18 sweep, 32 networks, against a plain float64 loop and against its ceiling.

The contestants take turns in one session on the same MNIST images; every one must really learn.
Ours is the whole of ``bnexp.sweep``: start of the workers, loading, training, writing the results.
The loop has its data loaded and one BLAS thread. Run it with ``make bench``; MNIST is looked for as
``bnexp`` does.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import click
import numpy as np
from plain_loop import train_network

import bnexp
from bnexp.data import load_dataset
from bnexp.environment import available_cores, fingerprint

CONFIG = Path(__file__).parent.parent / "configs" / "fig6-18.yaml"
NETWORKS = 32
TERAFLOP = 0.495


def time_ours(jobs: int) -> float:
    """Return the seconds of the whole sweep, and check the figure's most robust facts."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        results = bnexp.sweep(CONFIG, jobs=jobs, output=Path(folder) / "results")
        seconds = time.perf_counter() - started
    final = {
        (cell.values["norm.kind"], cell.values["init.scale"]): results.runs[cell.run].final
        for cell in results.cells
    }
    learned = max(
        metrics["train_accuracy"] for (kind, _), metrics in final.items() if kind == "batch"
    )
    if len(final) != NETWORKS or learned < 0.95:
        raise SystemExit("the sweep did not learn")
    return seconds


def time_loop(scales: list[float]) -> float:
    """Return the seconds of the plain loop over all networks."""
    data = load_dataset("mnist", train=1000, test=0, dtype=np.float64)
    started = time.perf_counter()
    finals = []
    with np.errstate(all="ignore"):
        for scale in scales:
            for norm in (True, False):
                _, accuracies = train_network(data.x_train, data.y_train, scale, norm)
                finals.append(accuracies[-1])
    seconds = time.perf_counter() - started
    if max(finals) < 0.95:
        raise SystemExit("the plain loop did not learn")
    return seconds


def time_ceiling(jobs: int, stack: int) -> float:
    """Return the seconds of the products alone, shared among ``jobs`` processes at once."""
    command = [sys.executable, str(Path(__file__).parent / "ceiling.py")]
    share = [str(NETWORKS // jobs), str(stack)]
    processes = [
        subprocess.Popen([*command, *share], stdout=subprocess.PIPE, text=True) for _ in range(jobs)
    ]
    return max(float(process.communicate()[0]) for process in processes)


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often each takes its turn.")
@click.option("--jobs", default=available_cores(), show_default=True, help="Worker processes.")
def main(rounds: int, jobs: int) -> None:
    """Print medians and ratios."""
    scales = [float(scale) for scale in bnexp.load_config(CONFIG).sweep.axes["init.scale"]]
    times: dict[str, list[float]] = {"ours": [], "ceiling": [], "loop": []}
    for _ in range(rounds):
        times["ours"].append(time_ours(jobs))
        times["ceiling"].append(time_ceiling(jobs, stack=4))
        times["loop"].append(time_loop(scales))
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"{fingerprint()}, {jobs} workers, medians of {rounds}")
    for name, values in times.items():
        spread = f"{min(values):.2f} to {max(values):.2f}"
        print(f"{name:8} {median[name]:7.2f} s  ({spread})  {median[name] / median['ours']:.2f}x")
    share = median["ceiling"] / median["ours"]
    print(f"{TERAFLOP / median['ours'] * 1e3:.0f} GFLOP/s; {share:.0%} of the ceiling")


if __name__ == "__main__":
    main()
