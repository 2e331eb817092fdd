"""Flattening: where images meet dense layers."""

from __future__ import annotations

from bnexp.nn.layer import Array, Layer, Shape, Workspace


class Flatten(Layer):
    """Images (K, H, C, W, B) as features (K, H * C * W, B), and gradients back; both are views."""

    def __init__(self, workspace: Workspace, shape: Shape) -> None:
        super().__init__(workspace)
        self.shape = shape

    def forward(self, x: Array, train: bool) -> Array:
        """Return x with one axis of features."""
        return x.reshape(len(x), -1, x.shape[-1])

    def backward(self, dy: Array) -> Array:
        """Return dy with the axes of an image."""
        return dy.reshape(len(dy), *self.shape, dy.shape[-1])
