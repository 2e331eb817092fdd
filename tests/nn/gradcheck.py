"""Gradients against central differences, in float64 and for all runs of a stack at once.

An objective gives one number per run. Both checks measure the error of a gradient relative to its
norm: along a random direction, which is cheap and sees every entry a little, and entry by entry,
which names the entry. A tensor is perturbed in place, so the objective must read it anew each time
and must not overwrite it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bnexp.nn.layer import Array

STEP = 1e-5
TOLERANCE = 1e-6
Objective = Callable[[], Array]


def assert_gradients(
    objective: Objective, tensors: Mapping[str, tuple[Array, Array]], *, seed: int = 0
) -> None:
    """Check pairs (tensor, gradient), both (K, ...), against ``objective``, which returns (K,)."""
    rng = np.random.default_rng(seed)
    assert tensors
    for name, (tensor, gradient) in tensors.items():
        assert tensor.dtype == gradient.dtype == np.float64, name
        assert tensor.shape == gradient.shape, name
        for check in (direction_errors, entry_errors):
            errors = check(objective, tensor, gradient, rng)
            worst = float(np.max(errors))
            assert worst < TOLERANCE, f"{name}: {check.__name__} {worst:.1e}"


def direction_errors(
    objective: Objective, tensor: Array, gradient: Array, rng: np.random.Generator
) -> Array:
    """Return each run's error (K,) of the slope along one random direction of length 1."""
    direction = rng.standard_normal(tensor.shape)
    axes = tuple(range(1, tensor.ndim))
    direction /= np.sqrt(np.square(direction).sum(axis=axes, keepdims=True))
    measured = _slope(objective, tensor, direction)
    claimed = (gradient * direction).sum(axis=axes)
    return np.abs(measured - claimed) / _norms(gradient)


def entry_errors(
    objective: Objective, tensor: Array, gradient: Array, rng: np.random.Generator
) -> Array:
    """Return the norm (K,) of each run's error over all entries."""
    measured = np.empty_like(gradient)
    for index in np.ndindex(tensor.shape[1:]):
        at = (slice(None), *index)
        direction = np.zeros_like(tensor)
        direction[at] = 1
        measured[at] = _slope(objective, tensor, direction)
    return _norms(measured - gradient) / _norms(measured)


def _slope(objective: Objective, tensor: Array, direction: Array) -> Array:
    kept = tensor.copy()
    tensor += STEP * direction
    high = objective()
    tensor[...] = kept - STEP * direction
    low = objective()
    tensor[...] = kept
    return (high - low) / (2 * STEP)


def _norms(values: Array) -> Array:
    return np.sqrt(np.square(values).reshape(len(values), -1).sum(axis=1))
