"""``bnexp search``: trials drawn from ranges, ranked by validation, then a table of the best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bnexp.cli.choices import Choice
from bnexp.cli.options import plan_options, read_count
from bnexp.cli.streams import say


@click.command(
    "search", epilog="Example: bnexp search configs/hyperparameter-search.yaml --trials 20"
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--sampler",
    type=Choice(["random", "grid", "random-grid", "tpe"]),
    show_default="the config's, else random",
    help="How trials are drawn; tpe needs Optuna (pip install optuna).",
)
@click.option(
    "--trials",
    metavar="N",
    callback=read_count,
    show_default="the config's, else 20",
    help="How many trials; more of them extend the results that are there.",
)
@click.option(
    "--pruner",
    type=Choice(["none", "halving"]),
    show_default="the config's, else none",
    help="Whether the worse trials are stopped on the way.",
)
@click.option("--seed", type=int, show_default="the config's", help="The seed of all trials.")
@plan_options
@click.option("--json", "as_json", is_flag=True, help="Print the trials, the best first, as JSON.")
def command(config: Path, as_json: bool, dry_run: bool, **options: Any) -> None:
    """Search the ranges of a config for its best values.

    The search block of CONFIG names keys and their ranges. Trials are ranked by an objective on
    validation examples; only the best one is then measured on the test examples. Stop it whenever
    you like: the same command goes on from there.
    """
    from bnexp.cli.notes import note_config
    from bnexp.cli.searches import finish_search, note_search, print_search_plan
    from bnexp.config import load_search

    names = ("overrides", "sampler", "trials", "pruner", "seed")
    named = {name: options.pop(name) for name in names}
    loaded = load_search(config, **named)
    note_config(loaded, config, named["overrides"], used=["search.space"])
    for note in note_search(loaded):
        say(f"note: {note}")
    if dry_run:
        where = {name: options[name] for name in ("output", "jobs", "engine", "fresh")}
        print_search_plan(loaded, **where, as_json=as_json)
        return
    from bnexp.api import search
    from bnexp.cli.progress import BarWatcher

    finish_search(search(loaded, watcher=BarWatcher(), **options), as_json=as_json)
