"""``bnexp sweep``: all cells of a sweep on worker processes, then a table of how they ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bnexp.cli.options import plan_options, rerun_option
from bnexp.cli.streams import say


@click.command("sweep", epilog="Example: bnexp sweep --weights logspace --seeds 3")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--weights", metavar="SPEC", help="Sweep the initial scale: --axis init.scale=SPEC.")
@click.option(
    "--axis",
    "axes",
    metavar="KEY=SPEC",
    multiple=True,
    help="Sweep a key of the config; may be given often. SPEC is logspace(A, B, N) (powers of "
    "ten; logspace alone is 0, -4, 16), linspace(A, B, N), or values with commas. In a shell "
    "brackets need quotes: --axis 'optimizer.lr=logspace(-3, 0, 4)', or "
    "--axis 'network.layers=[32], [64, 32]'.",
)
@click.option(
    "--seeds",
    type=int,
    metavar="N",
    show_default="the config's",
    help="Train every cell with this many seeds.",
)
@click.option("--seed", type=int, show_default="the config's", help="The first seed.")
@plan_options
@rerun_option
@click.option("--json", "as_json", is_flag=True, help="Print cells and statuses as JSON.")
def command(config: Path | None, as_json: bool, dry_run: bool, **options: Any) -> None:
    """Train every combination of a config's axes and seeds.

    Without CONFIG the built-in one is swept: initial scales on the embedded digits. With --weights
    as the only axis, batch norm is compared with none. Stop it whenever you like: the same command
    goes on from there, and more seeds or values extend what is there.
    """
    from bnexp.cli.notes import note_config
    from bnexp.cli.plans import print_plan
    from bnexp.config import load_sweep

    named = {name: options.pop(name) for name in ("axes", "weights", "seeds", "seed", "overrides")}
    loaded = load_sweep(config, **named)
    weights = [] if named["weights"] is None else [f"init.scale={named['weights']}"]
    axes = [*named["axes"], *weights]
    note_config(loaded, config, named["overrides"], used=["sweep.axes"], axes=axes)
    if not loaded.sweep.axes:
        more = "; `bnexp search` draws from its ranges" if loaded.search.space else ""
        say(f"note: this config sweeps nothing; name what to vary with --axis or --weights{more}")
    if dry_run:
        where = {name: options[name] for name in ("output", "jobs", "engine", "fresh")}
        print_plan(loaded, **where, as_json=as_json)
        return
    from bnexp.api import sweep
    from bnexp.cli.progress import BarWatcher
    from bnexp.cli.tables import finish

    finish(sweep(loaded, watcher=BarWatcher(), **options), as_json=as_json)
