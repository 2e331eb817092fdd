"""What a run records against a plain computation in float64, and what evaluation may not change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plain_loop import Moments, logits_of, measure
from small_runs import History, follow, load, make_data, make_image_run, make_run, same

from bnexp.config import network_spec
from bnexp.data import Dataset
from bnexp.data.batches import Batch
from bnexp.plan import Run
from bnexp.train import train_stack
from bnexp.train.stack import TrainingStack

#: Both kinds of layers, a pool, an odd last batch; the part of the loss that all examples share.
BATCH_NORM: dict[str, Any] = {
    "data__validation": 30,
    "data__label_noise": 0.2,
    "network__layers": ["conv 4 stride 2", "pool 2", "conv 8 padding valid", 20],
    "norm": {"kind": "batch", "momentum": 0.6, "eps": 1e-3},
    "regularization__l2": 1e-2,
    "regularization__label_smoothing": 0.1,
    "optimizer__lr": 0.2,
    "training__dtype": "float64",
    "training__batch_size": 32,
}


def penalty(run: Run, theta: Any) -> float:
    """Half of l2 times the sum of squares of all weights, which come first in theta."""
    weights = sum(
        layer.parameters - layer.units * layer.bias for layer in network_spec(run.config).weighted
    )
    return float(run.config.regularization.l2 / 2 * (theta[:weights] ** 2).sum())


def evaluated(
    run: Run, data: Dataset, part: Any, theta: Any, moments: Moments
) -> tuple[float, float]:
    """Return loss and accuracy on a part as a plain loop finds them."""
    spec = network_spec(run.config)
    logits, _ = logits_of(spec, theta, data.rows(part), eps=1e-3, moments=moments)
    loss, accuracy = measure(logits, data.labels(part), smoothing=0.1)
    return loss + penalty(run, theta), accuracy


def assert_recorded(metrics: Any, name: str, expected: tuple[float, float]) -> None:
    assert metrics[f"{name}_loss"] == pytest.approx(expected[0], rel=1e-8)
    assert metrics[f"{name}_accuracy"] == pytest.approx(expected[1], abs=1e-8)


@pytest.mark.parametrize("at", ["epoch_end", "first_step"])
def test_running_metrics_and_running_statistics(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    run = make_image_run(**BATCH_NORM, evaluate__at=at)
    spec, data = network_spec(run.config), load(run)
    steps: list[tuple[float, float, int]] = []
    moments: Moments = [(np.zeros(size), np.ones(size)) for size in (4, 8, 20)]
    expected: list[dict[str, tuple[float, float]]] = []
    update, evaluate = TrainingStack.update, TrainingStack.evaluate

    def follow_update(self: TrainingStack, batch: Batch) -> None:
        theta = self.network.theta[0]
        logits, seen = logits_of(spec, theta, batch.gather()[0].T, eps=1e-3)
        loss, accuracy = measure(logits, batch.labels[0], smoothing=0.1)
        steps.append((loss + penalty(run, theta), accuracy, batch.labels.shape[1]))
        for k, new in enumerate(seen):
            mean, var = [0.6 * m + 0.4 * n for m, n in zip(moments[k], new, strict=True)]
            moments[k] = (mean, var)
        update(self, batch)

    def follow_evaluation(self: TrainingStack, *arguments: Any) -> bool:
        theta, sizes = self.network.theta[0], np.array([size for *_, size in steps])
        running = [np.dot([step[i] for step in steps], sizes) / sizes.sum() for i in (0, 1)]
        steps.clear()
        parts = {"running": (float(running[0]), float(running[1]))}
        for name in ("val", "test"):
            parts[name] = evaluated(run, data, name, theta, moments)
        expected.append(parts)
        return evaluate(self, *arguments)

    monkeypatch.setattr(TrainingStack, "update", follow_update)
    monkeypatch.setattr(TrainingStack, "evaluate", follow_evaluation)
    records = follow([run], data).results[run.id].records
    assert len(records) == len(expected) == 3
    for record, parts in zip(records, expected, strict=True):
        assert len(record.metrics) == 6
        for name, values in parts.items():
            assert_recorded(record.metrics, name, values)


def test_population_statistics_are_those_of_the_whole_batches_of_the_training_set() -> None:
    changes = {**BATCH_NORM, "norm": {**BATCH_NORM["norm"], "statistics": "population"}}
    run = make_image_run(**changes, regularization__dropout=0.4, evaluate__train="all")
    spec, data = network_spec(run.config), load(run)
    found = follow([run], data)
    for epoch in (1, 2):
        theta = found.states[run.id, epoch].arrays["theta"]
        rows, sums = data.rows("train"), [np.zeros((2, size)) for size in (4, 8, 20)]
        for start in (0, 32, 64):  # the other 24 of 120 are not a whole batch
            _, seen = logits_of(spec, theta, rows[start : start + 32], eps=1e-3)
            for total, (mean, var), pixels in zip(sums, seen, (36, 1, 1), strict=True):
                count = 32 * pixels
                total += np.stack([mean, var * count / (count - 1)])
        moments: Moments = [(mean / 3, var / 3) for mean, var in sums]
        metrics = found.results[run.id].records[epoch - 1].metrics
        for part in ("train", "val", "test"):
            assert_recorded(metrics, part, evaluated(run, data, part, theta, moments))


def without_evaluation(history: History) -> list[dict[str, Any]]:
    """Return the arrays of each state that training alone decides."""
    states = [state for _, state in sorted(history.states.items(), key=lambda item: item[0][1])]
    return [
        {name: array for name, array in state.arrays.items() if name != "running"}
        for state in states
    ]


@pytest.mark.parametrize("kind", ["batch", "batch_renorm", "noisy_batch"])
@pytest.mark.parametrize("layers", [["conv 8", "pool 2", 32], [100, 50]], ids=["conv", "known"])
def test_what_is_evaluated_and_how_changes_no_training(kind: str, layers: list[Any]) -> None:
    base: dict[str, Any] = {
        "network__layers": layers,
        "norm__kind": kind,
        "norm__renorm_start": 0.0,
        "data__validation": 40,
        "regularization__dropout": 0.2,
        "augmentation": {"flip": layers != [100, 50]},
    }
    variants: list[dict[str, Any]] = [
        {"norm__statistics": "population", "evaluate__train": "all"},
        {"norm__statistics": "population", "evaluate__train": "running"},
        {"norm__statistics": "running", "evaluate__train": 100, "evaluate__validation": "none"},
        {"norm__statistics": "running", "evaluate__train": "running", "evaluate__test": "last"},
    ]
    runs = [make_image_run(**base, **changes) for changes in variants]
    found = [follow([run], load(run)) for run in runs]
    first, *others = [without_evaluation(history) for history in found]
    for other in others:
        assert len(other) == len(first) == 2
        for one, two in zip(first, other, strict=True):
            assert one.keys() == two.keys()
            assert all(np.array_equal(one[name], two[name]) for name in one)
    losses = [
        history.results[run.id].records[0].metrics for run, history in zip(runs, found, strict=True)
    ]
    assert losses[1]["val_loss"] == losses[0]["val_loss"] != losses[3]["val_loss"]
    assert losses[1]["running_loss"] == losses[3]["running_loss"]


def test_noise_and_split_leave_other_labels_alone() -> None:
    base: dict[str, Any] = {"data__validation": 40, "evaluate__train": "all"}
    noisy = {"data__label_noise": 0.5}
    clean, dirty = (load(make_image_run(**base, **changes)) for changes in ({}, noisy))
    whole = load(make_image_run())
    assert np.count_nonzero(clean.y_train != dirty.y_train) == 55
    assert np.array_equal(clean.rows("train"), dirty.rows("train"))
    for part in ("val", "test"):
        assert np.array_equal(clean.rows(part), dirty.rows(part))
        assert np.array_equal(clean.labels(part), dirty.labels(part))
    assert np.array_equal(clean.y_test, whole.y_test) and len(whole.y_val) == 0
    together = np.concatenate([clean.rows("train"), clean.rows("val")])
    labels = np.concatenate([clean.y_train, clean.y_val])
    order, expected = (np.lexsort(rows.T) for rows in (together, whole.rows("train")))
    assert np.array_equal(together[order], whole.rows("train")[expected])
    assert np.array_equal(labels[order], whole.y_train[expected])


def test_a_seed_of_the_data_is_not_that_of_the_run() -> None:
    base: dict[str, Any] = {"data__validation": 40, "data__label_noise": 0.3}
    one, two, three = (
        load(make_image_run(**base, **changes)) for changes in ({}, {"seed": 5}, {"data__seed": 5})
    )
    assert np.array_equal(one.y_train, two.y_train)
    assert np.array_equal(one.rows("val"), two.rows("val"))
    assert not np.array_equal(one.rows("val"), three.rows("val"))


def test_a_run_is_measured_alike_whatever_its_neighbors_have_seen() -> None:
    """Population statistics of one run are not those of the stack."""
    changes = {**BATCH_NORM, "norm": {**BATCH_NORM["norm"], "statistics": "population"}}
    changes["training__dtype"] = "float32"
    runs = [make_image_run(**changes, init__scale=scale) for scale in (1.0, 0.1, 10.0)]
    data = load(runs[0])
    whole = follow(runs, data)
    for run in runs:
        assert same(follow([run], data).results[run.id], whole.results[run.id])


@pytest.mark.parametrize(
    "changes",
    [
        {"training__sampling": "sorted"},
        {"augmentation": {"shift": 1}},
        {"optimizer__warmup": 1.0},
        {"training__batch_size": 100},  # with it the update is an epoch
    ],
    ids=["sorted", "augmented", "warm-up", "epoch"],
)
def test_whether_the_last_batch_is_dropped_matters_to_a_single_update(
    changes: dict[str, Any],
) -> None:
    runs = [
        make_image_run(
            **changes, training__drop_last=drop, training__epochs=1, evaluate__at="first_step"
        )
        for drop in (False, True)
    ]
    one, two = (follow([run], load(run)).results[run.id] for run in runs)
    assert runs[0].id != runs[1].id
    assert not same(one, two)


@pytest.mark.parametrize("asked", range(1, 6))
def test_a_stop_while_the_population_is_measured_is_a_stop(asked):
    run = make_run(
        data={"name": "digits", "train": 100},
        network__layers=[10],
        norm__statistics="population",
        training={"epochs": 1, "batch_size": 50},
        evaluate={"at": "epoch_end", "train": "all", "test": "none"},
    )
    answers = iter([False] * (asked - 1) + [True] * 20)
    data = make_data(100, 64)
    assert list(train_stack([run], data, should_stop=lambda: next(answers))) == []
