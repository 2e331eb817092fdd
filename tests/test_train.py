"""The promise of the trainer: what a run gives depends on its own config and on nothing else."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from small_runs import BOOK, make_data, make_run, same, train

from bnexp.data.layout import drop_unused_features
from bnexp.plan import stack_key
from bnexp.train import train_stack

#: More examples than the first layer would know one by one, and few enough of them.
MANY, DATA = make_data(1200), make_data()

#: Numbers that may differ between the runs of a stack, at the widths of the book.
NUMBERS: list[dict[str, Any]] = [
    {},
    {"init__scale": 1e-3},
    {"init__scale": 1.0},
    {"optimizer__lr": 0.1},
    {"optimizer__momentum": 0.9},
    {"regularization__dropout": 0.3},
    {"norm__eps": 1e-3, "norm__momentum": 0.5},
    {"seed": 3},
]
PENALTIES: list[dict[str, Any]] = [
    {"optimizer__lr": 0.1, "regularization__l2": 0.1},
    {"regularization__l1": 1e-3},
]
TESTED = {"at": "first_step", "train": "all", "test": 150}
#: Stacks of mixed runs, and their data: by weights, by examples, and by examples with a test set.
STACKS = {
    "weights": ([make_run(data__train=1200, **n) for n in NUMBERS + PENALTIES], MANY),
    "examples": ([make_run(**n) for n in NUMBERS], DATA),
    "tested": ([make_run(evaluate=TESTED, **n) for n in NUMBERS], DATA),
}
#: A step this long throws the numbers out of range.
DIVERGING = make_run(optimizer__lr=1e30, norm__kind="batch")
each_form = pytest.mark.parametrize(("runs", "data"), STACKS.values(), ids=STACKS)


def final_theta(runs, data=DATA):
    """Train and return each run's parameters after the last epoch but one."""
    thetas: dict[str, Any] = {}
    for end in train_stack(runs, data):
        thetas |= {run: state.arrays["theta"] for run, state in end.states().items()}
    return thetas


@each_form
def test_a_run_has_the_same_bits_alone_and_in_any_stack(runs, data):
    together = train(runs, data)
    assert {result.status for result in together.values()} == {"done"}
    for run in runs:
        assert same(train([run], data)[run.id], together[run.id])


@each_form
def test_the_parameters_too_are_the_same_bit_for_bit(runs, data):
    together = final_theta(runs, data)
    for run in (runs[0], runs[4], runs[-1]):
        assert np.array_equal(final_theta([run], data)[run.id], together[run.id])


@each_form
def test_permuting_runs_permutes_results(runs, data):
    straight = train(runs, data)
    backwards = train(runs[::-1], data)
    assert all(same(straight[run.id], backwards[run.id]) for run in runs)


@pytest.mark.parametrize(("data", "l2"), [(MANY, 0.0), (MANY, 0.1), (DATA, 0.0)])
@pytest.mark.parametrize("kind", ["batch", "none"])
def test_a_diverging_neighbor_changes_nothing(data, l2, kind):
    base: dict[str, Any] = {"norm__kind": kind, "data__train": len(data.x_train)}
    quiet = make_run(**base)
    neighbor = make_run(**base, optimizer__lr=1e30, regularization__l2=l2)
    together = train([neighbor, quiet], data)
    assert together[neighbor.id].status == "diverged"
    assert same(together[quiet.id], train([quiet], data)[quiet.id])


def test_a_diverging_run_without_penalty_ends_as_it_does_alone_beside_one_with_l2():
    base: dict[str, Any] = {"norm__kind": "none", "data__train": 1200}
    wild = make_run(**base, init__scale=30.0)
    beside = make_run(**base, regularization__l2=0.1, regularization__l1=0.1)
    assert same(train([wild, beside], MANY)[wild.id], train([wild], MANY)[wild.id])


def test_runs_of_two_forms_are_refused_a_stack():
    with pytest.raises(ValueError, match="share no stack"):
        train([make_run(), make_run(regularization__l2=0.1)], DATA)


