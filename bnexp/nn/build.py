"""From the description of a network to its layers, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnexp import describe
from bnexp.nn.activations import Activation
from bnexp.nn.conv import Conv
from bnexp.nn.dense import Dense
from bnexp.nn.dropout import Dropout
from bnexp.nn.examples import ExampleDense, Examples
from bnexp.nn.layer import Array, Layer, Workspace
from bnexp.nn.norms import BatchNorm, build_norm
from bnexp.nn.pool import Pool
from bnexp.nn.reshape import Flatten


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


def build_layers(
    spec: describe.NetworkSpec, numbers: Numbers, workspace: Workspace, examples: Examples | None
) -> list[Layer]:
    """Build the layers of a network, for as many runs as ``numbers`` has entries."""
    layers: list[Layer] = []
    ordinal = 0
    for layer in spec.layers:
        if isinstance(layer, describe.Dense | describe.Conv):
            layers.append(_weighted(layer, workspace, ordinal, examples))
            ordinal += 1
        elif isinstance(layer, describe.Norm):
            norm = build_norm(
                workspace,
                layer,
                eps=numbers.eps,
                momentum=numbers.momentum,
                seeds=numbers.seeds,
            )
            _fold(layers, norm)
            layers.append(norm)
        elif isinstance(layer, describe.Dropout):
            layers.append(_dropout(layer, workspace, numbers))
        else:
            layers.append(_plain(layer, workspace))
    return layers


def _fold(layers: Sequence[Layer], norm: Layer) -> None:
    """Let the layer right before a batch norm do its work in evaluation."""
    before = layers[-1] if layers else None
    if isinstance(norm, BatchNorm) and isinstance(before, Dense | ExampleDense):
        before.norm, norm.is_folded = norm, True


def _weighted(
    layer: describe.Dense | describe.Conv,
    workspace: Workspace,
    ordinal: int,
    examples: Examples | None,
) -> Layer:
    if isinstance(layer, describe.Conv):
        return Conv(
            workspace,
            layer.shape,
            layer.filters,
            kernel=layer.kernel,
            stride=layer.stride,
            padding=layer.padding,
            bias=layer.bias,
            ordinal=ordinal,
        )
    if examples is not None and ordinal == 0:
        return ExampleDense(workspace, examples, layer.units, bias=layer.bias)
    return Dense(workspace, layer.inputs, layer.units, bias=layer.bias, ordinal=ordinal)


def _dropout(layer: describe.Dropout, workspace: Workspace, numbers: Numbers) -> Layer:
    rate = numbers.dropout
    if layer.rate is not None:
        rate = np.full(len(numbers.seeds), layer.rate)
    return Dropout(
        workspace, rate=rate, seeds=numbers.seeds, ordinal=layer.ordinal, spatial=layer.spatial
    )


def _plain(
    layer: describe.Activation | describe.Pool | describe.Flatten, workspace: Workspace
) -> Layer:
    if isinstance(layer, describe.Activation):
        return Activation(workspace, layer.kind)
    if isinstance(layer, describe.Pool):
        return Pool(workspace, layer.shape, layer.kind, window=layer.window, stride=layer.stride)
    return Flatten(workspace, layer.shape)
