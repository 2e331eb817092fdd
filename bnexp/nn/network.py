"""A stack of K networks of one description, on one flat array of parameters.

``theta`` (K, P) holds every parameter, weights first, so that a penalty is an operation on one
slice, an optimizer one on the whole, and a checkpoint one array; ``grads`` (K, P) mirrors it and
``stats`` (K, S) holds the running statistics. Layers work on reshaped views.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp import describe
from bnexp.nn.activations import Activation
from bnexp.nn.dense import Dense
from bnexp.nn.dropout import Dropout
from bnexp.nn.init import unit_weights
from bnexp.nn.layer import Array, Layer, Shape, Workspace
from bnexp.nn.norms import BatchNorm


@dataclass(frozen=True)
class Numbers:
    """What may differ between the runs of a stack inside the network: each a (K,) float64 array.

    ``seeds`` has one entry per run.
    """

    seeds: Sequence[int]
    scale: Array
    dropout: Array
    eps: Array
    momentum: Array


class Network:
    """K networks of one description; ``numbers`` may differ from run to run."""

    def __init__(self, spec: describe.NetworkSpec, numbers: Numbers, dtype: Any) -> None:
        self.numbers = numbers
        self.dtype = np.dtype(dtype)
        self.workspace = Workspace(self.dtype)
        self.layers: list[Layer] = []
        for layer in spec.layers:
            self.layers.append(self._build(layer))
        runs = len(numbers.seeds)
        decayed = [(layer, layer.weights) for layer in self.layers]
        others = [(layer, layer.others) for layer in self.layers]
        self.weight_count = sum(size for *_, size in _entries(decayed))
        self.theta, self.grads = (_allocate(runs, decayed + others, self.dtype) for _ in range(2))
        _attach(self.theta, decayed + others, "params")
        _attach(self.grads, decayed + others, "grads")
        state = [(layer, layer.state) for layer in self.layers]
        self.stats = _allocate(runs, state, self.dtype)
        _attach(self.stats, state, "stats")

    def initialize(self, scheme: str, order: NDArray[np.intp] | None = None) -> None:
        """Set weights to scale times unit draws, biases and beta to 0, gamma to 1.

        ``order`` says which feature of the data each input of the first layer is, where the data
        have been rearranged: a feature's weights are the same wherever it stands.
        """
        self.theta[...] = 0
        self.stats[...] = 0
        dense = [layer for layer in self.layers if isinstance(layer, Dense)]
        for ordinal, hidden in enumerate(dense):
            units, inputs = hidden.weights["W"]
            unit = {
                seed: unit_weights(scheme, seed, ordinal, units, inputs)
                for seed in dict.fromkeys(self.numbers.seeds)
            }
            for k, seed in enumerate(self.numbers.seeds):
                W = unit[seed] * self.numbers.scale[k]
                hidden.params["W"][k] = W if ordinal or order is None else W[:, order]
        for layer in self.layers:
            if "gamma" in layer.params:
                layer.params["gamma"][...] = 1
            if isinstance(layer, BatchNorm):
                layer.stats["running_var"][...] = layer.start_var

    def start_epoch(self, epoch: int) -> None:
        """Take up every layer's random streams of an epoch."""
        for layer in self.layers:
            layer.start_epoch(epoch)

    def forward(self, x: Array, train: bool) -> Array:
        """Map examples (K or 1, I, B) to logits (K, C, B)."""
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def backward(self, dlogits: Array) -> None:
        """Write into ``grads`` the gradient of what ``dlogits`` (K, C, B) is the gradient of."""
        dy: Array | None = dlogits
        for layer in reversed(self.layers):
            assert dy is not None
            dy = layer.backward(dy)

    def _build(self, layer: describe.Layer) -> Layer:
        if isinstance(layer, describe.Dense):
            ordinal = sum(isinstance(built, Dense) for built in self.layers)
            return Dense(
                self.workspace,
                layer.inputs,
                layer.units,
                bias=layer.bias,
                ordinal=ordinal,
            )
        if isinstance(layer, describe.Activation):
            return Activation(self.workspace, layer.kind)
        if isinstance(layer, describe.Norm):
            return BatchNorm(
                self.workspace,
                layer.units,
                eps=self.numbers.eps,
                momentum=self.numbers.momentum,
                gamma=layer.gamma,
                beta=layer.beta,
                start_var=layer.start_var,
            )
        return Dropout(
            self.workspace,
            rate=self.numbers.dropout,
            seeds=self.numbers.seeds,
            ordinal=layer.ordinal,
        )


_Owners = list[tuple[Layer, dict[str, Shape]]]


def _entries(owners: _Owners) -> Iterator[tuple[Layer, str, Shape, int]]:
    for layer, shapes in owners:
        for name, shape in shapes.items():
            yield layer, name, shape, math.prod(shape)


def _allocate(runs: int, owners: _Owners, dtype: np.dtype[Any]) -> Array:
    return np.zeros((runs, sum(size for *_, size in _entries(owners))), dtype)


def _attach(flat: Array, owners: _Owners, attribute: str) -> None:
    """Give each layer its views (K, *shape) of the flat array (K, total)."""
    start = 0
    for layer, name, shape, size in _entries(owners):
        view = flat[:, start : start + size].reshape(len(flat), *shape)
        getattr(layer, attribute)[name] = view
        start += size
