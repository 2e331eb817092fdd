"""Printing what a config means before anything is trained; no NumPy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from bnexp.config import Config, network_spec, steps_per_epoch, total_steps
from bnexp.config.dump import dump_value
from bnexp.environment import available_cores, threads_for
from bnexp.plan import Plan, Stack, cut_stacks, plan_sweep, run_multiply_adds
from bnexp.store.contents import Contents, read_contents
from bnexp.store.find import folder_for, refuse_other_question
from bnexp.store.results import Results, make_results

_MOST_VALUES = 20


def plan_facts(plan: Plan, jobs: int, engine: str | None = None) -> dict[str, Any]:
    """Return the plan in numbers; where runs differ, ``[smallest, largest]``."""
    stacks = cut_stacks(plan.runs.values(), jobs=jobs)
    configs = plan.kinds
    costs = {key: run_multiply_adds(config) for key, config in configs.items()}
    return {
        "cells": len(plan.cells),
        "runs": len(plan.runs),
        "stacks": len(stacks),
        "jobs": jobs,
        "parameters": _range(network_spec(config).parameters for config in configs.values()),
        "steps_per_epoch": _range(map(steps_per_epoch, configs.values())),
        "steps": _range(map(total_steps, configs.values())),
        "multiply_adds": sum(costs[run.stack_key] for run in plan.runs.values()),
        "rough_seconds": round(rough_seconds(stacks, jobs, engine), 1),
    }


def _range(numbers: Iterable[int]) -> int | list[int]:
    ordered = sorted(set(numbers))
    return ordered[0] if len(ordered) == 1 else [ordered[0], ordered[-1]]


def print_plan(
    config: Config,
    *,
    output: Path | None,
    jobs: int | None,
    engine: str | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Print what a sweep would do: its plan, its folder, and what is finished there.

    With ``fresh`` nothing is. Raises ResultsError when the folder is none for this sweep.
    """
    plan = plan_sweep(config)
    folder = output or folder_for(config, "sweep")
    facts = plan_facts(plan, jobs or available_cores(), engine)
    facts |= {"folder": str(folder), "finished": 0 if fresh else _count_finished(folder, plan)}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    rows = [(key, _values(values)) for key, values in config.sweep.axes.items()]
    if rows:
        print_table(rows, numbers_from=2)
    print_facts(facts)
    click.echo(f"{facts['finished']} of {_count(facts['runs'], 'run')} finished in {folder}")


def _count_finished(folder: Path, plan: Plan) -> int:
    contents = _open(folder, plan.config, "sweep")
    return len(plan.runs.keys() & contents.ended().keys()) if contents else 0


def open_results(folder: Path, config: Config, command: str) -> Results | None:
    """Return what a command's folder holds; None when it is not there yet, or empty.

    Raises ResultsError when it holds the answer to another question.
    """
    contents = _open(folder, config, command)
    return make_results(contents) if contents else None


def _open(folder: Path, config: Config, command: str) -> Contents | None:
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    contents = read_contents(folder)
    refuse_other_question(contents, config, command)
    return contents


def _values(values: Sequence[Any]) -> str:
    shown = [f"{v:.4g}" if isinstance(v, float) else dump_value(v) for v in values]
    more = [] if len(shown) <= _MOST_VALUES else [f"... ({len(shown)} values)"]
    return ", ".join([*shown[:_MOST_VALUES], *more])


def rough_seconds(stacks: Sequence[Stack], jobs: int, engine: str | None = None) -> float:
    """Estimate the time when ``jobs`` workers take the stacks in order.

    Where a core is free for each they have a second thread, but for those of a Dask cluster.
    """
    workers = [0.0] * min(jobs, len(stacks))
    threads = 1 if engine == "dask" else threads_for(len(workers))
    for stack in stacks:
        workers[workers.index(min(workers))] += stack.seconds_on(threads)
    return max(workers)


def print_table(rows: Sequence[Sequence[str]], *, numbers_from: int = 1) -> None:
    """Print rows as columns: words to the left, from column ``numbers_from`` on to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            text.ljust(width) if i < numbers_from else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def print_facts(facts: dict[str, Any]) -> None:
    """Print the plan's numbers in words."""
    click.echo(
        f"{_count(facts['cells'], 'cell')}, {_count(facts['runs'], 'run')} in "
        f"{_count(facts['stacks'], 'stack')} on {_count(facts['jobs'], 'worker')}"
    )
    click.echo(
        f"{_count(facts['parameters'], 'parameter')}, {_count(facts['steps'], 'step')} a run "
        f"({_span(facts['steps_per_epoch'])} an epoch)"
    )
    if saved := facts.get("without_halving"):
        share = 1 - facts["multiply_adds"] / saved["multiply_adds"]
        click.echo(
            f"halving trains {facts['all_epochs']:,} of {_count(saved['all_epochs'], 'epoch')}, "
            f"{facts['all_steps']:,} of {_count(saved['all_steps'], 'step')} (the report on the "
            f"best included): {share:.0%} less work, {_time(saved['rough_seconds'])} without it"
        )
    click.echo(f"{_large(facts['multiply_adds'])} multiply-adds, {_time(facts['rough_seconds'])}")


def _count(number: int | list[int], noun: str) -> str:
    return f"{_span(number)} {noun}" + ("" if number == 1 else "s")


def _span(number: int | list[int]) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number[0]:,} to {number[1]:,}"


def _large(number: int) -> str:
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:,.3g} {word}" if number < 1000 * size else f"{number:.2e}"
    return f"{number:,}"


def _time(seconds: float) -> str:
    if seconds < 1.5:
        return "about a second or less"
    if seconds < 90:
        return f"roughly {seconds:.0f} seconds"
    hours, minutes = seconds / 3600, seconds / 60
    return f"roughly {minutes:.0f} minutes" if minutes < 90 else f"roughly {hours:,.0f} hours"
