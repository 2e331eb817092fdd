"""Stacks for tests: runs with numbers of their own, trained together and compared one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bnexp import describe
from bnexp.nn import Network, SoftmaxCrossEntropy
from bnexp.nn.build import Numbers
from bnexp.nn.layer import Array, Layer
from bnexp.nn.losses import TrainingLoss
from bnexp.optim import SGD, WeightPenalty


@dataclass(frozen=True)
class Member:
    """The numbers of one run that may differ inside a stack."""

    seed: int = 0
    scale: float = 1.0
    dropout: float = 0.0
    eps: float = 1e-5
    norm_momentum: float = 0.9
    lr: float = 0.01
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True)
class Topology:
    """What the runs of a stack have in common."""

    inputs: int
    units: tuple[int, ...]
    classes: int = 10
    activation: str = "relu"
    norm: Literal["none", "before", "after"] = "none"
    gamma: describe.Affine = "vector"
    beta: describe.Affine = "vector"
    start_var: float = 0.0
    scheme: str = "he"
    nesterov: bool = False

    def describe(self, *, dropout: bool = False) -> describe.NetworkSpec:
        """Describe the network."""
        norm = describe.Norm("batch", (), self.gamma, self.beta, self.start_var)
        return describe.describe_network(
            self.inputs,
            self.classes,
            self.units,
            activation=self.activation,
            norm=None if self.norm == "none" else norm,
            norm_place="after" if self.norm == "after" else "before",
            dropout=dropout,
        )


def column(members: Sequence[Member], name: str) -> Array:
    """Collect one number of each run as a (K,) array."""
    return np.array([getattr(member, name) for member in members], np.float64)


def build_network(topology: Topology, members: Sequence[Member], dtype: Any) -> Network:
    """Build and initialise the stack; it has dropout layers when any run drops."""
    numbers = Numbers(
        seeds=[member.seed for member in members],
        scale=column(members, "scale"),
        dropout=column(members, "dropout"),
        eps=column(members, "eps"),
        momentum=column(members, "norm_momentum"),
    )
    dropout = any(member.dropout for member in members)
    network = Network(topology.describe(dropout=dropout), numbers, dtype)
    network.initialize(topology.scheme)
    return network


def build_penalty(network: Network, members: Sequence[Member]) -> WeightPenalty:
    """Build the penalties of the stack."""
    return WeightPenalty(
        l1=column(members, "l1"),
        l2=column(members, "l2"),
        weights=network.weight_count,
        dtype=network.dtype,
    )


def attach(layer: Layer, runs: int, rng: np.random.Generator) -> None:
    """Give a layer outside any network random parameters, and gradients that must be written."""
    for name, shape in {**layer.weights, **layer.others}.items():
        dtype = layer.workspace.dtype
        layer.params[name] = rng.standard_normal((runs, *shape)).astype(dtype)
        layer.grads[name] = np.full((runs, *shape), np.nan, dtype)
    for name, shape in layer.state.items():
        layer.stats[name] = np.zeros((runs, *shape), layer.workspace.dtype)


def examples(seed: int, count: int, inputs: int, classes: int = 10) -> tuple[Array, Array]:
    """Return pixels (count, inputs) in float32 and labels (count,)."""
    rng = np.random.default_rng((seed, count))
    x = rng.random((count, inputs), dtype=np.float32)
    return x * (x > 0.5), rng.integers(0, classes, count)


class OneBatch:
    """The loss in training, of one batch at a time."""

    def __init__(self, smoothing: Array | None = None) -> None:
        self.loss = TrainingLoss(SoftmaxCrossEntropy(smoothing))

    def measure(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        """Return the losses (K,) and right answers (K,); overwrite logits with the gradient."""
        self.loss.start(labels)
        self._gradient = self.loss.gradient(logits)
        losses, right = self.loss.collect()
        return losses[:, 0], right[:, 0]

    def gradient(self) -> Array:
        """Return the gradient of the mean loss of the batch."""
        return self._gradient


#: All that a stack's training leaves behind, each array with the runs along axis 0.
Outcome = Mapping[str, Array]


def train(
    topology: Topology,
    members: Sequence[Member],
    *,
    steps: int = 2,
    batch: int = 100,
    dtype: Any = np.float32,
    poison: Callable[[Network], None] = lambda network: None,
) -> Outcome:
    """Train a stack for some steps and evaluate it; ``poison`` may spoil runs before the start."""
    network = build_network(topology, members, dtype)
    poison(network)
    penalty, loss = build_penalty(network, members), OneBatch()
    optimizer = SGD(
        network.theta,
        lr=column(members, "lr"),
        momentum=column(members, "momentum"),
        nesterov=topology.nesterov,
    )
    seeds = dict.fromkeys(member.seed for member in members)
    data = {seed: examples(seed, steps * batch, topology.inputs) for seed in seeds}
    axis = list(seeds) if len(seeds) == 1 else [member.seed for member in members]
    x = np.stack([data[seed][0] for seed in axis])
    y = np.stack([data[seed][1] for seed in axis])
    kept: dict[str, list[Array]] = {"loss": [], "right": [], "penalty": [], "grads": []}
    with np.errstate(all="ignore"):
        network.start_epoch(1)
        for start in range(0, steps * batch, batch):
            part = slice(start, start + batch)
            logits = network.forward(x[:, part].transpose(0, 2, 1).astype(dtype), train=True)
            losses, right = loss.measure(logits, y[:, part])
            network.backward(loss.gradient())
            kept["loss"].append(losses)
            kept["right"].append(right)
            kept["penalty"].append(penalty.loss(network.theta))
            penalty.add_gradient(network.theta, network.grads)
            kept["grads"].append(network.grads.copy())
            optimizer.step(network.theta, network.grads)
        evaluated = evaluate(network, *examples(0, 250, topology.inputs), chunk=125)
    outcome = {name: np.stack(values, axis=1) for name, values in kept.items()}
    velocity = optimizer.state.get("velocity", np.zeros_like(network.theta))
    # A run without momentum has no velocity of its own.
    has_velocity = column(members, "momentum")[:, None] != 0
    return {
        **outcome,
        **evaluated,
        "theta": network.theta,
        "stats": network.stats,
        "velocity": np.where(has_velocity, velocity, 0),
    }


def evaluate(network: Network, x: Array, y: Array, *, chunk: int) -> Outcome:
    """Evaluate chunk by chunk: logits (K, C, N), losses (K, chunks), right answers (K, chunks)."""
    loss = SoftmaxCrossEntropy()
    logits, losses, right = [], [], []
    for start in range(0, len(x), chunk):
        part = x[start : start + chunk].T[None]
        out = network.forward(part.astype(network.dtype), train=False)
        logits.append(out.copy())
        measured = loss.measure(out, y[None, start : start + chunk])
        losses.append(measured[0])
        right.append(measured[1])
    return {
        "test_logits": np.concatenate(logits, axis=2),
        "test_loss": np.stack(losses, axis=1),
        "test_right": np.stack(right, axis=1),
    }


def assert_same_bits(one: Outcome, k: int, other: Outcome, j: int) -> None:
    """Require run k of one outcome to be run j of the other, bit for bit."""
    assert one.keys() == other.keys()
    for name in one:
        a, b = one[name][k], other[name][j]
        assert a.dtype == b.dtype, name
        assert np.array_equal(a, b, equal_nan=True), f"{name}: run {k} is not run {j}"
