"""The gradient of the whole loss of convolutional networks, with every norm, against differences.

Dropout masks, noise, and r and d of batch renorm are frozen; penalties and label smoothing are on.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from gradcheck import TOLERANCE, assert_gradients, direction_errors
from norm_cases import KINDS, FrozenRenorm
from stacks import OneBatch

from bnexp import describe
from bnexp.describe import Hidden, Pooling
from bnexp.nn import Network, norms
from bnexp.nn.build import Numbers
from bnexp.nn.dropout import Dropout
from bnexp.nn.layer import Array
from bnexp.nn.norms import BatchRenorm, NoisyBatchNorm
from bnexp.nn.pool import Pool
from bnexp.optim import WeightPenalty

BATCH, SHAPE = 4, (6, 2, 5)
#: What differs between the three runs of a stack.
SMOOTHING = np.array([0.2, 0.0, 0.1])
PENALTIES = {
    "l1": np.array([0.02, 0.0, 0.05]),
    "l2": np.array([0.3, 0.1, 0.0]),
    "lp": np.array([0.1, 0.2, 0.0]),
    "p": np.array([1.5, 3.0, 3.0]),
}


def convolutional(
    kind: str, place: Literal["before", "after"], *, spatial: bool
) -> describe.NetworkSpec:
    """Describe a network with both pools, a stride, an odd padding, and a hidden dense layer."""
    dense_kind = "layer" if kind == "instance" else kind
    # The average of what instance norm gave is beta, whatever the image.
    last: Literal["max", "average"] = "max" if kind == "instance" else "average"
    return describe.describe_network(
        SHAPE,
        3,
        [
            Hidden(4, kernel=2),
            Pooling(2),
            Hidden(2, kernel=3, stride=2 if spatial else 1, activation="softplus"),
            Pooling(None, last),
            Hidden(4, norm=dense_kind),
        ],
        activation="tanh",
        norm=describe.Norm(kind, (), "vector", "vector", 1.0, r_max=1.2, d_max=0.3),
        norm_place=place,
        dropout=True,
        spatial=spatial,
    )


def build(spec: describe.NetworkSpec, runs: int, rng: np.random.Generator) -> Network:
    """Build the networks and draw their parameters, no weight near 0."""
    numbers = Numbers(
        seeds=[1, 1, 2][:runs],
        scale=np.ones(runs),
        dropout=np.array([0.3, 0.0, 0.2])[:runs],
        eps=np.array([0.05, 0.1, 0.02])[:runs],
        momentum=np.full(runs, 0.9),
    )
    network = Network(spec, numbers, np.float64)
    network.initialize("he")
    theta = 0.5 * rng.standard_normal(network.theta.shape)
    network.theta[...] = theta + 0.1 * np.sign(theta)
    return network


def least_gap(network: Network, x: Array) -> float:
    """Return by how much the largest number in any window of a max pool is ahead of the second."""
    start(network)
    least = np.inf
    y = x.reshape(len(x), *SHAPE, x.shape[-1])
    for layer in network.layers:
        if isinstance(layer, Pool) and layer.is_max:
            windows = np.sort(np.stack(list(layer._places(y, layer.out_shape[0]))), axis=0)
            gaps = windows[-1] - windows[-2]
            least = min(least, float(gaps[gaps > 0].min()))  # no step moves what is dropped
        y = layer.forward(y.copy(), True)
    return least


def start(network: Network) -> None:
    """Take up the same masks and noise as ever."""
    network.start_epoch(1)
    network.start_step(9, 10)


def settle(spec: describe.NetworkSpec, runs: int) -> tuple[Network, Array]:
    """Draw parameters and images until the maximum of every window is clear."""
    rng = np.random.default_rng(4)
    for _ in range(300):
        network = build(spec, runs, rng)
        x = rng.standard_normal((runs, int(np.prod(SHAPE)), BATCH))
        gap = least_gap(network, x)
        for layer in network.layers:
            vars(layer).pop("R", None)  # frozen at the first pass: now comes the real one
        if gap > 3e-4:
            return network, x
    raise AssertionError("no such parameters found")


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_gradients(
    monkeypatch: pytest.MonkeyPatch, kind: str, place: Literal["before", "after"], runs: int
) -> None:
    monkeypatch.setattr(norms, "BatchRenorm", FrozenRenorm)
    network, x = settle(convolutional(kind, place, spatial=place == "after"), runs)
    labels = np.random.default_rng(5).integers(0, 3, (runs, BATCH))
    loss = OneBatch(SMOOTHING[:runs])
    numbers: dict[str, Any] = {name: values[:runs] for name, values in PENALTIES.items()}
    penalty = WeightPenalty(**numbers, weights=network.weight_count, dtype=np.float64)

    def objective() -> Array:
        start(network)
        losses, _ = loss.measure(network.forward(x, True), labels)
        return losses / BATCH + penalty.loss(network.theta)

    objective()
    network.grads[...] = np.nan
    network.backward(loss.gradient())
    penalty.add_gradient(network.theta, network.grads)
    dropped = np.zeros(runs, bool)
    for layer in network.layers:
        if isinstance(layer, BatchRenorm):
            assert (layer.R != 1).any() and (layer.D != 0).any()
        if isinstance(layer, Dropout):
            dropped |= (layer.factor == 0).any(axis=tuple(range(1, layer.factor.ndim)))
        if isinstance(layer, NoisyBatchNorm):
            assert layer.factor.std() > 0
    assert dropped.tolist() == [True, False, True][:runs]
    tensors = {}
    for index, layer in enumerate(network.layers):
        for name, tensor in layer.params.items():
            gradient = layer.grads[name].copy()
            # With r and d as constants, the bias of a conv layer is subtracted with the mean.
            if np.abs(gradient).max() < 1e-12:
                assert (kind, place, name) == ("batch_renorm", "before", "b")
            else:
                tensors[f"{index}.{name}"] = (tensor, gradient)
    if runs > 1:
        assert_gradients(objective, tensors)
    for tensor, gradient in tensors.values():
        rng = np.random.default_rng(6)
        assert direction_errors(objective, tensor, gradient, rng).max() < TOLERANCE
