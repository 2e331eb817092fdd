"""The promise of bits for the whole trainer: images, every norm, every rule, all that varies data.

In float32 and at real widths, theta and all else that training keeps compared at every epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from small_runs import History, assert_same_bits, follow, load, make_image_run

from bnexp.plan import Run
from bnexp.plan.forms import knows_examples

#: Numbers that may differ between the runs of a stack; what is 0 for some is not for others.
MEMBERS: list[dict[str, Any]] = [
    {},
    {"init__scale": 0.3, "regularization__l1": 1e-3, "optimizer__warmup": 0.5, "seed": 3},
    {
        "regularization__dropout": 0.3,
        "regularization__l1": 1e-4,
        "optimizer__clip": 0.1,
        "optimizer__decay": 0.7,
    },
    {
        "norm__eps": 1e-2,
        "norm__momentum": 0.5,
        "regularization__l2": 1e-3,
        "regularization__label_smoothing": 0.2,
        "optimizer__clip": 0.02,
        "seed": 3,
    },
    {
        "optimizer__lr": 0.02,
        "regularization__l2": 1e-2,
        "regularization__lp": 1e-2,
        "regularization__p": 1.5,
        "regularization__weight_decay": 0.1,
    },
]
#: What only weights can have, where the first layer works on known examples.
UNPENALISED = {
    **dict.fromkeys([f"regularization__{key}" for key in ("l1", "l2", "lp", "weight_decay")], 0.0),
    "optimizer__clip": 0.0,
}
#: The first step throws the weights out of range.
DIVERGING = {"optimizer__lr": 1e300}


def members(topology: Mapping[str, Any]) -> list[Run]:
    """Make runs of one topology that share a stack."""
    return [make_image_run(**{**topology, **numbers}) for numbers in MEMBERS]


def assert_promises(runs: Sequence[Run], diverging: Run) -> History:
    """Train runs together and in every other way, and require the same bits of each."""
    data = load(runs[0])
    whole = follow(runs, data)
    assert {result.status for result in whole.results.values()} <= {"done", "stopped"}
    assert len({state.arrays["theta"].tobytes() for state in whole.at(1).values()}) == len(runs)
    for run in runs:
        assert_same_bits(follow([run], data), whole)
    beside = follow([runs[3], diverging, *runs[:3], runs[4]], data)
    assert beside.results.pop(diverging.id).status == "diverged"
    kept = {key: state for key, state in beside.states.items() if key[0] != diverging.id}
    assert_same_bits(History(beside.results, kept), whole)
    for epoch, parts in ((1, ([4, 2, 0], [3, 1])), (2, ([1, 2], [4], [3, 0]))):
        states = whole.at(epoch)
        for part in parts:
            going = [runs[k] for k in part if runs[k].id in states]
            if going:
                assert_same_bits(follow(going, data, states), whole)
    return whole


NORMS: list[dict[str, Any]] = [
    {"norm__kind": kind, "norm__place": place, "norm__statistics": statistics}
    for kind in ("batch", "batch_renorm", "noisy_batch")
    for place, statistics in (("before", "running"), ("after", "population"))
] + [
    {"norm__kind": kind, "norm__place": place}
    for kind in ("none", "group", "layer", "rms")
    for place in ("before", "after")
]


@pytest.mark.parametrize("norm", NORMS, ids=lambda norm: "-".join(norm.values()))
def test_every_norm(norm: dict[str, Any]) -> None:
    # Limits that let r and d act from the second update on.
    limits = {"norm__renorm_start": 0.1} if norm["norm__kind"] == "batch_renorm" else {}
    topology = {**norm, **limits}
    assert_promises(members(topology), make_image_run(**topology, **DIVERGING))


@pytest.mark.parametrize("kind", ["batch", "batch_renorm", "noisy_batch", "group", "layer", "rms"])
def test_every_norm_where_the_first_layer_works_on_known_examples(kind: str) -> None:
    topology = {
        "network__layers": [50, 100],
        "norm__kind": kind,
        "norm__statistics": "population",
        "norm__renorm_start": 0.1,
        "optimizer__schedule": "inverse",
    }
    linear = [{**numbers, **UNPENALISED} for numbers in MEMBERS]
    linear[4]["optimizer__momentum"] = 0.5
    runs = [make_image_run(**{**topology, **numbers}) for numbers in linear]
    assert all(knows_examples(run.config) for run in runs)
    assert_promises(runs, make_image_run(**topology, **DIVERGING))


@pytest.mark.parametrize("place", ["before", "after"])
def test_instance_norm_of_images(place: str) -> None:
    layers = ["conv 8", "conv 16 stride 2", "average pool 2", {"dense": 100, "norm": "batch"}]
    topology = {"network__layers": layers, "norm__kind": "instance", "norm__place": place}
    assert_promises(members(topology), make_image_run(**topology, **DIVERGING))


@pytest.mark.parametrize(
    ("kind", "schedule"),
    [
        ("sgd", "inverse"),
        ("momentum", "step"),
        ("nesterov", "cosine"),
        ("adagrad", "inverse"),
        ("rmsprop", "constant"),
        ("adam", "step"),
        ("adamw", "cosine"),
    ],
)
def test_every_optimizer_and_schedule(kind: str, schedule: str) -> None:
    topology = {
        "network__layers": ["conv 8 kernel 5 padding valid", "global pool", 32],
        "optimizer__kind": kind,
        "optimizer__schedule": schedule,
        "optimizer__step_epochs": 1,
    }
    assert_promises(members(topology), make_image_run(**topology, **DIVERGING))


OTHERS: dict[str, dict[str, Any]] = {
    # Cut into parts by the second convolution, which takes a few runs at a time.
    "large batch": {
        "network__layers": ["conv 16", "pool 2", "conv 24 kernel 5", "global pool"],
        "training__batch_size": 150,
    },
    "augmented": {"augmentation": {"flip": True, "shift": 2}},
    "sorted": {"training__sampling": "sorted", "data__label_noise": 0.3, "data__seed": 5},
    "float64": {"training__dtype": "float64"},
    "spatial": {"regularization__spatial_dropout": True, "regularization__dropout": 0.2},
    "validated": {
        "data__validation": 40,
        "data__standardize": "channel",
        "evaluate__at": "first_step",
        "evaluate__train": 50,
        "evaluate__test": "last",
    },
    "stopped": {
        "data__train": 240,
        "data__validation": 0.4,
        "data__label_noise": 0.5,
        "training__patience": 2,
        "training__monitor": "val_accuracy",
        "training__epochs": 6,
        "augmentation": {"flip": True},
    },
    "replacement": {
        "training__sampling": "replacement",
        "data__standardize": "pixel",
        "evaluate__at": "first_step",
    },
}


@pytest.mark.parametrize("topology", OTHERS.values(), ids=OTHERS)
def test_everything_else_that_makes_a_run(topology: dict[str, Any]) -> None:
    topology = {"network__layers": ["conv 8", "pool 3 stride 2", 100], **topology}
    whole = assert_promises(members(topology), make_image_run(**topology, **DIVERGING))
    if "training__patience" in topology:
        ends = {(end.status, end.epoch) for end in whole.results.values()}
        assert len(ends) > 1 and "stopped" in {status for status, _ in ends}
