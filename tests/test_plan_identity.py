"""Run ids, stacks and questions of everything beside the plain dense network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from small_runs import make_run

from bnexp.config import dump_config, load_config, load_text, network_spec
from bnexp.plan import (
    cut_stacks,
    effective,
    plan_sweep,
    question,
    question_hash,
    run_id,
    run_multiply_adds,
    stack_key,
)
from bnexp.plan.forms import knows_examples

CONV: dict[str, Any] = {
    "data": {"name": "cifar10", "train": 5000},
    "network": {"layers": ["conv 8", "pool 2", "conv 6", "pool 2", 20]},
    "norm": {"kind": "batch"},
    "optimizer": {"kind": "adam"},
    "training": {"epochs": 2, "batch_size": 100},
}


def ident(**changes: Any) -> str:
    return make_run(CONV, **changes).id


#: Changes that a run's records can feel, from the run of CONV.
FELT: list[dict[str, Any]] = [
    {"data__validation": 100},
    {"data": {"name": "cifar10", "train": 5000, "validation": 100, "split": "plain"}},
    {"data": {"name": "cifar10", "train": 5000, "validation": 100, "seed": 1}},
    {"data": {"name": "cifar10", "train": 5000, "label_noise": 0.1}},
    {"data": {"name": "cifar10", "train": 5000, "label_noise": 0.1, "seed": 1}},
    {"data__standardize": "channel"},
    {"data__standardize": "none"},
    {"augmentation__flip": True},
    {"augmentation__shift": 2},
    {"network__layers": ["conv 8", "pool 2", "conv 6", "average pool 2", 20]},
    {"network__layers": ["conv 8", "pool 2", "conv 6", "pool 2 stride 1", 20]},
    {"network__layers": ["conv 8", "pool 2", "conv 6", 20]},
    {"network__layers": ["conv 8", "pool 2", "conv 6 kernel 5", "pool 2", 20]},
    {"network__layers": ["conv 8", "pool 2", "conv 6 stride 2", "pool 2", 20]},
    {"network__layers": ["conv 8", "pool 2", "conv 6 padding valid", "pool 2", 20]},
    {"network__layers": ["conv 8", "pool 2", "conv 6", "pool 2", "dense 20 norm none"]},
    {"network__layers": ["conv 8", "pool 2", "conv 6", "pool 2", "dense 20 norm group"]},
    {"network__layers": ["conv 8", "pool 2", "conv 6", "pool 2", "dense 20 dropout 0.1"]},
    {"network__layers": ["conv 8", "pool 2", "conv 6", "pool 2", "dense 20 activation tanh"]},
    {"norm__kind": "none"},
    {"norm__kind": "layer"},
    {"norm__kind": "group"},
    {"norm": {"kind": "group", "groups": 2}},
    {"norm__kind": "rms"},
    {"norm__kind": "batch_renorm"},
    {"norm": {"kind": "batch_renorm", "r_max": 2}},
    {"norm": {"kind": "batch_renorm", "d_max": 2}},
    {"norm": {"kind": "batch_renorm", "renorm_start": 0.1}},
    {"norm": {"kind": "batch_renorm", "renorm_end": 0.1}},
    {"norm": {"kind": "batch_renorm", "statistics": "population"}},
    {"norm__kind": "noisy_batch"},
    {"norm": {"kind": "noisy_batch", "noise_std": 0.5}},
    {"norm": {"kind": "noisy_batch", "jitter_mean": 0.5}},
    {"norm": {"kind": "batch", "statistics": "population"}},
    {"regularization__lp": 0.1},
    {"regularization": {"lp": 0.1, "p": 4}},
    {"regularization__weight_decay": 0.1},
    {"regularization__dropout": 0.1},
    {"regularization": {"dropout": 0.1, "spatial_dropout": True}},
    {"regularization__label_smoothing": 0.1},
    {"optimizer": {"kind": "adamw"}},
    {"optimizer": {"kind": "adam", "beta1": 0.8}},
    {"optimizer": {"kind": "adam", "beta2": 0.9}},
    {"optimizer": {"kind": "adam", "eps": 1e-6}},
    {"optimizer": {"kind": "rmsprop"}},
    {"optimizer": {"kind": "rmsprop", "rho": 0.8}},
    {"optimizer": {"kind": "adagrad"}},
    {"optimizer": {"kind": "momentum"}},
    {"optimizer": {"kind": "nesterov"}},
    {"optimizer": {"kind": "sgd"}},
    {"optimizer": {"kind": "adam", "clip": 1.0}},
    {"optimizer": {"kind": "adam", "warmup": 0.5}},
    {"optimizer": {"kind": "adam", "schedule": "cosine"}},
    {"optimizer": {"kind": "adam", "schedule": "step"}},
    {"optimizer": {"kind": "adam", "schedule": "step", "decay": 0.5}},
    {"optimizer": {"kind": "adam", "schedule": "step", "step_epochs": 1}},
    {"optimizer": {"kind": "adam", "schedule": "inverse"}},
    {"optimizer": {"kind": "adam", "schedule": "inverse", "decay": 0.5}},
    {"training__sampling": "sorted"},
    {"data__validation": 100, "training__patience": 1},
    {"data__validation": 100, "training__patience": 2},
    {"data__validation": 100, "training": {"patience": 2, "monitor": "val_accuracy"}},
    {"data__validation": 100, "evaluate__validation": "none"},
    {"data__validation": 100, "evaluate__validation": 50},
    {"data__validation": 100, "evaluate__validation": "last"},
]  # fmt: skip


def test_whatever_can_change_records_changes_the_id():
    ids = [ident(), *(ident(**change) for change in FELT)]
    assert len(set(ids)) == len(ids)


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # Numbers that belong to another rule, kind or schedule, or to nothing that is on.
    ({}, {"optimizer": {"kind": "adam", "rho": 0.5, "decay": 0.5, "step_epochs": 3}}),
    ({"optimizer": {"kind": "sgd"}}, {"optimizer": {"kind": "sgd", "beta1": 0.5, "eps": 0.5}}),
    ({}, {"norm": {"kind": "batch", "groups": 3, "r_max": 9, "noise_std": 0.3}}),
    ({"norm__kind": "group"}, {"norm": {"kind": "group", "momentum": 0.5, "start_var": 0}}),
    ({"norm__kind": "layer"}, {"norm": {"kind": "layer", "statistics": "population"}}),
    ({}, {"regularization__p": 4}),
    ({}, {"regularization__spatial_dropout": True}),
    ({}, {"data__seed": 5}),
    ({}, {"data__split": "plain"}),
    ({}, {"training__monitor": "val_accuracy"}),
    (
        {"evaluate": {"train": "running", "test": "none"}},
        {"evaluate": {"train": "running", "test": "none"},
         "norm": {"kind": "batch", "statistics": "population"}},
    ),
    # Two ways to say one thing.
    ({"optimizer": {"kind": "momentum"}}, {"optimizer": {"kind": "sgd", "momentum": 0.9}}),
    (
        {"optimizer": {"kind": "nesterov", "lr": 0.1}},
        {"optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True, "lr": 0.1}},
    ),
    ({"optimizer": {"kind": "momentum", "momentum": 0}}, {"optimizer": {"kind": "sgd"}}),
    (
        {"optimizer": {"kind": "adamw"}},
        {"optimizer": {"kind": "adam"}, "regularization": {"weight_decay": 0.01}},
    ),
    ({}, {"optimizer": {"kind": "adam", "lr": 0.001}}),
    ({"data__validation": 500}, {"data__validation": 0.1}),
    ({"data__validation": 500}, {"data__validation": 500, "evaluate__validation": 500}),
    ({}, {"data__standardize": "unit"}),
    (
        {"norm__kind": "group", "network__layers": ["conv 8"]},
        {"norm": {"kind": "group", "groups": 4}, "network__layers": ["conv 8"]},
    ),
    ({}, {"network__layers": [{"conv": 8, "padding": 1}, {"pool": 2, "stride": 2}, "conv 6",
                              "max pool 2", {"dense": 20, "norm": "batch"}]}),
    ({"network__layers": ["conv 8 bias off"]}, {"network__layers": ["conv 8"]}),
    ({"network__layers": ["pool 32 stride 7"]}, {"network__layers": ["global pool kind max"]}),
    (
        {"network": {"layers": ["conv 8 activation tanh"]}},
        {"network": {"layers": ["conv 8 activation tanh"], "activation": "elu"}},
    ),
    (
        {"network__layers": ["conv 8 dropout 0.5"], "regularization__dropout": 0.5},
        {"network__layers": ["conv 8"], "regularization__dropout": 0.5},
    ),
    ({"network__layers": ["pool 2"]}, {"network__layers": ["pool 2"], "norm__kind": "none"}),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_has_no_effect_is_not_in_the_id(one, other):
    assert ident(**one) == ident(**other)


def test_a_running_average_counts_where_it_is_read():
    quiet: dict[str, Any] = {"evaluate": {"train": "running", "test": "none"}}
    renorm = {"kind": "batch_renorm", "momentum": 0.5}
    assert ident(norm=renorm, **quiet) != ident(norm__kind="batch_renorm", **quiet)
    assert ident(norm={"kind": "batch", "momentum": 0.5}, **quiet) == ident(**quiet)
    population = {"kind": "batch", "statistics": "population"}
    assert ident(norm={**population, "momentum": 0.5}) == ident(norm=population)


def test_a_users_own_file_counts_by_its_content(tmp_path):
    text = "label,a,b\n" + "0,1,2\n1,3,4\n2,5,6\n" * 10
    one, other, changed = (tmp_path / name for name in ("one.csv", "other.csv", "changed.csv"))
    for path in (one, other):
        path.write_text(text)
    changed.write_text(text.replace("5,6", "5,7"))

    def own(path: Any, **more: Any) -> str:
        data = {"name": "csv", "path": str(path), **more}
        return make_run(
            {"data": data, "evaluate": {"test": "none"}, "training": {"batch_size": 5}}
        ).id

    assert own(one) == own(other) != own(changed)
    assert own(one, standardize="pixel") != own(one) == own(one, standardize="none")
    swapped = {own(one, test_path=str(changed)), own(changed, test_path=str(one))}
    assert len(swapped) == 2


def test_facts_survive_json():
    for change in [{}, *FELT]:
        facts = effective(make_run(CONV, **change).config)
        assert json.loads(json.dumps(facts)) == facts


def test_an_id_survives_being_resolved_and_written():
    for change in [{}, *FELT, *(one for pair in SAME for one in pair)]:
        run = make_run(CONV, **change)
        assert run_id(load_text(dump_config(run.config))) == run.id


#: Numbers that may differ inside a stack.
NUMBERS: list[dict[str, Any]] = [
    {"init__scale": 0.5},
    {"optimizer": {"kind": "adam", "lr": 0.5, "beta1": 0.5, "beta2": 0.5, "eps": 0.5}},
    {"optimizer": {"kind": "adam", "clip": 1.0, "warmup": 2.0}},
    {"optimizer": {"kind": "adamw"}},
    {"regularization": {"l1": 0.1, "l2": 0.1, "lp": 0.1, "p": 4, "weight_decay": 0.1}},
    {"regularization": {"dropout": 0.1, "label_smoothing": 0.1}},
    {"norm": {"kind": "batch", "eps": 0.5, "momentum": 0.5}},
    {"seed": 5},
]


def test_numbers_of_all_kinds_share_a_stack():
    key = stack_key(make_run(CONV).config)
    assert all(stack_key(make_run(CONV, **change).config) == key for change in NUMBERS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"kind": "sgd"}, {"kind": "momentum"}),
        ({"kind": "rmsprop"}, {"kind": "rmsprop", "rho": 0.5}),
        ({"kind": "adagrad"}, {"kind": "adagrad", "eps": 0.5}),
        ({"kind": "adam", "schedule": "step"},
         {"kind": "adamw", "schedule": "step", "decay": 0.5, "warmup": 1.0}),
    ],
)  # fmt: skip
def test_numbers_of_a_rule_share_a_stack(one, other):
    keys = {stack_key(make_run(CONV, optimizer=rule).config) for rule in (one, other)}
    assert len(keys) == 1


def test_everything_else_has_a_stack_of_its_own():
    mixed = (
        "optimizer", "regularization__lp", "regularization__weight_decay", "regularization",
        "regularization__dropout", "regularization__label_smoothing",
    )  # fmt: skip
    apart = [change for change in FELT if not any(name in mixed for name in change)]
    apart += [{"optimizer": {"kind": kind}} for kind in ("sgd", "adagrad", "rmsprop", "nesterov")]
    apart += [{"optimizer": {"kind": "adam", "schedule": name}} for name in ("step", "cosine")]
    apart += [{"regularization": {"dropout": 0.1, "spatial_dropout": True}}]
    keys = [stack_key(make_run(CONV, **change).config) for change in ({}, *apart)]
    assert len(set(keys)) == len(keys)


def test_update_rules_are_an_axis():
    text = "sweep: {axes: {optimizer.kind: [sgd, momentum, nesterov, adagrad, adam, adamw]}}"
    plan = plan_sweep(load_text(text))
    assert len(plan.runs) == 6
    rates = [run.config.optimizer.lr for run in plan.runs.values()]
    assert rates == [0.01] * 4 + [0.001] * 2
    assert len({stack_key(run.config) for run in plan.runs.values()}) == 4


def test_images_make_stacks_small():
    runs = [make_run(CONV, init__scale=0.1 * (i + 1)) for i in range(8)]
    assert all(len(stack.runs) < 4 for stack in cut_stacks(runs, jobs=1))
    small = {"network__layers": [20], "data__name": "digits", "data__train": 1000}
    dense = [make_run(CONV, init__scale=0.1 * (i + 1), **small) for i in range(8)]
    assert [len(stack.runs) for stack in cut_stacks(dense, jobs=1)] == [8]


def test_multiply_adds_count_validation_and_population_statistics():
    base = make_run(CONV, evaluate={"train": "running", "test": "none"}).config
    per_example = network_spec(base).multiply_adds
    held_out: dict[str, Any] = {
        "data": {"name": "cifar10", "train": 5500, "validation": 500},
        "evaluate": {"train": "running", "test": "none"},
    }
    more = make_run(CONV, **held_out).config
    assert run_multiply_adds(more) - run_multiply_adds(base) == 2 * 500 * per_example
    population = {"kind": "batch", "statistics": "population"}
    both = make_run(CONV, **held_out, norm=population).config
    assert run_multiply_adds(both) - run_multiply_adds(more) == 2 * 5000 * per_example
    held_out["evaluate"]["validation"] = "last"
    once = make_run(CONV, **held_out, norm=population).config
    assert run_multiply_adds(once) - run_multiply_adds(base) == 5500 * per_example


#: Hashes of questions as the first results folders were named by them.
FIRST_QUESTIONS = {
    "configs/fig6-18.yaml": "79a136",
    "configs/fig6-18-digits.yaml": "c594ee",
    "configs/mnist-bn.yaml": "01bec2",
}


def test_questions_of_the_first_folders_find_them_again():
    found = {path: question_hash(question(load_config(path), "sweep")) for path in FIRST_QUESTIONS}
    assert found == FIRST_QUESTIONS


@pytest.mark.parametrize(
    "more",
    [
        "data: {validation: 0.1}",
        "augmentation: {flip: on}",
        "optimizer: {kind: adam}",
        "norm: {kind: batch, statistics: population}",
        "regularization: {weight_decay: 0.1}",
        "training: {sampling: sorted}",
        "network: {layers: [conv 8, 100]}",
    ],
)
def test_what_is_asked_beside_the_first_keys_is_another_question(more):
    plain, other = question(load_text("name: x"), "run"), question(load_text(more), "run")
    assert question_hash(plain) != question_hash(other)


def test_defaults_that_are_spelled_out_are_the_same_question():
    given = "data: {standardize: unit, seed: 0}\nregularization: {weight_decay: 0}\nname: y"
    assert question(load_text(given), "run") == question(load_text("name: x"), "run")


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({}, True),
        ({"optimizer": {"kind": "nesterov"}}, True),
        ({"optimizer": {"kind": "sgd", "momentum": 0.9}}, True),
        ({"regularization__dropout": 0.5}, True),
        ({"optimizer": {"kind": "adam"}}, False),
        ({"optimizer": {"kind": "sgd", "clip": 1.0}}, False),
        ({"regularization__weight_decay": 0.1}, False),
        ({"regularization__lp": 0.1}, False),
        ({"regularization__l1": 0.1}, False),
        ({"augmentation__flip": True}, False),
        ({"network__layers": ["conv 4"]}, False),
        ({"data__train": 5000}, False),
    ],
)
def test_the_form_of_the_first_layer(change, known):
    assert knows_examples(make_run(**change).config) is known
