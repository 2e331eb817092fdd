"""Successive halving: the same decisions from the same records, in whatever state they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp.config import load_text, steps_per_epoch
from bnexp.config.schema import Config
from bnexp.plan import Run
from bnexp.records import Record, RunResult
from bnexp.trials.halving import halve, is_ended, pruned_result, rung_epochs

EPOCHS = 8


def make_config(epochs: int = EPOCHS, **search: Any) -> Config:
    keys = "".join(f"  {key}: {value}\n" for key, value in search.items())
    return load_text(
        "data: {train: 300, validation: 0.2}\n"
        f"training: {{epochs: {epochs}}}\n"
        f"search:\n  pruner: halving\n{keys}  space: {{optimizer.lr: [1, 2]}}\n"
    )


CONFIG = make_config()
STEPS = steps_per_epoch(CONFIG)


def make_runs(count: int) -> list[Run]:
    return [Run(f"run {number}", "", 0, CONFIG) for number in range(count)]


def trained(run: str, curve: Sequence[float], epoch: int, diverges: int = 99) -> RunResult:
    """A run as it is after so many epochs of a curve."""
    end = min(epoch, diverges)
    records = tuple(
        Record(e, e * STEPS, {"val_accuracy": curve[e - 1]})
        for e in range(1, end + (end < diverges))
    )
    if epoch >= diverges:
        return RunResult(run, "diverged", records, diverges - 1, diverges * STEPS - 1)
    status: Any = "done" if epoch == EPOCHS else "paused"
    return RunResult(run, status, records, epoch, epoch * STEPS)


def finish(
    config: Config, runs: Sequence[Run], curves: Sequence[Sequence[float]], lost: Sequence[int] = ()
) -> tuple[dict[str, RunResult], list[tuple[int, int | None]]]:
    """Run a search to its end; return all that is known then, and each round's size and rung."""
    known: dict[str, RunResult] = {}
    rounds = []
    while (standing := halve(config, runs, known, frozenset())).work:
        rounds.append((len(standing.work), standing.pause))
        for run in standing.work:
            number = int(run.id.split()[1])
            diverges = 3 if number in lost else 99
            known[run.id] = trained(run.id, curves[number], standing.pause or EPOCHS, diverges)
    return settled(known, runs, standing.pruned), rounds


def settled(
    known: Mapping[str, RunResult], runs: Sequence[Run], pruned: Mapping[str, int]
) -> dict[str, RunResult]:
    by_id = {run.id: run for run in runs}
    return {
        run: pruned_result(by_id[run], result, pruned[run]) if run in pruned else result
        for run, result in known.items()
    }


def test_rungs_are_an_eighth_a_quarter_and_a_half_of_all_epochs() -> None:
    assert rung_epochs(make_config(8)) == (1, 2, 4)
    assert rung_epochs(make_config(50)) == (6, 12, 25)
    assert rung_epochs(make_config(3)) == (1, 2)
    assert rung_epochs(make_config(1)) == ()
    assert rung_epochs(make_config(50, rungs=[7, 9])) == (7, 9)
    assert rung_epochs(load_text("training: {epochs: 50}")) == ()


def test_the_better_half_goes_on_at_each_rung() -> None:
    curves = [[number / 16 + e / 1000 for e in range(EPOCHS)] for number in range(16)]
    known, rounds = finish(CONFIG, make_runs(16), curves)
    assert rounds == [(16, 1), (8, 2), (4, 4), (2, None)]
    ended = {run: (one.status, one.epoch) for run, one in known.items()}
    assert ended == {
        f"run {n}": ("done", 8) if n > 13 else ("pruned", 4 if n > 11 else 2 if n > 7 else 1)
        for n in range(16)
    }
    work = sum(one.epoch for one in known.values())
    assert work == 40  # of 128


def test_of_equal_trials_the_first_go_on_and_one_always_does() -> None:
    curves = [[0.5] * EPOCHS for _ in range(16)]
    known, _ = finish(CONFIG, make_runs(16), curves)
    assert [run for run, one in known.items() if one.status == "done"] == ["run 0", "run 1"]
    known, rounds = finish(make_config(keep=0.1), make_runs(3), curves)
    assert rounds == [(3, 1), (1, 2), (1, 4), (1, None)]
    assert known["run 0"].status == "done"


def test_the_diverged_rank_last_and_are_not_pruned() -> None:
    curves = [[0.9] * EPOCHS] * 4 + [[0.1] * EPOCHS] * 4
    known, _ = finish(make_config(rungs=[4]), make_runs(8), curves, lost=[0, 1, 4])
    assert [known[f"run {n}"].status for n in range(8)] == [
        *("diverged", "diverged", "done", "done"),
        *("diverged", "done", "done", "pruned"),
    ]


def test_a_failed_run_ranks_last_and_does_not_hold_up_the_others() -> None:
    runs = make_runs(4)
    known = {run.id: trained(run.id, [0.1] * EPOCHS, 1) for run in runs[1:]}
    known["run 0"] = RunResult("run 0", "failed", (), 0, 0)
    assert [run.id for run in halve(CONFIG, runs, known, frozenset()).work] == ["run 0"]
    standing = halve(CONFIG, runs, known, frozenset(["run 0"]))
    assert ([run.id for run in standing.work], standing.pause) == (["run 1", "run 2"], 2)
    assert standing.pruned == {"run 3": 1}


@pytest.mark.parametrize("how", ["paused", "pruned", "done"])
def test_a_run_cut_short_is_the_same_however_far_it_was_trained(how: str) -> None:
    (run,) = make_runs(1)
    curve = [e / 10 for e in range(EPOCHS)]
    far = trained(run.id, curve, {"paused": 5, "pruned": 2, "done": 8}[how])
    cut = pruned_result(run, far, 2)
    assert cut == replace(trained(run.id, curve, 2), status="pruned")


curves_of_all = st.lists(
    st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=EPOCHS, max_size=EPOCHS),
    min_size=1,
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(curves_of_all, st.data())
def test_decisions_are_functions_of_records_alone(curves: Any, data: Any) -> None:
    """Whatever a kill, or an earlier and smaller search, left: it ends as a search in one go."""
    runs = make_runs(len(curves))
    numbers = range(len(curves))
    lost = data.draw(st.lists(st.sampled_from(numbers), unique=True))
    whole, _ = finish(CONFIG, runs, curves, lost)
    # Any state that some search with these trials may have got to, run by run.
    known = {}
    for number in data.draw(st.lists(st.sampled_from(numbers), unique=True)):
        epoch = data.draw(st.sampled_from([1, 2, 4, EPOCHS]))
        known[f"run {number}"] = trained(
            f"run {number}", curves[number], epoch, 3 if number in lost else 99
        )
    for _ in range(6):
        standing = halve(CONFIG, runs, known, frozenset())
        if not standing.work:
            break
        for run in standing.work:
            number = int(run.id.split()[1])
            known[run.id] = trained(
                run.id, curves[number], standing.pause or EPOCHS, 3 if number in lost else 99
            )
    assert not standing.work
    again = settled(known, runs, standing.pruned)
    assert {
        run: one for run, one in again.items() if is_ended(one) or one.status == "pruned"
    } == whole
