"""A worker process: ``python -m bnexp.engines.worker`` trains the stacks it is told of on stdin.

It answers on stdout, one JSON object a line, and writes nothing but its checkpoints. The end of
stdin means stop: either the driver says so, or the driver is gone; both end this process within two
seconds, whatever it is busy with. BLAS is pinned to one thread by the environment it was started
with.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from bnexp.engines.base import Flags, Workplace
from bnexp.engines.messages import (
    FINISHED,
    SHARE,
    decode_task,
    encode_error,
    encode_event,
    write_answer,
)
from bnexp.engines.shelf import DataShelf
from bnexp.engines.work import work_on
from bnexp.errors import BnexpError
from bnexp.plan.work import Stack

_SECONDS_TO_STOP = 1.2
#: Longer than a driver keeps a worker, or one could end just as it is given work.
_SECONDS_TO_REST = 75.0

#: Lines of stdin with the flags that belong to them; None at the end.
_Tasks = queue.SimpleQueue[tuple[str, Flags] | None]


def main() -> None:
    """Serve tasks until stdin ends."""
    # An interrupt is the driver's to handle: it closes stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks: _Tasks = queue.SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_listen, args=(tasks, stop), daemon=True).start()
    # Answers go to the real stdout; what a library prints must not get among them.
    stdout = os.dup(1)
    os.dup2(2, 1)
    shelf = DataShelf()
    wait: float | None = None
    try:
        with os.fdopen(stdout, "w", encoding="utf-8", buffering=1) as answers:
            while (given := tasks.get(timeout=wait)) is not None:
                line, flags = given
                task, wait = decode_task(line), None
                if task is None:
                    shelf, wait = DataShelf(), _SECONDS_TO_REST
                    continue
                for answer in _serve(*task, shelf, flags):
                    answers.write(write_answer(answer))
    except queue.Empty:
        os._exit(0)  # nobody has come for a worker that rests
    except BrokenPipeError:
        os._exit(1)  # the driver is gone; there is nobody to tell
    os._exit(0)  # at once: everything is said, and the driver waits


def _listen(tasks: _Tasks, stop: threading.Event) -> None:
    """Hand on the lines of stdin; at its end, make sure that this process ends."""
    flags = Flags(stop)
    for line in sys.stdin:
        if line.strip() == SHARE:
            flags.share.set()  # of the task that came last, which may not be begun, or be over
        else:
            flags = Flags(stop)
            tasks.put((line, flags))
    stop.set()
    tasks.put(None)
    timer = threading.Timer(_SECONDS_TO_STOP, os._exit, args=(0,))
    timer.daemon = True
    timer.start()


def _serve(
    stack: Stack, workplace: Workplace, shelf: DataShelf, flags: Flags
) -> Iterator[Mapping[str, Any]]:
    try:
        for event in work_on(stack, workplace, shelf, flags):
            yield encode_event(event)
    except BnexpError as error:
        yield encode_error(error)
    yield FINISHED


if __name__ == "__main__":
    main()
