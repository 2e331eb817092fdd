"""Cells, run ids, stacks and questions."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import BOOK, make_run

from bnexp.config import load_text
from bnexp.errors import ConfigError
from bnexp.plan import (
    Stack,
    cut_stacks,
    effective,
    plan_run,
    plan_sweep,
    question,
    question_hash,
    run_id,
    run_multiply_adds,
    stack_key,
)

SWEEP = """
name: small
data: {name: digits, train: 200}
network: {layers: [8]}
norm: {kind: batch}
training: {epochs: 3, batch_size: 50}
sweep:
  axes: {init.scale: [1, 0.1], norm.kind: [batch, none]}
  seeds: 2
"""


def test_axes_and_seeds_make_cells_in_order():
    plan = plan_sweep(load_text(SWEEP))
    shown = [(c.values["init.scale"], c.values["norm.kind"], c.seed) for c in plan.cells]
    assert shown == list(itertools.product([1.0, 0.1], ["batch", "none"], [0, 1]))
    assert len(plan.runs) == 8
    assert {cell.run for cell in plan.cells} == set(plan.runs)


def test_cells_that_ask_for_the_same_training_share_a_run():
    text = SWEEP.replace("init.scale: [1, 0.1]", "norm.momentum: [0.5, 0.9]")
    plan = plan_sweep(load_text(text))
    assert len(plan.cells) == 8
    assert len(plan.runs) == 6  # without norm its momentum means nothing


def test_a_refused_cell_is_named():
    text = SWEEP.replace("init.scale: [1, 0.1]", "training.batch_size: [50, 199]")
    with pytest.raises(ConfigError, match=r"training\.batch_size = 199, norm\.kind = batch"):
        plan_sweep(load_text(text))


def test_run_plans_one_cell_without_the_sweep():
    plan = plan_run(load_text(SWEEP))
    assert [dict(cell.values) for cell in plan.cells] == [{}]
    assert len(plan.runs) == 1


#: Changes that a run's records can feel, from the run of BOOK.
FELT: list[dict[str, Any]] = [
    {"data__name": "fashion-mnist"},
    {"data__train": 999},
    {"network__layers": [100] * 4},
    {"network__activation": "tanh"},
    {"init__scheme": "he"},
    {"init__scale": 0.051},
    {"norm__kind": "none"},
    {"norm__place": "after"},
    {"norm__momentum": 0.8},
    {"norm__eps": 1e-5},
    {"norm__start_var": 1},
    {"norm__gamma": "none"},
    {"norm__beta": "scalar"},
    {"regularization__l1": 1e-6},
    {"regularization__l2": 1e-6},
    {"regularization__dropout": 0.1},
    {"optimizer__lr": 0.02},
    {"optimizer__momentum": 0.9},
    {"optimizer": {"momentum": 0.9, "nesterov": True}},
    {"training__epochs": 3},
    {"training__batch_size": 50},
    {"training__sampling": "shuffle"},
    {"training__dtype": "float64"},
    {"evaluate__at": "epoch_end"},
    {"evaluate__train": 500},
    {"evaluate__train": "last"},
    {"evaluate__test": "all"},
    {"seed": 1},
]


def test_whatever_can_change_records_changes_the_id():
    ids = [make_run().id, *(make_run(**change).id for change in FELT)]
    assert len(set(ids)) == len(FELT) + 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"name": "another-name"}),
        ({}, {"plot__y": "train_loss"}),
        ({}, {"sweep__seeds": 5}),
        ({}, {"data__test": 77}),
        ({}, {"training__drop_last": True}),
        ({"norm__kind": "none"}, {"norm": {"kind": "none", "momentum": 0.5, "place": "after"}}),
        ({"evaluate__train": "all"}, {"evaluate__train": 1000}),
        ({"data__train": "all"}, {"data__train": 60_000}),
        ({"init": {"scheme": "he"}}, {"init": {"scheme": "he", "scale": 1.0}}),
        ({"network": {"layers": []}}, {"network": {"layers": [], "activation": "tanh"}}),
        ({"evaluate__train": "running"}, {"evaluate__train": "running", "norm__momentum": 0.1}),
        ({"norm__eps": 0.0}, {"norm__eps": -0.0}),
        ({"norm__momentum": 0.0}, {"norm__momentum": -0.0}),
        ({"norm__momentum": 0.0}, {"norm": {"kind": "batch", "eps": 1e-6, "momentum": 0.0}}),
        ({"training__epochs": 1}, {"training__epochs": 1, "evaluate__train": "last"}),
        ({"regularization__l2": 0.0}, {"regularization__l2": -0.0}),
    ],
)
def test_what_has_no_effect_is_not_in_the_id(one, other):
    assert make_run(**one).id == make_run(**other).id


GOLDEN = {
    "book": "f42ca7634ca380a9",
    "plain": "4cd15f148892f99d",
    "momentum": "e2002d5e29d391bb",
    "test": "592b8e528028fd44",
}


def test_ids_stay_what_they_were():
    """A results folder of today must be found by the bnexp of tomorrow."""
    golden = {
        "book": make_run().id,
        "plain": make_run(norm__kind="none").id,
        "momentum": make_run(optimizer={"momentum": 0.9, "nesterov": True}).id,
        "test": make_run(evaluate={"at": "epoch_end", "train": "running", "test": "last"}).id,
    }
    assert golden == GOLDEN


@given(st.floats(1e-6, 10), st.floats(0, 0.9), st.integers(0, 2**32 - 1))
def test_an_id_survives_json(scale, momentum, seed):
    run = make_run(init__scale=scale, optimizer__momentum=momentum, seed=seed)
    facts = effective(run.config)
    assert json.loads(json.dumps(facts)) == facts
    assert run_id(run.config) == run.id


def test_stacks_mix_numbers_and_nothing_else():
    # So many examples that penalties do not decide the form of the first layer.
    many = {**BOOK, "data": {"name": "mnist", "train": 5000}}
    numbers: list[dict[str, Any]] = [
        {"init__scale": 0.5},
        {"optimizer__lr": 0.5},
        {"optimizer__momentum": 0.5},
        {"regularization__l1": 0.5},
        {"regularization__l2": 0.5},
        {"regularization__dropout": 0.5},
        {"norm__eps": 0.5},
        {"norm__momentum": 0.5},
        {"seed": 5},
    ]
    key = stack_key(make_run(many).config)
    mixed = [change for change in FELT if stack_key(make_run(many, **change).config) == key]
    assert all(stack_key(make_run(many, **change).config) == key for change in numbers)
    assert {name for change in mixed for name in change} == {
        "init__scale",
        "norm__momentum",
        "norm__eps",
        "regularization__l1",
        "regularization__l2",
        "regularization__dropout",
        "optimizer__lr",
        "optimizer__momentum",
        "seed",
    }


def test_every_run_is_in_exactly_one_stack_and_long_stacks_come_first():
    runs = [make_run(init__scale=0.01 * (i + 1), seed=i % 3) for i in range(40)]
    runs += [make_run(norm__kind="none", init__scale=0.01 * (i + 1)) for i in range(5)]
    for jobs in (1, 2, 3, 8):
        stacks = cut_stacks(runs, jobs=jobs)
        ids = [run.id for stack in stacks for run in stack.runs]
        assert sorted(ids) == sorted(run.id for run in runs)
        seconds = [stack.seconds for stack in stacks]
        assert seconds == sorted(seconds, reverse=True)
        for stack in stacks:
            assert len({stack_key(run.config) for run in stack.runs}) == 1


def test_runs_that_are_further_on_are_stacked_apart():
    runs = [make_run(init__scale=0.01 * (i + 1)) for i in range(4)]
    stacks = cut_stacks(runs, jobs=1, started={runs[0].id: 1, runs[3].id: 1})
    assert {(len(stack.runs), stack.start_epoch) for stack in stacks} == {(2, 0), (2, 1)}


def test_heavy_work_is_cut_so_that_all_workers_end_together():
    runs = [make_run(training__epochs=200, init__scale=0.01 * (i + 1)) for i in range(16)]
    for jobs in (2, 3, 4):
        stacks = cut_stacks(runs, jobs=jobs)
        assert sum(len(stack.runs) for stack in stacks) == 16
        workers = [0.0] * jobs
        for stack in stacks:
            workers[workers.index(min(workers))] += stack.seconds
        assert max(workers) < 1.2 * sum(workers) / jobs


def test_seeds_and_values_extend_a_question_and_anything_else_is_another():
    base = load_text(SWEEP)
    same = [
        SWEEP.replace("seeds: 2", "seeds: 7"),
        SWEEP.replace("[1, 0.1]", "[5, 0.3, 0.1]"),
        SWEEP.replace("name: small", "name: other\nseed: 3"),
        SWEEP.replace("norm: {kind: batch}", "norm: {kind: none}"),
    ]
    others = [
        SWEEP.replace("epochs: 3", "epochs: 4"),
        SWEEP.replace("init.scale", "optimizer.lr"),
        SWEEP.replace("[8]", "[9]"),
    ]
    asked = question(base, "sweep")
    assert all(question(load_text(text), "sweep") == asked for text in same)
    hashes = [question_hash(question(load_text(text), "sweep")) for text in others]
    hashes += [question_hash(asked), question_hash(question(base, "run"))]
    assert len(set(hashes)) == 5


def test_multiply_adds_count_updates_and_evaluations():
    weights = 784 * 100 + 4 * 100 * 100 + 100 * 10
    config = make_run(training__epochs=20).config
    step = 100 * (3 * weights - 784 * 100)
    assert run_multiply_adds(config) == 191 * step + 20 * 1000 * weights
    assert BOOK["training"]["epochs"] == 2


def test_the_configs_of_a_stack_are_made_once_and_share_the_sections_that_are_equal():
    plan = plan_sweep(load_text(SWEEP))
    runs = [plan.runs[cell.run] for cell in plan.cells]
    made = Stack(tuple(runs)).made()
    assert made.made().runs == made.runs == tuple(runs)
    configs = [run.config for run in made.runs]
    assert all(run.config is config for run, config in zip(made.runs, configs, strict=True))
    assert configs == [run.config for run in runs]
    for config, cell in zip(configs, plan.cells, strict=True):
        assert config.init.scale == cell.values["init.scale"]
        assert config.norm.kind == cell.values["norm.kind"]
        assert config.seed == cell.seed
    for section in ("init", "norm"):
        assert len({id(getattr(config, section)) for config in configs}) == 2


def test_runs_of_one_key_are_as_long_and_need_the_same_examples():
    plan = plan_sweep(
        load_text(SWEEP),
    )
    assert set(plan.kinds) == {run.stack_key for run in plan.runs.values()}
    assert len(plan.kinds) == 2
    for run in plan.runs.values():
        assert run.stack_key == stack_key(run.config)
        assert run_multiply_adds(run.config) == run_multiply_adds(plan.kinds[run.stack_key])
