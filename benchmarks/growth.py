"""G: how time and memory grow with the number of runs, the size of a stack, and the width.

Sweeps are whole calls of ``bnexp.sweep`` in a process of their own. Stacks and widths are trained
in one process, as a worker does it, with the data loaded; the sizes take turns.
"""

from __future__ import annotations

import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.contest import ROOT, config_path
from benchmarks.session import options
from benchmarks.table import describe_session, print_head, print_row, show, spread

#: A network so small that what surrounds its training counts: 100 digits, two epochs.
TINY = ["data.train=100", "network.layers=[16]", "training.epochs=2"]
#: The network of Fig. 6-18 on digits, shorter.
STACKED = ["training.epochs=5"]


def geometric(first: float, last: float, count: int) -> list[float]:
    """Return numbers in a constant ratio; without NumPy, which a driver does without."""
    return [first * (last / first) ** (i / max(count - 1, 1)) for i in range(count)]


def peak_memory(process: str = "self") -> float:
    """Return the most memory a process has held, in MB; that of others is 0 without /proc."""
    # Not getrusage where there is a choice: it counts what the parent held when it forked.
    with contextlib.suppress(OSError, ValueError):
        words = Path(f"/proc/{process}/status").read_text().split()
        return int(words[words.index("VmHWM:") + 1]) / 1024
    if process != "self":
        return 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


