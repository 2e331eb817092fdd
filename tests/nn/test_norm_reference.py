"""Every norm against PyTorch's values and gradients, in float64; see reference/make_norm_values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from norm_cases import BATCH_KINDS, KINDS, make_norm, results, state_of

from bnexp.nn.layer import Array

VALUES: dict[str, Array] = dict(np.load(Path(__file__).parent / "reference/norm_values.npz"))
SHAPES = {"dense": (6,), "image": (3, 4, 2)}


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize(
    ("form", "kind"), [(f, k) for f in SHAPES for k in KINDS if (f, k) != ("dense", "instance")]
)
def test_against_pytorch(form: str, kind: str, place: int) -> None:
    def value(name: str) -> Array:
        return VALUES[f"{form}/{name}"]

    rng = np.random.default_rng(1)
    # The same run alone, and in a stack beside others with numbers of their own.
    eps = [0.5] * place + [1e-3]
    options = {"beta": "vector"}
    layer = make_norm(kind, SHAPES[form], eps, **options)
    for name in ("gamma", "beta"):
        layer.params[name][place, :, 0] = value(name)
    second = {"batch": "running_var", "noisy_batch": "running_var", "batch_renorm": "running_std"}
    if kind in BATCH_KINDS:
        state_of(layer)["running_mean"][place, :, 0] = value("running_mean")
        state_of(layer)[second[kind]][place, :, 0] = value("running_std")
    x, dy = rng.standard_normal((2, len(eps), *value("x").shape))
    x[place], dy[place] = value("x"), value("dy")
    if kind == "noisy_batch":  # the values are those of the second step
        stats = {name: array.copy() for name, array in layer.stats.items()}
        layer.forward(x.copy(), True)
        for name, array in stats.items():
            layer.stats[name][...] = array
    found = results(layer, x, dy)
    for name in ("y", "dx"):
        expected = value(f"{kind}/{name}")
        np.testing.assert_allclose(found[name][place], expected, rtol=1e-10, atol=1e-13)
    for name in ("dgamma", "dbeta"):
        np.testing.assert_allclose(found[name][place, :, 0], value(f"{kind}/{name}"), rtol=1e-10)
    if kind not in BATCH_KINDS:
        assert np.array_equal(found["evaluated"], found["y"])
    if kind == "batch_renorm":
        for name in ("mean", "std"):
            new = found[f"running_{name}"][place, :, 0]
            np.testing.assert_allclose(new, value(f"{kind}/new_{name}"), rtol=1e-12)
        np.testing.assert_allclose(
            found["evaluated"][place], value(f"{kind}/evaluated"), rtol=1e-10
        )
    if kind == "batch":
        new = found["running_mean"][place, :, 0]
        np.testing.assert_allclose(new, value("batch/new_mean"), rtol=1e-12)
        # PyTorch puts the unbiased variance into the running average: times n / (n - 1).
        n = value("x").size // len(new)
        share = found["running_var"][place, :, 0] - 0.75 * value("running_std")
        unbiased = 0.75 * value("running_std") + share * n / (n - 1)
        np.testing.assert_allclose(unbiased, value("batch/new_var"), rtol=1e-12)
        state_of(layer)["running_var"][place, :, 0] = unbiased
        evaluated = layer.forward(x.copy(), False)[place]
        np.testing.assert_allclose(evaluated, value("batch/evaluated"), rtol=1e-10)


def test_the_limits_of_batch_renorm_act_on_some_channels_only() -> None:
    for form in SHAPES:
        std = VALUES[f"{form}/running_std"]
        new = (VALUES[f"{form}/batch_renorm/new_std"] - std) / 0.25 + std
        clipped = (new / std > 1.5) | (new / std < 1 / 1.5)
        assert 0 < clipped.sum() < len(std)
