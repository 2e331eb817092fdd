"""A probe for ``startup.py``: the command ``bnexp ...`` up to the end of its first training step.

It runs the command line as it is, but for a training step that says on stdout when it was done and
ends the process.
"""

from __future__ import annotations

import os
import time
from typing import Any

from bnexp.cli import main
from bnexp.train.stack import TrainingStack

_update = TrainingStack.update


def _update_once(*args: Any) -> None:
    _update(*args)
    os.write(1, f"first step at {time.time()!r}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    TrainingStack.update = _update_once  # type: ignore[method-assign, assignment]
    main()