@contextlib.contextmanager
def watching_children() -> Iterator[list[float]]:
    """While inside, keep the peak memory of any child process in a list of one."""
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for task in Path("/proc/self/task").glob("*/children"):
                with contextlib.suppress(OSError):  # threads come and go
                    for child in task.read_text().split():
                        peak[0] = max(peak[0], peak_memory(child))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def sweep(runs: int) -> dict[str, float]:
    """Train so many tiny runs; return the seconds, and the peak memory of driver and worker."""
    import bnexp

    rates = geometric(0.1, 0.001, runs // 2)
    with tempfile.TemporaryDirectory() as folder, watching_children() as peak:
        started = time.perf_counter()
        results = bnexp.sweep(
            config_path("fig6-18-digits"),
            axes={"optimizer.lr": rates, "norm.kind": ["batch", "none"], "init.scale": [0.1]},
            overrides=TINY,
            output=Path(folder) / "results",
        )
        seconds = time.perf_counter() - started
    if results.finished != (runs, runs):
        raise SystemExit(f"{results}: not all runs are done")
    return {"seconds": seconds, "driver": peak_memory(), "worker": peak[0]}


def sweep_apart(runs: int) -> dict[str, float]:
    """Do ``sweep`` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--sweep", str(runs)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def stack_timer(axes: Sequence[str], overrides: Sequence[str]) -> Callable[[], float]:
    """Return a function that trains the runs of a sweep as one stack and returns the seconds."""
    from bnexp.config import load_sweep
    from bnexp.engines.base import Flags, RunEnded, Workplace
    from bnexp.engines.shelf import DataShelf
    from bnexp.engines.work import work_on
    from bnexp.plan import Stack, plan_sweep

    loaded = load_sweep(config_path("fig6-18-digits"), axes=axes, overrides=overrides)
    stack = Stack(tuple(plan_sweep(loaded).runs.values()), 0)
    shelf, workplace = DataShelf(), Workplace()
    shelf.load(stack, workplace)

    def run() -> float:
        started = time.perf_counter()
        events = list(work_on(stack, workplace, shelf, Flags()))
        seconds = time.perf_counter() - started
        ends = [event.result.status for event in events if isinstance(event, RunEnded)]
        if len(ends) != len(stack.runs) or "failed" in ends:
            raise SystemExit(f"the stack was not trained: {ends}")
        return seconds

    return run


def take_turns(timers: dict[int, Callable[[], float]], rounds: int) -> dict[int, list[float]]:
    """Return the times of so many rounds, after one to warm up."""
    from threadpoolctl import threadpool_limits

    times: dict[int, list[float]] = {size: [] for size in timers}
    with threadpool_limits(limits=1, user_api="blas"):
        for number in range(rounds + 1):
            for size, timer in timers.items():
                seconds = timer()
                if number:
                    times[size].append(seconds)
    return times


def print_runs(counts: Sequence[int], rounds: int) -> None:
    """Print time and memory by the number of runs."""
    heads = ["tiny runs in a sweep", f"median of {rounds}", "lowest to highest", "per run"]
    print_head([*heads, "peak of the driver", "peak of a worker"])
    measured: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    for _ in range(rounds):
        for count in counts:
            measured[count].append(sweep_apart(count))
    for count, values in measured.items():
        seconds = [value["seconds"] for value in values]
        median = statistics.median(seconds)
        memory = [f"{max(v[who] for v in values):.0f} MB" for who in ("driver", "worker")]
        per_run = f"{median / count * 1e3:.1f} ms"
        print_row([count, show(median), spread(seconds), per_run, *memory])
    print(flush=True)


def print_stacks(sizes: Sequence[int], rounds: int) -> None:
    """Print the time of one network by the number of networks in its stack, for both arms."""
    head = ["networks in a stack"]
    for arm in ("batch norm", "no norm"):
        head += [f"{arm}: per network, median of {rounds}", "lowest to highest", "against alone"]
    print_head(head)
    columns = []
    for kind in ("batch", "none"):
        timers = {}
        for size in sizes:
            scales = json.dumps(geometric(0.2, 0.05, size))
            axes = [f"init.scale={scales}", f'norm.kind=["{kind}"]']
            timers[size] = stack_timer(axes, STACKED)
        columns.append(take_turns(timers, rounds))
    for size in sizes:
        row: list[Any] = [size]
        for times in columns:
            each = [seconds / size for seconds in times[size]]
            alone = statistics.median(times[sizes[0]]) / sizes[0]
            ratio = statistics.median(each) / alone
            row += [show(statistics.median(each)), spread(each), f"{ratio:.2f}"]
        print_row(row)
    print(flush=True)


def print_widths(widths: Sequence[int], rounds: int) -> None:
    """Print the time of one network in a stack of 4 by the width of its five layers."""
    heads = ["width, in a stack of 4", f"per network, median of {rounds}", "lowest to highest"]
    print_head([*heads, "GFLOP/s"])
    timers = {}
    for width in widths:
        axes = ["init.scale=[0.2, 0.1, 0.05, 0.02]", 'norm.kind=["batch"]']
        timers[width] = stack_timer(axes, [*STACKED, f"network.layers={[width] * 5}"])
    for width, values in take_turns(timers, rounds).items():
        each = [seconds / 4 for seconds in values]
        median = statistics.median(each)
        row = [width, show(median), spread(each), f"{operations(width) / median / 1e9:.0f}"]
        print_row(row)
    print(flush=True)


def operations(width: int) -> float:
    """Return the floating-point operations of a network's products: 41 steps, 5 evaluations."""
    first, others = 64 * width, 4 * width * width + 10 * width
    # Forward and the weights' gradient, and the input's but for the first layer.
    return 2 * (41 * 100 * (2 * first + 3 * others) + 5 * 1000 * (first + others))


@click.command()
@click.option("--sweep", "runs", default=0, hidden=True, help="Only this sweep, as JSON.")
@options
def main(runs: int, rounds: int, only: str, quick: bool) -> None:
    """Print the tables of G."""
    if runs:
        print(json.dumps(sweep(runs)))
        return
    rounds = 1 if quick else rounds
    if only in "runs":
        print_runs([16, 160] if quick else [16, 160, 1600], rounds)
    if only in "stacks":
        print_stacks([1, 4, 16] if quick else [1, 2, 4, 8, 16], max(rounds, 3))
    if only in "widths":
        print_widths([32, 128, 512] if quick else [32, 64, 128, 256, 512], max(rounds, 3))
    if quick:
        print("Quick: left out: 1600 runs, stacks of 2 and 8, widths 64 and 256.")
    print(describe_session(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
