"""``bnexp check``: is this config right, and what does it mean?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from bnexp.cli.options import set_option


@click.command("check", epilog="Example: bnexp check configs/fig6-18.yaml")
@click.argument("config", type=click.Path(path_type=Path))
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def command(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Validate a config and print what it means.

    Prints CONFIG resolved, its network, and the plans of its sweep and search; trains nothing. All
    mistakes are reported at once, each as file:line:column. Noted is what is allowed but
    may not be meant, such as keys without effect.
    """
    from bnexp.cli.networks import network_rows
    from bnexp.cli.notes import note_config
    from bnexp.cli.plans import plan_facts, print_facts, print_table
    from bnexp.cli.searches import print_search, search_facts
    from bnexp.config import dump_config, load_config, network_spec, resolve
    from bnexp.environment import available_cores
    from bnexp.plan import plan_sweep

    asked = load_config(config, overrides=overrides)
    note_config(asked, config, overrides, used=["sweep.axes", "search.space"])
    loaded = resolve(asked)
    plan = plan_sweep(loaded)
    spec = network_spec(next(iter(plan.runs.values())).config)
    facts = plan_facts(plan, available_cores())
    if as_json:
        head, *rows = network_rows(spec)
        network = [dict(zip(head, row, strict=True)) for row in rows]
        described = {"config": loaded.model_dump(mode="json"), "network": network, "plan": facts}
        if loaded.search.space:
            described["search"] = search_facts(loaded, available_cores())
        click.echo(json.dumps(described, indent=2))
        return
    click.echo(dump_config(loaded))
    print_table(network_rows(spec))
    click.echo()
    print_facts(facts)
    if loaded.search.space:
        click.echo()
        print_search(loaded)
        print_facts(search_facts(loaded, available_cores()))
