"""What ``search`` prints: its plan before, the best trials after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bnexp.cli.pictures import draw, grid_text, refuse_choice
from bnexp.cli.plans import open_results, plan_facts, print_facts, print_table, rough_seconds
from bnexp.cli.streams import say
from bnexp.cli.tables import refuse_failed
from bnexp.config import Config
from bnexp.config.dump import dump_value
from bnexp.environment import available_cores
from bnexp.store.find import folder_for
from bnexp.store.results import Results
from bnexp.store.search import SearchResults
from bnexp.store.views import TRIALS_CSV
from bnexp.trials import plan_search, rung_epochs, trial_count
from bnexp.trials.draw import draw_values
from bnexp.trials.outlook import Stage, plan_stages
from bnexp.trials.planning import check_ends, search_config
from bnexp.trials.tpe import require_optuna

#: Trials of the table.
_BEST = 10
#: Keys that add to a loss what says nothing of how well a network answers.
_PENALTIES = frozenset(f"regularization.{name}" for name in ("l1", "l2", "lp", "p"))


def note_search(config: Config) -> Iterator[str]:
    """Yield what somebody should know who searches with this config."""
    search = config.search
    if config.sweep.axes:
        yield "`bnexp search` leaves the config's sweep out; `bnexp sweep` trains it"
    if search.objective.startswith("test"):
        yield (
            f"trials are chosen by {search.objective}, so that of the best one is too good to be "
            "true for new examples; choose by val_accuracy (data.validation) instead"
        )
    elif not search.objective.startswith("val"):
        yield (
            f"trials are chosen by {search.objective}, which says nothing of examples that were "
            "not trained on"
        )
    penalties = _PENALTIES & search.space.keys()
    if search.objective.endswith("loss") and penalties:
        yield (
            f"{search.objective} has the penalty of {', '.join(sorted(penalties))} in it, so that "
            "less of it looks better; rank by an accuracy where penalties are searched"
        )


def print_search_plan(
    config: Config,
    *,
    output: Path | None,
    jobs: int | None,
    engine: str | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Print what a search would do: ranges, trials, work, folder, and what is finished there.

    With ``fresh`` nothing is. Raises ResultsError when the folder is none for this search.
    """
    if config.search.sampler == "tpe":
        require_optuna()
    folder = output or folder_for(config, "search")
    held = None if fresh else open_results(folder, search_config(config), "search")
    if held and len(held.cells) > trial_count(config):  # a search does not forget trials
        search = config.search.model_copy(update={"trials": len(held.cells)})
        config = config.model_copy(update={"search": search})
    facts = search_facts(config, jobs or available_cores(), engine)
    trials = {cell.run for cell in held.cells} & held.runs.keys() if held else set()
    ended = sum(held.runs[run].status != "failed" for run in trials) if held else 0
    facts |= {"folder": str(folder), "finished": min(ended, facts["runs"])}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    print_search(config)
    print_facts(facts)
    click.echo(f"{facts['finished']} of {facts['runs']} runs finished in {folder}")


def search_facts(config: Config, jobs: int, engine: str | None = None) -> dict[str, Any]:
    """Return the plan of a search in numbers: its trials, and the report on the best.

    For ``tpe``, whose trials follow from results, random ones stand in their place. What halving
    leaves out is left out, and ``without_halving`` are the numbers with it.
    """
    count, rungs = trial_count(config), rung_epochs(config)
    plan = plan_search(config, draw_values(config, count))
    check_ends(plan.config)
    facts = {"trials": count, "sampler": config.search.sampler, **plan_facts(plan, jobs, engine)}
    facts |= {"rungs": list(rungs), **_work(plan_stages(plan), jobs, engine)}
    if rungs:
        facts["without_halving"] = _work(plan_stages(plan, prune=False), jobs, engine)
    return facts


