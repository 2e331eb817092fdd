"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bnexp.cli.choices import Choice
from bnexp.engines.names import ENGINES

_Command = TypeVar("_Command", bound=Callable[..., Any])


def read_count(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Read a whole number from 1 on. Raises ``click.BadParameter``."""
    if text is None:
        return None
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        what = f"{text!r} is not allowed; allowed: a whole number from 1 on"
        raise click.BadParameter(what, context, parameter)
    return count


set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Set one key of the config, such as optimizer.lr=0.1; may be given often.",
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="BNEXP_DATA",
    help="Look for datasets in this folder before the cache.",
)


def engine_options(usual: str) -> Callable[[_Command], _Command]:
    """Return the options that say where stacks are trained; ``usual`` is the default in words."""

    def add(command: _Command) -> _Command:
        for option in (
            click.option(
                "--address",
                metavar="ADDRESS",
                show_default="a cluster made on this machine",
                help="With --engine dask: the cluster's scheduler, such as tcp://10.0.0.5:8786.",
            ),
            click.option(
                "--engine",
                metavar="ENGINE",
                type=Choice(ENGINES),
                show_default=usual,
                help="Where to train: local (worker processes), inline (this process) or dask.",
            ),
        ):
            command = option(command)
        return command

    return add


rerun_option = click.option(
    "--rerun",
    metavar="WHICH",
    type=Choice(["failed", "diverged", "all"]),
    show_default="what failed",
    help="Train finished runs again: failed (which is done anyway), diverged or all.",
)


def folder_options(command: _Command) -> _Command:
    """Add the options that say where results go and what is done with older ones."""
    for option in (
        click.option(
            "--strict",
            is_flag=True,
            help="Refuse to go on from work of other versions or another BLAS kernel.",
        ),
        click.option(
            "--fresh",
            is_flag=True,
            help="Set an older results folder aside under a numbered name and start again.",
        ),
        click.option(
            "--output",
            type=click.Path(file_okay=False, path_type=Path),
            show_default="results/NAME-HASH",
            help="The results folder.",
        ),
    ):
        command = option(command)
    return command


jobs_option = click.option(
    "--jobs",
    metavar="N",
    callback=read_count,
    show_default="the cores available, or all of a cluster",
    help="How many workers, or of a cluster at most how many.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the plan and train nothing.")


def plan_options(command: _Command) -> _Command:
    """Add the options of the commands that train many runs: what is set, where, or only planned."""
    shared = (set_option, jobs_option, engine_options("local"), dry_run_option, data_dir_option)
    command = folder_options(command)
    for option in reversed(shared):
        command = option(command)
    return command
