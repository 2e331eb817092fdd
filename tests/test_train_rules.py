"""Whole runs of every optimizer and schedule against plain loops in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from plain_loop import TwoLayers, batches_of
from small_runs import follow, load, make_run

from bnexp.nn.init import unit_weights
from bnexp.plan import Run
from bnexp.plan.forms import knows_examples
from bnexp.streams import stream

#: Three updates an epoch, the last of eight examples.
BASE: dict[str, Any] = {
    "data": {"name": "digits", "train": 40, "test": 1},
    "network": {"layers": [6], "activation": "tanh"},
    "init": {"scheme": "xavier"},
    "optimizer": {"eps": 1e-4, "momentum": None},
    "training": {"epochs": 3, "batch_size": 16, "dtype": "float64"},
    "evaluate": {"train": "all", "test": "none"},
    "seed": 4,
}
PENALTIES: dict[str, Any] = {
    "regularization__l1": 1e-3,
    "regularization__l2": 1e-2,
    "regularization__lp": 1e-2,
    "regularization__p": 1.5,
    "regularization__label_smoothing": 0.1,
}
#: The kinds of optimizer, each with a learning rate that moves a lot.
RULES = {"sgd": 0.5, "momentum": 0.1, "nesterov": 0.1, "adagrad": 0.1}
RULES |= {"rmsprop": 0.02, "adam": 0.05, "adamw": 0.05}
SHAPES = [(6, 64), (10, 6)]
#: The factors of the learning rate in nine updates.
SCHEDULES: dict[str, tuple[dict[str, Any], list[float]]] = {
    "constant": ({}, [1.0] * 9),
    "warmup": ({"optimizer__warmup": 1.0}, [1 / 3, 2 / 3, *[1.0] * 7]),
    "step": (
        {"optimizer__step_epochs": 1, "optimizer__decay": 0.5},
        [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25],
    ),
    "cosine": (
        {"optimizer__warmup": 2 / 3},
        [0.5, 1, *((1 + math.cos(math.pi * s / 7)) / 2 for s in range(7))],
    ),
    "inverse": ({"optimizer__decay": 0.6}, [1 / (1 + 0.2 * s) for s in range(9)]),
}


def numbers_of(run: Run) -> dict[str, float]:
    """Return the numbers of a run with the textbook's defaults."""
    rule, regularization = run.config.optimizer, run.config.regularization
    decay = regularization.weight_decay
    return {
        "momentum": {"momentum": 0.9, "nesterov": 0.9}.get(rule.kind, 0.0)
        if rule.momentum is None
        else rule.momentum,
        "beta1": rule.beta1,
        "beta2": rule.beta2,
        "rho": rule.rho,
        "eps": rule.eps,
        "clip": rule.clip,
        "weight_decay": (0.01 if rule.kind == "adamw" else 0.0) if decay is None else decay,
        **{name: getattr(regularization, name) for name in ("l1", "l2", "lp", "p")},
        "label_smoothing": regularization.label_smoothing,
    }


def plain_losses(run: Run, kind: str, lr: float, factors: list[float]) -> list[float]:
    """Train as the run says; return the losses after each epoch."""
    data, x = load(run), np.zeros((40, 64))
    used = np.arange(64) if data.order is None else data.order
    x[:, used[: data.x_train.shape[1]]] = data.rows("train")
    y = data.y_train
    W = [unit_weights("xavier", run.config.seed, k, *shape) for k, shape in enumerate(SHAPES)]
    network, losses = TwoLayers(W, numbers_of(run)), []
    left = iter(factors)
    for epoch in range(3):
        order = stream(run.config.seed, "batches", epoch=epoch).permutation(40)
        for indices in batches_of(order, 16):
            network.step(kind, x[indices], y[indices], lr * next(left))
        losses.append(network.loss(x, y))
    return losses


def assert_as_plainly(run: Run, kind: str, lr: float, factors: list[float]) -> None:
    expected = plain_losses(run, kind, lr, factors)
    assert len({round(loss, 4) for loss in expected}) == 3
    found = follow([run], load(run)).results[run.id].records
    losses = [record.metrics["train_loss"] for record in found]
    np.testing.assert_allclose(losses, expected, rtol=1e-8)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kind", RULES)
def test_every_rule_and_schedule(kind: str, schedule: str) -> None:
    lr = RULES[kind]
    changes, factors = SCHEDULES[schedule]
    name = "constant" if schedule == "warmup" else schedule
    common = {"optimizer__kind": kind, "optimizer__lr": lr, "optimizer__schedule": name, **changes}
    run = make_run(BASE, **common)
    assert knows_examples(run.config) == (kind in ("sgd", "momentum", "nesterov"))
    assert_as_plainly(run, kind, lr, factors)


@pytest.mark.parametrize("kind", RULES)
def test_every_rule_with_all_penalties_and_clipping(kind: str) -> None:
    lr = RULES[kind]
    for clip, decay in ((0.2, None), (0.0, 0.3)):
        run = make_run(
            BASE,
            **PENALTIES,
            regularization__weight_decay=decay,
            optimizer__kind=kind,
            optimizer__lr=lr,
            optimizer__clip=clip,
        )
        assert_as_plainly(run, kind, lr, [1.0] * 9)


def test_momentum_is_sgd_with_a_momentum_of_9_tenths() -> None:
    named = make_run(BASE, optimizer__kind="momentum", optimizer__lr=0.1)
    spelled = make_run(BASE, optimizer__kind="sgd", optimizer__lr=0.1, optimizer__momentum=0.9)
    assert named.id == spelled.id
    data = load(named)
    one, two = (follow([run], data).at(2)[run.id] for run in (named, spelled))
    assert one.arrays.keys() == two.arrays.keys() > {"velocity"}
    assert all(np.array_equal(one.arrays[name], two.arrays[name]) for name in one.arrays)


def test_default_learning_rates() -> None:
    for kind in RULES:
        plain = make_run(BASE, optimizer__kind=kind)
        lr = 0.001 if kind in ("rmsprop", "adam", "adamw") else 0.01
        assert plain.id == make_run(BASE, optimizer__kind=kind, optimizer__lr=lr).id
        assert_as_plainly(plain, kind, lr, [1.0] * 9)
