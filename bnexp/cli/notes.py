"""Notes on a config that is right, but may not say what was meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from bnexp.cli.streams import say
from bnexp.config import Config, resolve
from bnexp.config.dump import dump_value
from bnexp.config.fields import canonical_key
from bnexp.config.network import facts_of, taken_size
from bnexp.config.spec import explain_exponents
from bnexp.config.written import WrittenSpec, written_places, written_specs
from bnexp.errors import ConfigError
from bnexp.plan import Cell, Plan, Run, plan_sweep
from bnexp.plan.unused import unused_keys
from bnexp.trials import plan_search
from bnexp.trials.planning import report_run


def note_config(
    config: Config,
    path: Path | None,
    overrides: Sequence[str],
    *,
    used: Collection[str] = (),
    axes: Sequence[str] = (),
) -> None:
    """Say what of a config may not be what was meant, whatever the command.

    ``config`` is what was loaded from ``path`` and ``overrides``, not resolved. ``used`` are those
    of ``sweep.axes`` and ``search.space`` that the command uses, and ``axes`` texts ``key=SPEC`` of
    its own.
    """
    note_unused(config, path, overrides)
    for note in _empty_classes(config, sweeps="sweep.axes" in used):
        say(f"note: {note}")
    if used:
        for note in _doubtful_specs(written_specs(path, overrides=overrides), used, axes):
            say(f"note: {note}")


def _doubtful_specs(
    written: Iterable[WrittenSpec], used: Collection[str], axes: Sequence[str]
) -> Iterator[str]:
    """Yield what there is to say of SPECs; those of arguments take the place of the file's."""
    named = (axis.partition("=")[::2] for axis in axes)
    specs = {("sweep.axes", canonical_key(key.strip())): (spec, "") for key, spec in named}
    for one in written:
        if one.section in used:
            place = f" ({one.mark})" if one.mark.line else ""
            specs.setdefault((one.section, one.key), (one.text, place))
    for (_, key), (text, place) in specs.items():
        if what := explain_exponents(text):
            yield f"{key}{place}: {what}"


def _empty_classes(config: Config, *, sweeps: bool) -> Iterator[str]:
    """Yield what there is to say of classes of a user's own data without a training example."""
    kinds = [config]
    if sweeps and any(key.startswith("data.") for key in config.sweep.axes):
        try:
            kinds = list(plan_sweep(config).kinds.values())
        except ConfigError:  # for the command to say
            return
    for data in dict.fromkeys(kind.data for kind in kinds if kind.data.is_own):
        facts, taken = facts_of(data), taken_size(config.model_copy(update={"data": data}))
        empty = [label for label, at in enumerate(facts.first_of) if at is None or at >= taken]
        if not empty:
            continue
        where, remedy = "training example", "number the classes from 0 without gaps"
        if any(facts.first_of[label] is not None for label in empty):
            where = f"example of the first {taken:,}"
            remedy = "data.train takes them from the beginning of the file, so shuffle it"
        from bnexp.userdata.labels import spell

        labels = f"label{'s' * (len(empty) > 1)} {spell(empty)}"
        yield (
            f"{facts.title}: no {where} has {labels}, so {len(empty)} of {facts.classes} classes "
            f"cannot be learned; {remedy}"
        )


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
