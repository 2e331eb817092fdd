"""Printing what a config means before anything is trained; no NumPy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bnexp.config import network_spec, steps_per_epoch, total_steps
from bnexp.config.schema import Config
from bnexp.describe import Dense, NetworkSpec, Norm
from bnexp.environment import available_cores
from bnexp.plan import Plan, Stack, cut_stacks, plan_sweep, run_multiply_adds
from bnexp.store.folder import folder_for
from bnexp.store.journal import NAME as JOURNAL
from bnexp.store.results import load_results


def network_rows(spec: NetworkSpec) -> list[tuple[str, str, str, str]]:
    """Return the network as rows: layer, output, parameters, multiply-adds for one example.

    A dense layer right before a centring norm has no bias: the norm would subtract it again.
    """
    rows = [("layer", "output", "parameters", "multiply-adds")]
    for layer in spec.layers:
        if isinstance(layer, Dense):
            name = f"dense {layer.units}" + ("" if layer.bias else ", no bias")
            size, work = f"{layer.parameters:,}", f"{layer.multiply_adds:,}"
            rows.append((name, str(layer.units), size, work))
        elif isinstance(layer, Norm):
            rows.append((f"{layer.kind} norm", str(layer.units), f"{layer.parameters:,}", ""))
        else:
            name = getattr(layer, "kind", "dropout")
            rows.append((f"{name}", str(layer.units), "", ""))
    rows.append(("total", str(spec.classes), f"{spec.parameters:,}", f"{spec.multiply_adds:,}"))
    return rows


def plan_facts(plan: Plan, jobs: int) -> dict[str, Any]:
    """Return the plan in numbers."""
    stacks = cut_stacks(plan.runs.values(), jobs=jobs)
    first = next(iter(plan.runs.values())).config
    return {
        "cells": len(plan.cells),
        "runs": len(plan.runs),
        "stacks": len(stacks),
        "jobs": jobs,
        "parameters": network_spec(first).parameters,
        "steps_per_epoch": steps_per_epoch(first),
        "steps": total_steps(first),
        "multiply_adds": sum(run_multiply_adds(run.config) for run in plan.runs.values()),
        "rough_seconds": round(_rough_seconds(stacks, jobs), 1),
    }


def print_plan(config: Config, output: Path | None, jobs: int | None, *, as_json: bool) -> None:
    """Print what a sweep would do: its plan, its folder, and what is finished there."""
    plan = plan_sweep(config)
    folder = output or folder_for(config, "sweep")
    done = load_results(folder).runs if (folder / JOURNAL).exists() else {}
    facts = plan_facts(plan, jobs or available_cores())
    facts |= {"folder": str(folder), "finished": len(plan.runs.keys() & done.keys())}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    rows = [(key, _values(values)) for key, values in config.sweep.axes.items()]
    if rows:
        print_table(rows, numbers_from=2)
    print_facts(facts)
    click.echo(f"{facts['finished']} of {facts['runs']} runs are finished in {folder}")


def _values(values: Sequence[Any]) -> str:
    shown = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values]
    more = [] if len(shown) <= 20 else [f"... ({len(shown)} values)"]
    return ", ".join([*shown[:20], *more])


def _rough_seconds(stacks: Sequence[Stack], jobs: int) -> float:
    """Estimate the time when ``jobs`` workers take the stacks in order."""
    workers = [0.0] * jobs
    for stack in stacks:
        workers[workers.index(min(workers))] += stack.seconds
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
        f"{facts['cells']} cells, {facts['runs']} runs in {facts['stacks']} stacks "
        f"on {facts['jobs']} workers"
    )
    click.echo(
        f"{facts['parameters']:,} parameters, {facts['steps']:,} steps a run "
        f"({facts['steps_per_epoch']:,} an epoch)"
    )
    click.echo(
        f"{facts['multiply_adds'] / 1e9:,.3g} billion multiply-adds in all, "
        f"roughly {facts['rough_seconds']:g} s"
    )
