"""Early stopping: when a run stops, what it says, and that nothing on the way changes it."""

from __future__ import annotations

from typing import Any

import pytest
from small_runs import follow, load, make_image_run, same

from bnexp.records import Record
from bnexp.train.stack import is_stopped

#: Noisy labels and a high rate: what is monitored soon rises, and falls again.
BASE: dict[str, Any] = {
    "data__train": 240,
    "data__validation": 60,
    "data__label_noise": 0.6,
    "network__layers": ["conv 8", "pool 3", 50],
    "optimizer__kind": "adam",
    "optimizer__lr": 0.02,
    "training__epochs": 12,
    "evaluate__test": "none",
}
MONITORS = ["val_loss", "val_accuracy"]


def records(monitor: str, values: list[float]) -> list[Record]:
    other = {"val_loss": "val_accuracy", "val_accuracy": "val_loss"}[monitor]
    return [
        Record(epoch, 3 * epoch, {monitor: value, other: 0.5, "running_loss": 1.0 / epoch})
        for epoch, value in enumerate(values, 1)
    ]


@pytest.mark.parametrize(
    ("monitor", "patience", "values", "stops"),
    [
        ("val_loss", 2, [3, 2, 2.5, 2.1], 4),
        ("val_loss", 2, [3, 2, 2.5, 1.9, 2.0, 1.95], 6),
        ("val_loss", 1, [3, 3], 2),  # as good is no better
        ("val_loss", 3, [1, 2, 3], None),
        ("val_loss", 2, [1, 3, 2, 0.5, 0.4], 3),  # lower than the last is not yet better
        ("val_loss", 1, [5, 4, 3, 2, 1], None),
        ("val_accuracy", 2, [0.3, 0.5, 0.4, 0.45], 4),
        ("val_accuracy", 1, [0.1, 0.2, 0.3, 0.3], 4),
        ("val_accuracy", 2, [0.9, 0.1, 0.95, 0.2, 0.3], 5),
        ("val_accuracy", 1, [0.1, 0.2, 0.3], None),
    ],
)
def test_patience_is_counted_from_the_best(
    monitor: str, patience: int, values: list[float], stops: int | None
) -> None:
    config = make_image_run(**BASE, training__patience=patience, training__monitor=monitor).config
    made = records(monitor, values)
    stopped = [count for count in range(len(values) + 1) if is_stopped(config, made[:count])]
    assert (stopped[0] if stopped else None) == stops


def end_of(values: list[float], patience: int) -> int | None:
    """Return after how many records a run stops, found by going along; lower is better."""
    best, since = float("inf"), 0
    for count, value in enumerate(values, 1):
        best, since = (value, 0) if value < best else (best, since + 1)
        if since == patience:
            return count
    return None


@pytest.mark.parametrize("at", ["epoch_end", "first_step"])
@pytest.mark.parametrize("monitor", MONITORS)
def test_a_run_stops_where_its_own_records_say(monitor: str, at: str) -> None:
    common: dict[str, Any] = {**BASE, "training__monitor": monitor, "evaluate__at": at}
    endless = [make_image_run(**{**common, "seed": seed}) for seed in range(3)]
    data = load(endless[0])
    whole = follow(endless, data).results
    sign = 1 if monitor == "val_loss" else -1
    ends = set()
    for patience in (1, 2, 3):
        runs = [make_image_run(**common, seed=k, training__patience=patience) for k in range(3)]
        found = follow(runs, data)
        for run, other in zip(runs, endless, strict=True):
            result, all_records = found.results[run.id], whole[other.id].records
            values = [sign * record.metrics[monitor] for record in all_records]
            count = end_of(values, patience)
            status = "done" if count is None or count == 12 else "stopped"
            assert (result.status, len(result.records)) == (status, count or 12)
            assert result.records == all_records[: len(result.records)]
            # Three updates in each epoch; at first_step the last epoch has one.
            last = at == "first_step" and status == "done"
            epochs = len(result.records) - last
            assert (result.epoch, result.step) == (epochs, 3 * epochs + last)
            ends.add(count)
            for epoch, state in ((e, s) for (r, e), s in found.states.items() if r == run.id):
                assert state.epoch == epoch < (count or 12)
                if epoch in (1, len(result.records) - 1):
                    again = follow([run], data, {run.id: state}).results[run.id]
                    assert same(again, result)
    assert len(ends) > 2


def test_the_monitored_metric_alone_stops_a_run() -> None:
    steps = []
    for seed in range(5):
        runs = [
            make_image_run(**BASE, seed=seed, training__patience=1, training__monitor=monitor)
            for monitor in MONITORS
        ]
        data = load(runs[0])
        steps.append([follow([run], data).results[run.id].step for run in runs])
    # Where the two rise and fall together depends on the last bits, so on the machine.
    assert any(one != two for one, two in steps)


def test_a_run_that_diverges_is_not_stopped() -> None:
    wild = make_image_run(**{**BASE, "optimizer__lr": 1e300}, training__patience=1)
    assert follow([wild], load(wild)).results[wild.id].status == "diverged"


@pytest.mark.parametrize("at", ["epoch_end", "first_step"])
@pytest.mark.parametrize("statistics", ["running", "population"])
def test_what_is_evaluated_last_is_evaluated_where_a_run_stops(at: str, statistics: str) -> None:
    common: dict[str, Any] = {
        **BASE,
        "norm__statistics": statistics,
        "training__patience": 2,
        "training__monitor": "val_accuracy",
        "training__epochs": 6,
        "optimizer__lr": 0.005,
        "evaluate__at": at,
    }
    always, once = (
        [
            make_image_run(
                **{**common, "evaluate__train": what, "evaluate__test": what, "seed": seed}
            )
            for seed in range(4)
        ]
        for what in ("all", "last")
    )
    data = load(always[0])
    whole, found = follow(always, data).results, follow(once, data).results
    assert "stopped" in {result.status for result in found.values()}
    assert len({result.epoch for result in found.values()}) > 1
    for run, other in zip(once, always, strict=True):
        result = found[run.id]
        assert result.final == whole[other.id].final
        assert len(result.final) == 6
        assert {len(record.metrics) for record in result.records[:-1]} == {2}
        assert len(result.records) == len(whole[other.id].records)
        assert same(follow([run], data).results[run.id], result)
