"""A Dask cluster on this machine for one sweep: a scheduler in the driver, workers as processes.

Dask's own LocalCluster starts its workers by importing the caller's script again, which would then
need a ``__main__`` guard; ours are started as a module, as those of the local engine. Everything
listens on the loopback interface only, and nothing of it outlives the driver.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import IO

import dask
from distributed import Scheduler

from bnexp.engines.base import RETRIES
from bnexp.engines.crew import worker_environment
from bnexp.engines.dask.process import QUIET
from bnexp.errors import ClusterError, OutputError

_WORK = """
import sys
sys.path = [place for place in sys.path if place]
from bnexp.engines.dask.process import main
main()
"""


class WorkersHere:
    """Worker processes for a scheduler in this process."""

    def __init__(self, address: str, count: int, log: IO[str]) -> None:
        self.address = address
        self.count = count
        self.log = log
        self.processes: list[subprocess.Popen[str]] = []
        self._deaths = 0
        self.tend()

    def tend(self) -> None:
        """Start workers, also for those that have died. Raises ClusterError when all do."""
        dead = [process for process in self.processes if process.poll() is not None]
        self._deaths += len(dead)
        _bury(dead)
        if self._deaths > self.count * (RETRIES + 1):
            self.log.seek(0)
            words = self.log.read().strip().splitlines()
            reason = f": {words[-1]}" if words else "; is there enough memory?"
            raise ClusterError(f"the Dask workers on this machine die again and again{reason}")
        self.processes = [process for process in self.processes if process not in dead]
        while len(self.processes) < self.count:
            self.processes.append(self._start())

    def _start(self) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                [sys.executable, "-c", _WORK, self.address],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self.log,
                text=True,
                env=worker_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise OutputError(
                f"{sys.executable}: a worker process cannot be started: {error.strerror}; give "
                "fewer with --jobs"
            ) from error

    def end(self) -> None:
        """Kill all workers: what they had to say is said."""
        for process in self.processes:
            process.kill()
        _bury(self.processes)


def _bury(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.wait()
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.close()


@contextlib.asynccontextmanager
async def workers_here(count: int) -> AsyncIterator[WorkersHere]:
    """Have a cluster of ``count`` workers, of one thread each, while inside."""
    with dask.config.set(QUIET):
        here = Scheduler(host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0")
    async with here as scheduler:
        with tempfile.TemporaryFile("w+") as log:
            workers = WorkersHere(scheduler.address, count, log)
            try:
                yield workers
            finally:
                workers.end()
