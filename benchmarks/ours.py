"""Our side of the contests: whole calls of the library, or the training alone.

``whole`` is everything a caller waits for: planning, workers, reading and verifying the data,
training, evaluating, writing the results. ``fit`` has its data loaded, as the frameworks have, and
does what a worker does with a stack: training with its evaluations.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contest import Contestant, config_path
from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import gains
from bnexp.environment import ONE_THREAD, available_cores
from bnexp.records import RunResult


def contestant(name: str, config: str, mode: str, task: Task, **options: Any) -> Contestant:
    """Return us at a config's work, in a mode."""
    task = replace(task, mode=f"{config}:{mode}")
    return Contestant(name, "benchmarks.ours", task, environment=ONE_THREAD, **options)


def overrides(config: str, task: Task) -> list[str]:
    """Return what the contest changes: one epoch of the big networks, fewer examples on request."""
    changed = [] if config == "fig6-18" else ["training.epochs=1"]
    return [*changed, f"data.train={task.train}"] if task.train else changed


def command(config: str, task: Task) -> tuple[str, ...]:
    """Return the words of the whole command for the cold time."""
    verb = "sweep" if config == "fig6-18" or task.networks > 1 else "run"
    words = ["-m", "bnexp", verb, str(config_path(config)), "--output", "{folder}/results"]
    for override in overrides(config, task):
        words += ["--set", override]
    for key, values in axes(task).items():
        words += ["--axis", f"{key}={json.dumps(values)}"]
    return tuple(words)


def axes(task: Task) -> Mapping[str, Any]:
    """Return the axes of several networks: the gains of their initial weights."""
    if task.networks == 1:
        return {}
    return {"init.scale": list(task.share(gains(task.networks))), "norm.kind": ["batch"]}


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that does the whole work, or the training alone."""
    config, mode = task.mode.split(":")
    if mode == "fit":
        return _prepare_fit(config, task)

    import bnexp

    def run() -> Result:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "results"
            changed = overrides(config, task)
            if config == "fig6-18" or task.networks > 1:
                results = bnexp.sweep(
                    config_path(config),
                    axes=axes(task),
                    overrides=changed,
                    jobs=available_cores(),
                    output=output,
                )
            else:
                results = bnexp.run(config_path(config), overrides=changed, output=output)
        return _summary(results.runs.values())

    return run


def _prepare_fit(config: str, task: Task) -> Callable[[], Result]:
    from bnexp.config import load_run, load_sweep
    from bnexp.engines.base import Flags, RunEnded, Workplace
    from bnexp.engines.shelf import DataShelf
    from bnexp.engines.work import work_on
    from bnexp.environment import threads_for
    from bnexp.plan import Stack, plan_run, plan_sweep

    changed = overrides(config, task)
    if task.networks > 1:
        specs = [f"{key}={json.dumps(values)}" for key, values in axes(task).items()]
        plan = plan_sweep(load_sweep(config_path(config), axes=specs, overrides=changed))
    else:
        plan = plan_run(load_run(config_path(config), overrides=changed))
    stack = Stack(tuple(plan.runs.values()), 0)
    # A run alone has the cores to itself, as it has in `bnexp run`.
    threads = threads_for(1) if task.networks == 1 else 1
    shelf, workplace = DataShelf(), Workplace(threads=threads)
    shelf.load(stack, workplace)

    def run() -> Result:
        events = list(work_on(stack, workplace, shelf, Flags()))
        return _summary(event.result for event in events if isinstance(event, RunEnded))

    return run


def _summary(results: Iterable[RunResult]) -> Result:
    """Return the best accuracy of a figure's networks, or the worst of those that all learn."""
    finals = [result.final for result in results]
    if "test_accuracy" not in finals[0]:
        return {"accuracy": max(final.get("train_accuracy", 0) for final in finals)}
    return {
        "accuracy": min(final["test_accuracy"] for final in finals),
        "loss": max(final["running_loss"] for final in finals),
    }


if __name__ == "__main__":
    serve(prepare)
