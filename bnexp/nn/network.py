"""A stack of K networks of one description, on one flat array of parameters.

``theta`` (K, P) holds every parameter, weights first, so that a penalty is an operation on one
slice, an optimizer one on the whole, and a checkpoint one array; ``grads`` (K, P) mirrors it and
``stats`` (K, S) holds the running statistics. Layers work on reshaped views.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp import describe
from bnexp.nn.build import Numbers, build_layers
from bnexp.nn.conv import Conv
from bnexp.nn.dense import Dense
from bnexp.nn.dropout import Dropout
from bnexp.nn.examples import ExampleDense, Examples
from bnexp.nn.init import unit_weights
from bnexp.nn.layer import Array, Layer, Shape, Workspace
from bnexp.nn.norms import BatchNorm, Norm


class Network:
    """K networks of one description; ``numbers`` may differ from run to run.

    With ``examples`` the first layer, which must be dense, works on these: see ``ExampleDense``.
    Large images are worked on by ``threads`` threads, which changes no bit.
    """

    def __init__(
        self,
        spec: describe.NetworkSpec,
        numbers: Numbers,
        dtype: Any,
        examples: Examples | None = None,
        threads: int = 1,
    ) -> None:
        self.numbers = numbers
        self.examples = examples
        self.dtype = np.dtype(dtype)
        self.input_shape = spec.input_shape
        self.weighted = spec.weighted
        self.workspace = Workspace(self.dtype, threads)
        self.layers = build_layers(spec, numbers, self.workspace, examples)
        self.changing = [x for x in self.layers if type(x).start_step is not Layer.start_step]
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
        built = [layer for layer in self.layers if isinstance(layer, Dense | ExampleDense | Conv)]
        for ordinal, (layer, spec) in enumerate(zip(built, self.weighted, strict=True)):
            for seed in dict.fromkeys(self.numbers.seeds):
                unit = _draw(spec, scheme, seed, ordinal)
                if order is not None and not ordinal:
                    unit = unit[:, order]
                runs = np.flatnonzero(np.equal(self.numbers.seeds, seed))
                layer.set_weights(runs, unit, self.numbers.scale[runs])
        for norm in self.layers:
            if isinstance(norm, Norm):
                norm.start_state()
                if "gamma" in norm.params:
                    norm.params["gamma"][...] = 1

    def start_epoch(self, epoch: int) -> None:
        """Take up every layer's random streams of an epoch."""
        for layer in self.layers:
            layer.start_epoch(epoch)

    def start_step(self, step: int, total: int) -> None:
        """Tell every layer that ``step`` of ``total`` updates are made."""
        for layer in self.changing:
            layer.start_step(step, total)

    def forward(self, x: Array | slice, train: bool) -> Array:
        """Map examples (K or 1, I, B) to logits (K, C, B).

        With ``examples``, training examples are given by their numbers: (K or 1, B) in training, a
        slice in evaluation.
        """
        y: Any = x
        if len(self.input_shape) == 3 and isinstance(x, np.ndarray):
            y = x.reshape(len(x), *self.input_shape, x.shape[-1])
        for layer in self.layers:
            y = layer.forward(y, train)
        logits: Array = y
        return logits

    def backward(self, dlogits: Array) -> None:
        """Write into ``grads`` the gradient of what ``dlogits`` (K, C, B) is the gradient of."""
        dy: Array | None = dlogits
        for layer in reversed(self.layers):
            if dy is None:  # nothing below the first layer with weights is trained
                break
            dy = layer.backward(dy)

    @property
    def has_population(self) -> bool:
        """Whether evaluation uses statistics of the whole training set: see ``collect``."""
        return bool(self._population())

    def collect(self, batches: Iterable[Array]) -> None:
        """Take the statistics that evaluation uses from these batches of training examples.

        Nothing that training uses changes: dropout is left out, no running value moves. Without a
        batch there are none, and evaluation needs another call.
        """
        norms = self._population()
        layers = [layer for layer in self.layers if not isinstance(layer, Dropout)]
        for norm in norms:
            norm.begin_population()
        collected = False
        for x in batches:
            y: Any = x
            if len(self.input_shape) == 3:
                y = x.reshape(len(x), *self.input_shape, x.shape[-1])
            for layer in layers:
                y = layer.forward(y, True)
            collected = True
        for norm in norms:
            if collected:
                norm.end_population()
            else:
                norm.clear_population()

    def _population(self) -> list[BatchNorm]:
        return [
            layer
            for layer in self.layers
            if isinstance(layer, BatchNorm) and layer.population is not None
        ]


def _draw(spec: describe.Dense | describe.Conv, scheme: str, seed: int, ordinal: int) -> Array:
    if isinstance(spec, describe.Conv):
        square = (spec.kernel, spec.kernel)
        return unit_weights(scheme, seed, ordinal, spec.filters, spec.shape[1], kernel=square)
    return unit_weights(scheme, seed, ordinal, spec.units, spec.inputs)


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
