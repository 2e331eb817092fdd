"""Batch renorm: the schedule of its limits, the state of the paper, clipping, blanks."""

from __future__ import annotations

import numpy as np
import pytest
from norm_cases import make_norm

from bnexp.nn.layer import Workspace
from bnexp.nn.norms import BatchRenorm


def make_renorm(start: float, end: float) -> BatchRenorm:
    one = np.ones(1)
    return BatchRenorm(
        Workspace(np.dtype(np.float64)),
        3,
        eps=1e-3 * one,
        momentum=0.9 * one,
        r_max=3.0,
        d_max=5.0,
        start=start,
        end=end,
    )


@pytest.mark.parametrize(
    ("start", "end", "step", "r_limit", "d_limit"),
    [
        (0.04, 0.3, 0, 1, 0),
        (0.04, 0.3, 40, 1, 0),
        (0.04, 0.3, 170, 2, 2.5),
        (0.04, 0.3, 300, 3, 5),
        (0.04, 0.3, 999, 3, 5),
        (0.0, 1.0, 500, 2, 2.5),
        (0.0, 0.0, 0, 3, 5),
        (0.5, 0.5, 499, 1, 0),
        (0.5, 0.5, 500, 3, 5),
        (1.0, 1.0, 999, 1, 0),
    ],
)
def test_limits(start: float, end: float, step: int, r_limit: float, d_limit: float) -> None:
    layer = make_renorm(start, end)
    layer.start_step(step, 1000)
    assert layer.r_limit == pytest.approx(r_limit)
    assert layer.d_limit == pytest.approx(d_limit)


def test_before_any_step_it_is_batch_norm() -> None:
    layer = make_renorm(0.04, 0.3)
    assert (layer.r_limit, layer.d_limit) == (1, 0)


def test_state_and_its_start() -> None:
    layer = make_norm("batch_renorm", (3,), [0.25, 0.0], start_var=2.0)
    assert layer.state == {"running": (2, 3, 1)}
    assert (layer.running_mean == 0).all()
    np.testing.assert_allclose(layer.running_std[0], 1.5)
    np.testing.assert_allclose(layer.running_std[1], np.sqrt(2))


@pytest.mark.parametrize("shape", [(3,), (4, 3, 2)])
def test_several_steps_against_a_naive_loop(shape: tuple[int, ...]) -> None:
    eps, momentum = [0.1, 1e-3], np.array([0.9, 0.5])
    layer = make_norm("batch_renorm", shape, eps, momentum=momentum, limits=(1.5, 0.5))
    gamma, beta = (layer.params[name][:, :, 0] for name in ("gamma", "beta"))
    rng = np.random.default_rng(5)
    mean, std = np.zeros((2, 3)), np.sqrt(1 + np.array(eps))[:, None] * np.ones(3)
    clipped = []
    for step in range(5):
        x = 0.2 * step + (1 + 0.3 * step) * rng.standard_normal((2, *shape, 6))
        y = layer.forward(x.copy(), True)
        for k, c in np.ndindex(2, 3):
            at = (k, c) if len(shape) == 1 else (k, slice(None), c)
            own_mean, own_std = x[at].mean(), np.sqrt(x[at].var() + eps[k])
            r = min(max(own_std / std[k, c], 1 / 1.5), 1.5)
            d = min(max((own_mean - mean[k, c]) / std[k, c], -0.5), 0.5)
            clipped += [r in (1.5, 1 / 1.5), abs(d) == 0.5]
            expected = gamma[k, c] * ((x[at] - own_mean) / own_std * r + d) + beta[k, c]
            np.testing.assert_allclose(y[at], expected, rtol=1e-9, atol=1e-12)
            mean[k, c] = momentum[k] * mean[k, c] + (1 - momentum[k]) * own_mean
            std[k, c] = momentum[k] * std[k, c] + (1 - momentum[k]) * own_std
    assert 0 < np.mean(clipped) < 1
    np.testing.assert_allclose(layer.running_mean[..., 0], mean, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(layer.running_std[..., 0], std, rtol=1e-10)


def test_a_running_std_of_0_compares_with_nothing() -> None:
    layer = make_norm("batch_renorm", (3,), [0.0], start_var=0.0, limits=(3.0, 5.0))
    plain = make_norm("batch", (3,), [0.0], start_var=0.0)
    x = 7 + np.random.default_rng(6).standard_normal((1, 3, 10))
    assert np.array_equal(layer.forward(x.copy(), True), plain.forward(x.copy(), True))
    assert (layer.running_std > 0).all()