def _work(stages: Sequence[Stage], jobs: int, engine: str | None) -> dict[str, Any]:
    """Return in numbers what is trained in stages, each of which waits for the one before."""
    seconds = sum(rough_seconds(stage.stacks(jobs), jobs, engine) for stage in stages)
    return {
        "all_epochs": sum(stage.epochs for stage in stages),
        "all_steps": sum(stage.steps for stage in stages),
        "multiply_adds": sum(stage.multiply_adds for stage in stages),
        "rough_seconds": round(seconds, 1),
    }


def print_search(config: Config) -> None:
    """Print what is searched and how."""
    search = config.search
    ranges = [
        (key, said if isinstance(said, str) else ", ".join(map(dump_value, said)))
        for key, said in search.space.items()
    ]
    print_table(ranges, numbers_from=2)
    goal = "highest" if search.is_maximized else "lowest"
    words = f"{trial_count(config)} trials by {search.sampler}, {goal} {search.at} "
    click.echo(words + search.objective)
    rungs = rung_epochs(config)
    if rungs:
        epochs = ", ".join(map(str, rungs))
        click.echo(f"halving after epoch {epochs}: the best {search.keep:.0%} go on")


def finish_search(results: SearchResults, *, as_json: bool) -> None:
    """Draw the pictures, print the best trials, and raise RunsFailedError when some failed."""
    pictures = list(draw(results)) if results.best else []
    if not pictures:
        say("there is no picture: no trial has an objective; the table says how each ended")
    if as_json:
        facts = {
            "folder": str(results.folder),
            "objective": results.objective,
            "trials": results.trial_rows(),
            "pictures": [str(path) for path in pictures],
        }
        click.echo(json.dumps(facts, indent=2))
    else:
        print_best(results)
        for path in (results.folder, *pictures):
            click.echo(path)
    refuse_failed(results)


def print_text(
    results: Results,
    title: str | None = None,
    *,
    y: Sequence[str] = (),
    panel: str | None = None,
    arm: str | None = None,
) -> None:
    """Print the grid of a sweep, headed by its name, or the best trials of a search.

    Over those stands the ``title`` alone, if there is one: the name says nothing of a table.
    """
    if isinstance(results, SearchResults):
        from bnexp.plots.choose import choose_search_metric

        refuse_choice(results, panel, arm)
        metric = choose_search_metric(results, y)
        if title and title.strip():
            click.echo(" ".join(title.split()))
        print_best(results, metric)
    else:
        click.echo(grid_text(results, y=y, panel=panel, arm=arm))


def print_best(results: SearchResults, metric: str | None = None) -> None:
    """Print the best trials with their values, objective and, of the chosen ones, test metric.

    ``metric`` is one more to print, the last value that each has.
    """
    trials = results.trial_rows()
    rows = trials[:_BEST]
    keys, part = list(results.axes), results.objective.partition("_")[2]
    tested = [name for name in (f"test_{part}",) if name in rows[0] and name != results.objective]
    more = [metric] if metric and metric != results.objective else []
    shown = ["rank", "trial", *keys, results.objective, *more, *tested]
    has_status = any(row["status"] != "done" for row in rows)
    table = [(*shown, *(["status"] if has_status else []))]
    for row in rows:
        values = [row[name] if name != results.objective else row["objective"] for name in shown]
        table.append((*map(_text, values), *([_status(row)] if has_status else [])))
    print_table(table, numbers_from=0)
    if more_trials := len(trials) - len(rows):
        click.echo(f"{more_trials} more are in {results.folder / TRIALS_CSV}")
    total, best = len(results.cells), results.ranked[0]
    if tested and best.value is not None and rows[0][tested[0]] is not None:
        when = ", at its last record" if results.config.search.at == "best" else ""
        click.echo(
            f"trial {best.cell.trial} is the best of {total} by {results.objective}; "
            f"its {tested[0]} was measured once, after the choice{when}"
        )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else dump_value(value)


def _status(row: Mapping[str, Any]) -> str:
    status: str = row["status"]
    return status if status in ("done", "missing") else f"{status} at epoch {row['epoch']}"
