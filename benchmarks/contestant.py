"""A contestant's side of a contest: prepare once, then run once for every line on stdin.

Each run is answered by one JSON line on stdout: ``{"accuracy": ...}`` and whatever else is known of
it. Whatever libraries print goes to stderr. By hand:

    echo go | python -m benchmarks.peers.torch_mnist mode=eager threads=1
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Task:
    """What a contestant is told on its command line, as ``key=value``.

    ``networks`` are trained in one run, of ``train`` examples (0: all). Where several processes
    share the work, this one is ``part`` of ``parts``.
    """

    mode: str = ""
    threads: int = 1
    networks: int = 1
    train: int = 0
    part: int = 0
    parts: int = 1

    def words(self) -> list[str]:
        """Return the task as words for a command line."""
        return [f"{key}={value}" for key, value in dataclasses.asdict(self).items()]

    @classmethod
    def from_words(cls, words: Sequence[str]) -> Task:
        """Return the task that words describe."""
        values = dict(word.split("=", 1) for word in words)
        mode = values.pop("mode", "")
        return cls(mode, **{key: int(value) for key, value in values.items()})

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return this process' share of the work."""
        return items[self.part :: self.parts]

    def stay_on_one_core(self) -> None:
        """Bind this process to a core of its own: for libraries that take all they can see."""
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cores[self.part % len(cores)]})


def serve(prepare: Callable[[Task], Callable[[], Result]]) -> None:
    """Prepare the task of the command line, then answer every line on stdin with a run's result."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = prepare(Task.from_words(sys.argv[1:]))
    for _ in sys.stdin:
        print(json.dumps(run()), file=answers, flush=True)
