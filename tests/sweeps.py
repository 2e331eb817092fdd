"""Helpers for tests of engines, store and driver: small sweeps, processes, and waiting for them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bnexp.config import load_text
from bnexp.plan import Plan, plan_sweep
from bnexp.records import Record, RunResult
from bnexp.store.folder import ResultsFolder
from bnexp.store.journal import NAME, Entry, Lines

ROOT = Path(__file__).resolve().parents[1]

#: Networks of real widths on the embedded digits, quick to train.
DIGITS: dict[str, Any] = {
    "name": "digits",
    "data": {"name": "digits", "train": 300},
    "network": {"layers": [100, 100]},
    "optimizer": {"lr": 0.05},
    "training": {"epochs": 4, "batch_size": 50},
    "evaluate": {"at": "epoch_end", "train": "all", "test": "all"},
}

NORMS = ("none", "batch", "batch_renorm", "layer", "group", "instance", "rms", "noisy_batch")
#: A sweep of convolutional networks over every norm; a third of the 24 runs diverges.
CONVOLUTIONS = yaml.safe_dump(
    {
        "name": "convolutions",
        "data": {"name": "digits", "train": 240, "validation": 40},
        "augmentation": {"shift": 1},
        "network": {"layers": ["conv 8", "pool 2", "conv 16", {"dense": 32, "norm": "batch"}]},
        "norm": {"statistics": "population"},
        "regularization": {"dropout": 0.2, "label_smoothing": 0.1},
        "optimizer": {"kind": "adam", "schedule": "cosine", "clip": 1.0},
        "training": {"epochs": 5, "batch_size": 50, "sampling": "sorted"},
        "evaluate": {"train": 100},
        "sweep": {
            "axes": {
                "norm.kind": [*NORMS],
                "optimizer.lr": [0.01, 1e300, 0.003],
            }
        },
    }
)

#: The axes of a sweep of two runs.
SCALES = {"init.scale": [1.0, 0.1]}


def config_text(axes: Mapping[str, Any] | None = None, seeds: int = 1, **changes: Any) -> str:
    """The YAML of ``DIGITS`` with a sweep and ``section__key=value`` (or ``key=value``) changed."""
    document = {
        key: dict(value) if isinstance(value, dict) else value for key, value in DIGITS.items()
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            document.setdefault(section, {})[key] = value
        else:
            document[section] = value
    document["sweep"] = {"axes": dict(axes or {}), "seeds": seeds}
    return yaml.safe_dump(document)


def make_plan(axes: Mapping[str, Any] | None = None, seeds: int = 1, **changes: Any) -> Plan:
    """The plan of ``config_text``."""
    return plan_sweep(load_text(config_text(axes, seeds, **changes)))


def made_up(run: str, status: Any = "done", *, value: float = 0.5, **facts: Any) -> RunResult:
    """A result that nobody trained."""
    records = tuple(
        Record(epoch, 6 * epoch, {"train_loss": value / epoch, "train_accuracy": value})
        for epoch in (1, 2)
    )
    given: dict[str, Any] = {"epoch": 2, "step": 12, "seconds": 0.25, "fingerprint": ("made up",)}
    return RunResult(run, status, **{"records": records, **given, **facts})


def bits(results: Mapping[str, RunResult]) -> dict[str, Any]:
    """All of some results that must be equal however they were trained."""
    return {
        run: (end.status, end.epoch, end.step, [record.to_json() for record in end.records])
        for run, end in results.items()
    }


def fill(path: Path, plan: Plan, runs: int | None = None, **options: Any) -> list[str]:
    """Give a folder made-up results for what it lacks; return the runs that it lacked."""
    with ResultsFolder(path, plan, "sweep", **options) as folder:
        pending = [run for run in plan.runs if run not in folder.finished()]
        for run in pending[:runs]:
            folder.add(made_up(run, value=int(run, 16) / 16**16))
        folder.write_views()
    return pending


def snapshot(path: Path) -> dict[str, bytes]:
    """The content of every file in a folder."""
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def read_journal(path: Path) -> list[Entry]:
    """The entries of a journal, without a torn last line."""
    return [entry for entry, _ in Lines(path).entries()]


def finished_runs(folder: Path) -> list[str]:
    """The runs in a journal, in the order in which they ended; one for each line."""
    entries = read_journal(folder / NAME)
    return [entry["result"]["run"] for entry in entries if "result" in entry]


def environment(**variables: str) -> dict[str, str]:
    """The environment of processes that tests start."""
    path = os.pathsep.join(filter(None, [variables.pop("path", ""), str(ROOT)]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error", **variables}


def start(*arguments: str | Path, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """Start ``python`` with these arguments in a session of its own, its output in pipes."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=options.pop("env", environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def finish(process: subprocess.Popen[str], seconds: float = 60) -> tuple[int, str, str]:
    """Wait for a process; return its exit code, stdout and stderr."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, out, err


def python(*arguments: str | Path, cwd: Path, **options: Any) -> tuple[int, str, str]:
    """Run ``python`` with these arguments; return its exit code, stdout and stderr."""
    return finish(start(*arguments, cwd=cwd, **options))


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Poll until ``condition()`` is true and return its value; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.005)
    return value


_WORKERS = ("bnexp.engines.worker", "bnexp.engines.dask.process")


def workers_of(pid: int) -> list[int]:
    """The worker processes that a process has started and that are running."""
    return [
        worker
        for worker, parent, state, command in _processes()
        if parent == pid and state != "Z" and any(module in command for module in _WORKERS)
    ]


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    return any(pid == running and state != "Z" for running, _, state, _ in _processes())


def _processes() -> Iterator[tuple[int, int, str, str]]:
    """All processes: id, parent's id, state, command line."""
    if not Path("/proc/self/stat").exists():
        listing = subprocess.check_output(["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="])
        for line in listing.decode(errors="replace").splitlines():
            pid, parent, state, command = line.split(None, 3)
            yield int(pid), int(parent), state[0], command
        return
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            yield int(folder.name), int(parent), state, command


@contextlib.contextmanager
def reading(path: Path) -> Iterator[set[str]]:
    """Read a file over and over while inside; yields the set of the contents seen so far."""
    seen: set[str] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with contextlib.suppress(FileNotFoundError):
                seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        stop.set()
        reader.join()


@contextlib.contextmanager
def public_folder() -> Iterator[Path]:
    """A folder that any user can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take away the right to write in a folder, also from tests that run as root."""
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(mode)
