"""What all contests have in common: options, what a quick one leaves out, and the printed table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import click

from benchmarks.contest import Bounds, Contestant, ContestError, hold
from benchmarks.table import describe_session, print_contest

#: Examples of a big dataset in a quick contest.
QUICK_EXAMPLES = {"keras-mnist": 9600, "cifar10-cnn": 2560}


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every contest has."""
    for option in (
        click.option("--rounds", default=3, show_default=True, help="Warm runs of each."),
        click.option("--only", default="", help="Names (parts of them, with commas) beside ours."),
        click.option("--quick", is_flag=True, help="One round, few peers, short epochs."),
    ):
        command = option(command)
    return command


def play(
    title: str, contestants: Sequence[Contestant], bounds: Bounds, choice: dict[str, Any]
) -> None:
    """Hold a contest as its options say, and print its table. The first contestant is ours."""
    ours, *others = contestants
    rounds, starts, left_out = choice["rounds"], None, ""
    if choice["quick"]:
        rounds, starts = 1, 1
        gone = [other.name for other in others if not other.quick]
        others = [other for other in others if other.quick]
        ours = replace(ours, cold=())
        gone.append("our whole command (cold is a process of ours, as for the others)")
        left_out = f"Quick: one round and one start; left out: {', '.join(gone)}."
    if choice["only"]:
        words = choice["only"].split(",")
        others = [other for other in others if any(word in other.name for word in words)]
    try:
        times = hold([ours, *others], rounds, bounds, starts=starts, say=_say)
    except ContestError as error:
        sys.exit(f"error: {error}")
    print_contest(title, times)
    if left_out:
        print(left_out)
    print(describe_session(), end="\n\n", flush=True)


def shortened(contestants: Sequence[Contestant], train: int) -> list[Contestant]:
    """Return the contestants with only so many examples to learn."""
    return [replace(one, task=replace(one.task, train=train)) for one in contestants]


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
