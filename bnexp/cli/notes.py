"""Notes on a config that is right, but may not say what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bnexp.cli.streams import say
from bnexp.config import Config, resolve
from bnexp.config.dump import dump_value
from bnexp.config.load import written_places
from bnexp.errors import ConfigError
from bnexp.plan import Cell, Plan, Run, plan_sweep
from bnexp.plan.unused import unused_keys
from bnexp.trials import plan_search
from bnexp.trials.planning import report_run


def note_unused(config: Config, path: Path | None, overrides: Sequence[str]) -> None:
    """Say which keys that are written have no effect, where each stands, and why it has none.

    ``config`` is what was loaded from ``path`` and ``overrides``, not resolved. Nothing is said of
    a key of the file that an override takes its effect: that is what it is for.
    """
    try:
        unused = unused_keys(config, lambda: _all_runs(config))
        places = written_places(path, overrides=overrides) if unused else {}
    except ConfigError:  # some cell is refused: for the command to say, if it asks for that
        return
    told = []
    for key, switch in unused.items():
        place, other = places.get(key), places.get(switch)  # what was read from a pipe has none
        if (place and place.rank) or not (other and other.rank):
            why = "; ".join(filter(None, (str(place or ""), _reason(config, switch))))
            told.append(f"{key} ({why})" if why else key)
    if told:
        say(f"note: without effect here: {', '.join(told)}")


def _reason(config: Config, switch: str) -> str:
    if not switch:
        return ""
    section, _, name = switch.partition(".")
    values = config.sweep.axes.get(switch, (getattr(getattr(resolve(config), section), name),))
    return f"{switch} is {' or '.join(map(dump_value, values))}"


def _all_runs(config: Config) -> Iterator[Config]:
    """Yield configs of the runs that a sweep or a search of this config trains: all that matter."""
    sweep = plan_sweep(config)
    yield from (run.config for run, _ in _kinds(sweep))
    if config.search.space:
        plan = plan_search(config)
        for run, cell in _kinds(plan):
            yield run.config
            yield report_run(plan.config, dict(cell.values)).config


def _kinds(plan: Plan) -> Iterator[tuple[Run, Cell]]:
    """Yield one run, with a cell of it, of all that differ only in numbers other than 0.

    Other keys have the same effect on all of them, and there may be ten thousand.
    """
    seen = set()
    for cell in plan.cells:
        run = plan.runs[cell.run]
        values = (v != 0 if isinstance(v, float) else v for v in cell.values.values())
        kind = (run.stack_key, *values)
        if kind not in seen:
            seen.add(kind)
            yield run, cell
