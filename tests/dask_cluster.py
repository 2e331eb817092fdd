"""A Dask cluster for tests, as a user would start one: a scheduler and workers on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from sweeps import environment, wait_until


class Cluster:
    """A scheduler's address and the processes, the scheduler's first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = environment()
        self.workers: list[subprocess.Popen[bytes]] = []
        about = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        options += ["--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(about)]
        self.scheduler = self._start("scheduler", *options)
        wait_until(about.exists, "the scheduler runs")
        self.address = wait_until(lambda: _address(about), "the scheduler has an address")

    def hire(
        self, count: int = 1, *, path: str = "", threads: int = 1, options: Sequence[str] = ()
    ) -> None:
        """Start workers, perhaps with other modules before all others."""
        for _ in range(count):
            words = ["--nthreads", str(threads), "--no-nanny", "--no-dashboard", *options]
            words += ["--host", "127.0.0.1", "--local-directory", str(self.folder)]
            self.workers.append(self._start("worker", self.address, *words, path=path))
        log, count = self.folder / "log", len(self.workers)
        wait_until(lambda: log.read_text().count("Registered to") >= count, "workers are there")

    def _start(self, what: str, *options: str, path: str = "") -> subprocess.Popen[bytes]:
        log = (self.folder / "log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", what, *options],
                env=self.env | {"PYTHONPATH": environment(path=path)["PYTHONPATH"]},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def end(self) -> None:
        """Kill everything."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def _address(about: Path) -> str | None:
    with contextlib.suppress(ValueError):  # half written
        return str(json.loads(about.read_text())["address"])
    return None


@contextlib.contextmanager
def dask_cluster(workers: int = 2) -> Iterator[Cluster]:
    """Have a cluster of workers with one thread each while inside."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        cluster = Cluster(Path(name))
        try:
            cluster.hire(workers)
            yield cluster
        finally:
            cluster.end()
