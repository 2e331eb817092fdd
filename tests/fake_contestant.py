"""A contestant for the tests of contests: it does what its task's mode says, and keeps a diary."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.contestant import Result, Task, serve


def prepare(task: Task) -> Callable[[], Result]:
    diary, name = Path(os.environ["DIARY"]), os.environ["NAME"]
    if task.mode == "broken":
        raise RuntimeError("out of order")

    def write(word: str) -> None:
        with diary.open("a") as file:
            file.write(f"{name}{task.part} {word}\n")

    def run() -> Result:
        write("runs")
        if task.mode == "dies later" and diary.read_text().count(f"{name}0") > 1:
            sys.exit("died later")
        if task.mode == "silent":
            return {}
        accuracy = {"nan": float("nan"), "bad": 0.1}.get(task.mode, 0.9)
        # The last process is a little worse than the others.
        worse = 0.05 if task.part == task.parts - 1 else 0.0
        return {"accuracy": accuracy - worse, "loss": 0.5 + worse}

    write("starts")
    return run


if __name__ == "__main__":
    serve(prepare)
