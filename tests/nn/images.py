"""Layers on images for tests: settings, parameters, values from PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stacks import attach

from bnexp.nn.conv import Conv, Padding
from bnexp.nn.layer import Array, Shape, Workspace

VALUES = np.load(Path(__file__).parent / "reference/conv_values.npz", allow_pickle=False)


def reference(kind: str) -> list[tuple[str, dict[str, Array]]]:
    """Return the cases of one kind with their names, each as arrays by name."""
    cases: dict[str, dict[str, Array]] = {}
    for key in VALUES.files:
        case, _, name = key.partition(".")
        if case.startswith(f"{kind}_"):
            cases.setdefault(case, {})[name] = VALUES[key]
    assert cases
    return list(cases.items())


def batch_last(images: Array) -> Array:
    """Turn PyTorch's images (B, C, H, W) into ours, (H, C, W, B)."""
    return images.transpose(2, 1, 3, 0)


@dataclass(frozen=True)
class Convolution:
    """What makes a convolution."""

    shape: Shape
    filters: int
    kernel: int = 3
    stride: int = 1
    padding: Padding = ((0, 0), (0, 0))
    bias: bool = True
    ordinal: int = 1

    def build(self, runs: int, dtype: Any = np.float64, *, seed: int = 1) -> Conv:
        """Build the layer with random parameters, and gradients that must be written."""
        layer = Conv(
            Workspace(np.dtype(dtype)),
            self.shape,
            self.filters,
            kernel=self.kernel,
            stride=self.stride,
            padding=self.padding,
            bias=self.bias,
            ordinal=self.ordinal,
        )
        attach(layer, runs, np.random.default_rng(seed))
        return layer

    def example(self, runs: int, batch: int, dtype: Any = np.float64) -> tuple[Array, Array]:
        """Return an input (K, H, C, W, B) and a gradient of the output."""
        rng = np.random.default_rng((runs, batch))
        out = self.build(1).out_shape
        x, dy = (rng.standard_normal((runs, *s, batch)).astype(dtype) for s in (self.shape, out))
        return x, dy


def same(kernel: int) -> Padding:
    """Pad so that the output is as large as the input, without stride."""
    before, after = (kernel - 1) // 2, kernel // 2
    return ((before, after), (before, after))