def test_divergence_is_a_result_with_its_place_and_the_records_before_it():
    run = make_run(norm__kind="none", optimizer__lr=1e4, training__epochs=3)
    result = train([run], DATA)[run.id]
    assert result.status == "diverged"
    assert 1 < result.step <= 21
    assert result.epoch == (result.step - 1) // 10
    assert all(record.step <= result.step for record in result.records)
    assert all(np.isfinite(list(record.metrics.values())).all() for record in result.records)


def test_diverged_runs_leave_the_stack_and_the_others_go_on():
    runs = [DIVERGING, *STACKS["examples"][0][3:5]]
    actives = [len(end.active) for end in train_stack(runs, DATA)]
    assert actives == [2, 0]


def test_training_ends_when_every_run_has_diverged():
    long = make_run(optimizer__lr=1e30, training__epochs=50)
    ends = list(train_stack([long], DATA))
    assert len(ends) < 5
    assert ends[-1].ended[0].status == "diverged"


def test_first_step_is_the_protocol_of_the_book():
    run = make_run(training__epochs=20, data__train=1000, network__layers=[4])
    result = train([run], DATA)[run.id]
    assert [record.epoch for record in result.records] == list(range(20))
    assert [record.step for record in result.records] == list(range(1, 192, 10))
    assert result.step == 191


def test_epoch_end_records_completed_epochs():
    run = make_run(evaluate__at="epoch_end", training__epochs=3, network__layers=[4])
    result = train([run], DATA)[run.id]
    assert [(r.epoch, r.step) for r in result.records] == [(1, 10), (2, 20), (3, 30)]
    assert (result.epoch, result.step) == (3, 30)


SHUFFLED = {
    **BOOK,
    "data": {"name": "mnist", "train": 950},
    "network": {"layers": [30]},
    "training": {"epochs": 4, "batch_size": 100, "sampling": "shuffle"},
    "evaluate": {"at": "epoch_end", "train": "running", "test": "all"},
}


@pytest.mark.parametrize("at", ["epoch_end", "first_step"])
@pytest.mark.parametrize("stop", [1, 2, 3])
@pytest.mark.parametrize("size", [950, 1250], ids=["examples", "weights"])
def test_a_run_resumed_from_a_state_in_another_stack_has_the_same_bits(at, stop, size):
    data = make_data(size)
    base: dict[str, Any] = {"evaluate__at": at, "data__train": size}
    runs = [
        make_run(SHUFFLED, **base),
        make_run(SHUFFLED, **base, optimizer__momentum=0.9),
        make_run(SHUFFLED, **base, regularization__dropout=0.5, seed=2),
    ]
    whole = train(runs, data)
    end = next(itertools.islice(train_stack(runs, data), stop - 1, None))
    states = end.states()
    for order in ([0, 1], [2], [2, 1, 0]):
        again = train([runs[i] for i in order], data, states)
        for i in order:
            assert same(again[runs[i].id], whole[runs[i].id])


def test_what_is_evaluated_changes_no_training():
    runs = [
        make_run(evaluate={"at": "epoch_end", "train": train, "test": test}, network__layers=[20])
        for train, test in itertools.product(["all", 100, "running", "none"], ["all", 50, "none"])
    ]
    thetas: dict[bool, list[Any]] = {True: [], False: []}
    for run in runs:
        ends = train_stack([run], DATA)
        end = next(ends)
        # To test it takes to know the weights, which are parameters of their own.
        thetas[run.config.evaluate.test == "none"].append(end.states()[run.id].arrays["theta"])
        ends.close()
    for found in thetas.values():
        assert all(np.array_equal(found[0], theta) for theta in found)
    parameters = 20 * 1000 + 20 + 20 + 20 * 10 + 10  # outputs, gamma, beta, and the last layer
    assert [len(found[0]) for found in thetas.values()] == [parameters + 1000 * 20, parameters][
        ::-1
    ]


