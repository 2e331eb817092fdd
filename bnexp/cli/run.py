"""``bnexp run``: one config, a line per epoch, then its curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bnexp.cli.options import (
    data_dir_option,
    engine_options,
    folder_options,
    rerun_option,
    set_option,
)
from bnexp.cli.streams import say


@click.command("run", epilog="Example: bnexp run configs/mnist-bn.yaml --set optimizer.lr=0.05")
@click.argument("config", type=click.Path(path_type=Path))
@set_option
@click.option("--seed", type=int, show_default="the config's", help="Train with this seed.")
@engine_options("inline, or local where a step takes long")
@data_dir_option
@folder_options
@rerun_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(config: Path, as_json: bool, **options: Any) -> None:
    """Train one config and draw its curves.

    The sweep of CONFIG is left out. The same command finds its results again and goes on from
    there.
    """
    from bnexp.api import run
    from bnexp.cli.notes import note_config
    from bnexp.cli.pictures import draw
    from bnexp.cli.progress import LineWatcher
    from bnexp.cli.tables import finish
    from bnexp.config import load_config

    overrides = options.pop("overrides")
    loaded = load_config(config, overrides=overrides, seed=options.pop("seed"))
    note_config(loaded, config, overrides)
    if loaded.sweep.axes:
        say("note: `bnexp run` leaves the config's sweep out; `bnexp sweep` trains it")
    results = run(loaded, watcher=LineWatcher(), **options)
    pictures = list(draw(results)) if results.metrics else []
    if not pictures:
        say("there is no picture: the run ended before its first record")
    finish(results, as_json=as_json, pictures=pictures)
