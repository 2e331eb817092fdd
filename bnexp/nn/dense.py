"""The fully connected layer of a stack: one matrix product per run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.nn.layer import Array, Layer, Workspace
from bnexp.nn.norms import BatchNorm


class Dense(Layer):
    """y = W x + b, with W (K, O, I), b (K, O, 1), x (K or 1, I, B) and y (K, O, B).

    Backward: dW = dy x^T, db = sum of dy over the batch, dx = W^T dy; the first layer of a network
    computes no dx. An input whose axis 0 is 1 is shared by all runs. An input with fewer than I
    features stands for one with zeros after them: products with zeros are left out.

    A batch ``norm`` right after it is folded into W and b in evaluation.
    """

    def __init__(
        self, workspace: Workspace, inputs: int, units: int, *, bias: bool, ordinal: int
    ) -> None:
        super().__init__(workspace)
        self.weights["W"] = (units, inputs)
        if bias:
            self.others["b"] = (units, 1)
        self.bias = bias
        self.norm: BatchNorm | None = None
        self.first = ordinal == 0
        # Neighbours alternate between two shared arrays, which therefore stay in the cache.
        self.slot = str(ordinal % 2)

    def set_weights(self, runs: NDArray[np.intp], unit: Array, scale: Array) -> None:
        """Let these runs (R,) begin with the weights scale (R,) times unit (O, I)."""
        for k, factor in zip(runs, scale, strict=True):
            self.params["W"][k] = factor * unit

    def forward(self, x: Array, train: bool) -> Array:
        """Return W x + b; in training, keep x for the backward pass."""
        W, b = self.params["W"], self.params.get("b")
        if x.shape[1] < W.shape[2]:
            W = W[..., : x.shape[1]]
        shape = (W.shape[0], W.shape[1], x.shape[2])
        if train:
            self.x = x
            y = self.buffer("y", shape)
        else:
            y = self.workspace.array("evaluation", self.slot, shape)
            if self.norm is not None:
                W, b = self.norm.fold(W, b, self.workspace.array("evaluation", "W", W.shape))
        if self.first:
            # Examples come as rows, which are best for dW; columns are for W x, by a sixth.
            columns = self.buffer("x", x.shape)
            np.copyto(columns, x)
            x = columns
        np.matmul(W, x, out=y)
        if b is not None:
            np.add(y, b, out=y)
        return y

    def backward(self, dy: Array) -> Array | None:
        """Write dW and db; return dx, or None from the first layer."""
        dW = self.grads["W"]
        features = self.x.shape[1]
        rows = examples = self.x.transpose(0, 2, 1)
        if not self.first:
            # The product with rows is faster by more than the copy takes.
            rows = self.workspace.array("rows", "", rows.shape)
            np.copyto(rows, examples)
        if features < dW.shape[2]:
            dW[..., features:] = 0
            dW = dW[..., :features]
        if self.bias:
            ones = self.workspace.ones(dy.shape[2])
            np.matmul(dy, ones, out=self.grads["b"])
        if self.first:
            np.matmul(dy, rows, out=dW)
            return None
        W = self.params["W"]
        dx = self.workspace.array("gradient", self.slot, (W.shape[0], W.shape[2], dy.shape[2]))
        products = [(dy, rows, dW), (W.transpose(0, 2, 1), dy, dx)]
        self.workspace.share(_multiply, products, dW.size + dx.size)
        return dx


def _multiply(product: tuple[Array, Array, Array]) -> None:
    a, b, out = product
    np.matmul(a, b, out=out)
