"""What runs are estimated to cost, beside what they were measured to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_runs import make_run

from bnexp.cli.plans import rough_seconds
from bnexp.config import load_run
from bnexp.nn.layer import LARGE
from bnexp.plan import Stack, cost, identify, step_seconds
from bnexp.plan.cost import run_seconds

CONFIGS = Path(__file__).resolve().parents[1] / "configs"

#: Seconds of one core for all runs of a stack with their evaluations, their data loaded: with
#: OpenBLAS's kernels for AVX-512, and with those for AVX2. (AMD EPYC, NumPy 2.4.6.)
MEASURED: dict[tuple[str, int, str], tuple[float, float]] = {
    ("fig6-18", 1, ""): (0.115, 0.167),
    ("fig6-18", 16, ""): (1.61, 2.28),
    ("fig6-18", 8, "norm=off"): (0.55, 0.93),
    ("fig6-18-digits", 1, ""): (0.092, 0.127),
    ("fig6-18-digits", 16, ""): (0.98, 1.60),
    ("keras-mnist", 1, "training.epochs=1"): (0.289, 0.327),
    ("keras-mnist", 1, "training.epochs=1 norm=off"): (0.201, 0.237),
    ("keras-mnist", 8, "training.epochs=1 data.train=20000"): (0.315, 0.429),
    ("cifar10-cnn", 1, "training.epochs=1 data.train=12800 data.test=2000"): (2.21, 3.25),
    ("cifar10-cnn", 1, "training.epochs=1 data.train=12800 data.test=2000 norm=off"): (1.62, 2.63),
    ("cifar10-cnn", 4, "training.epochs=1 data.train=5120 data.test=1000"): (4.35, 5.24),
    ("hyperparameter-search", 6, "regularization.l2=1e-5"): (0.73, 1.20),
    ("small-batches", 1, "training.batch_size=2 training.epochs=1"): (0.372, 0.422),
    ("overfit-dropout", 1, "training.epochs=100"): (2.20, 3.23),
    ("optimizers", 1, "training.epochs=5 optimizer.kind=adam"): (0.273, 0.364),
    ("lr-times-bn", 5, "training.epochs=2"): (0.40, 0.61),
    ("mnist-bn", 1, "training.epochs=2"): (0.47, 0.63),
}


@pytest.mark.parametrize(("name", "count", "overrides"), MEASURED)
def test_an_estimate_is_near_what_was_measured(name: str, count: int, overrides: str) -> None:
    config = load_run(CONFIGS / f"{name}.yaml", overrides=overrides.split())
    run = identify(config)
    low, high = MEASURED[name, count, overrides]
    assert low / 1.5 < Stack((run,) * count).seconds < high * 1.5
    assert Stack((run,) * count).seconds == pytest.approx((low * high) ** 0.5, rel=0.4)


def seconds(**changes: Any) -> float:
    return run_seconds(make_run(**changes).config)


def test_whatever_is_done_more_takes_longer() -> None:
    base = seconds(norm__kind="none")
    more: list[dict[str, Any]] = [
        {"norm__kind": "batch"},
        {"regularization__dropout": 0.1},
        {"optimizer__kind": "adam"},
        {"evaluate__test": "all"},
        {"data__validation": 0.1, "data__train": 1111},
        {"network__layers": [100] * 6},
    ]
    for change in more:
        assert seconds(**{"norm__kind": "none", **change}) > 1.01 * base, change


def test_training_examples_that_are_known_are_evaluated_without_the_first_layer() -> None:
    """As a penalty would not let them be."""
    known = seconds(evaluate__train="all") - seconds(evaluate__train="none")
    changed: dict[str, Any] = {"regularization__l2": 0.1}
    whole = seconds(evaluate__train="all", **changed) - seconds(evaluate__train="none", **changed)
    assert known < 0.7 * whole


@pytest.mark.parametrize(
    ("name", "count", "overrides", "low", "high"),
    [
        # Measured: 0.69 to 0.79 of the time, the median 0.74.
        ("cifar10-cnn", 1, "", 0.71, 0.77),
        ("cifar10-cnn", 1, "norm=off", 0.71, 0.77),
        ("cifar10-cnn", 1, "training.batch_size=32", 1, 1),
        ("cifar10-cnn", 4, "training.batch_size=64", 0.71, 0.77),
        ("fig6-18", 64, "", 1, 1),
    ],
)
def test_two_threads_share_the_work_on_large_images(
    name: str, count: int, overrides: str, low: float, high: float
) -> None:
    run = identify(load_run(CONFIGS / f"{name}.yaml", overrides=overrides.split()))
    stack = Stack((run,) * count)
    assert stack.seconds_on(1) == stack.seconds
    assert low <= stack.seconds_on(2) / stack.seconds <= high
    assert cost._LARGE == LARGE


def test_a_plan_takes_as_long_as_it_will_with_the_cores_that_are_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = Stack((identify(load_run(CONFIGS / "cifar10-cnn.yaml")),))
    alone, shared = stack.seconds, stack.seconds_on(2)
    for cores, count, jobs, seconds in (
        (2, 1, 2, shared),  # one that has nothing else to do helps
        (2, 2, 2, alone),
        (4, 2, 2, shared),
        (2, 3, 1, 3 * shared),
        (1, 1, 1, alone),
    ):
        monkeypatch.setattr("bnexp.environment.available_cores", lambda cores=cores: cores)
        assert rough_seconds([stack] * count, jobs) == pytest.approx(seconds), (cores, count)
        assert rough_seconds([stack], jobs, "dask") == alone


def test_a_step_of_large_images_is_long_and_one_of_fig6_18_is_not() -> None:
    large = {"data": {"name": "cifar10"}, "training": {"batch_size": 1000}}
    layers: dict[str, Any] = {"layers": ["conv 64", "conv 64", "conv 64"]}
    assert step_seconds(load_run({**large, "network": layers})) > 2
    assert step_seconds(load_run(CONFIGS / "fig6-18.yaml")) < 0.002