def test_running_metrics_average_the_batches_since_the_last_record():
    """With steps too small to change anything, they are the metrics of all examples once each."""
    small = {"optimizer__lr": 1e-12, "norm__kind": "none", "training__epochs": 1}
    running, whole = (
        make_run(SHUFFLED, evaluate={"at": "epoch_end", "train": train, "test": "none"}, **small)
        for train in ("running", "all")
    )
    data = make_data(950)
    one = train([running], data)[running.id].records[0].metrics
    two = train([whole], data)[whole.id].records[0].metrics
    assert set(one) == {"running_loss", "running_accuracy"}
    assert one["running_accuracy"] == two["train_accuracy"]
    assert one["running_loss"] == pytest.approx(two["train_loss"], rel=1e-5)


def test_last_is_evaluated_once_at_the_end():
    run = make_run(
        network__layers=[8], evaluate={"at": "epoch_end", "train": "last", "test": "last"}
    )
    records = train([run], DATA)[run.id].records
    assert [record.epoch for record in records] == [2]
    assert set(records[0].metrics) == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}


def test_the_loss_includes_the_penalties():
    base: dict[str, Any] = {"norm__kind": "none", "data__train": 1200}
    runs = [make_run(**base, **{f"regularization__{key}": 1e-4}) for key in ("l1", "l2")]
    plain = make_run(**base)
    results = train([plain, *runs], MANY)
    loss, l1, l2 = (results[run.id].records[0].metrics["train_loss"] for run in (plain, *runs))
    weights = 100 * 784 + 4 * 100 * 100 + 10 * 100
    assert l1 - loss == pytest.approx(1e-4 * weights * 0.05 * (2 / np.pi) ** 0.5, rel=0.02)
    assert l2 - loss == pytest.approx(1e-4 / 2 * weights * 0.05**2, rel=0.02)


def test_should_stop_ends_training_between_two_updates():
    asked = iter([False] * 7 + [True])
    ends = list(train_stack([make_run()], DATA, should_stop=lambda: next(asked)))
    assert ends == []


def test_both_dtypes_start_and_go_alike():
    runs = [make_run(training__dtype=dtype) for dtype in ("float32", "float64")]
    one, two = (
        train([run], make_data(dtype=dtype))[run.id]
        for run, dtype in zip(runs, ("f4", "f8"), strict=True)
    )
    for a, b in zip(one.records, two.records, strict=True):
        assert a.metrics["train_loss"] == pytest.approx(b.metrics["train_loss"], rel=1e-2)


def test_leaving_unused_features_out_changes_nothing_but_rounding():
    data = make_data(dtype="f8")
    packed = drop_unused_features(data)
    assert packed.x_train.shape[1] < data.x_train.shape[1] == packed.x_test.shape[1]
    for change in ({}, {"regularization__l2": 0.1}, {"regularization__l1": 0.01}):
        run = make_run(
            training__dtype="float64", evaluate={"at": "epoch_end", "test": "all"}, **change
        )
        one, two = train([run], data)[run.id], train([run], packed)[run.id]
        for a, b in zip(one.records, two.records, strict=True):
            assert a.metrics == pytest.approx(b.metrics, rel=1e-6)


def test_a_scale_beyond_float32_diverges_and_its_neighbor_does_not():
    wild, quiet = make_run(init__scale=1e39), make_run()
    results = train([wild, quiet], DATA)
    assert results[wild.id].status == "diverged"
    assert same(results[quiet.id], train([quiet], DATA)[quiet.id])


def test_one_stack_may_say_the_same_evaluation_in_two_ways():
    runs = [
        make_run(evaluate={"at": "epoch_end", "train": 500, "test": 100}),
        make_run(
            evaluate={"at": "epoch_end", "train": 500, "test": "all"},
            data={"name": "mnist", "train": 1000, "test": 100},
            regularization__dropout=0.2,
        ),
    ]
    assert stack_key(runs[0].config) == stack_key(runs[1].config)
    for order in (runs, runs[::-1]):
        together = train(order, DATA)
        assert all(same(together[run.id], train([run], DATA)[run.id]) for run in runs)


def test_an_evaluation_can_be_stopped():
    run = make_run(evaluate={"at": "first_step", "train": "all", "test": "all"})
    asked = []

    def should_stop():
        asked.append(None)
        return len(asked) == 4  # the first update, the second chunk of training examples, tests

    assert list(train_stack([run], DATA, should_stop=should_stop)) == []
    assert len(asked) == 4
