"""A Dask worker of ours: one thread, and gone as soon as the driver is.

``here`` starts it, with the scheduler's address as its argument, BLAS pinned to one thread by its
environment, and its stdin held open by the driver: the end of stdin means that the driver is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time

_SECONDS_TO_STOP = 1.2
#: What Dask samples for dashboards takes some percents of a core, and nobody looks here.
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
}


def main() -> None:
    """Serve a scheduler until it, or the driver, is gone."""
    # An interrupt is the driver's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_go_with_driver, daemon=True).start()
    # What a library prints is no answer of the driver's.
    os.dup2(2, 1)
    try:
        asyncio.run(_serve(sys.argv[1]))
    finally:
        os._exit(0)  # whatever a thread is busy with


async def _serve(address: str) -> None:
    import dask
    from distributed import Worker

    dask.config.set(QUIET)
    # What is kept for the others here is small: no limit to memory but the machine's.
    async with Worker(
        address, nthreads=1, memory_limit=0, host="127.0.0.1", dashboard_address=None
    ) as worker:
        await worker.finished()


def _go_with_driver() -> None:
    sys.stdin.read()
    time.sleep(_SECONDS_TO_STOP)
    os._exit(0)


if __name__ == "__main__":
    main()
