"""The first dense layer, written by what it gives for each training example.

When there are few examples, a step along the gradient is cheaper seen from them. With X the N
examples as rows and A = X X^T, a step of gradient descent W <- W - lr dz X_b^T on a batch b changes
the outputs Z = W X^T of ALL examples by lr dz A_b, with A_b the rows of the batch: one product with
N columns, where the weights' form needs two with I each (W x and dz x^T), and evaluating the
training examples costs nothing more. It is the kernel form of the perceptron (Aizerman et al.,
1964), exact for every rule that is linear in gradients: plain descent, momentum, Nesterov's. A
penalty, a norm of the gradient or a rule that works on each weight needs the weights themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnexp.nn.layer import Array, Layer, Workspace
from bnexp.nn.norms import BatchNorm


@dataclass(frozen=True)
class Examples:
    """All training examples ``x`` (N, I) and their products with each other, ``gram`` (N, N).

    ``others`` says that other examples will be evaluated, which takes the weights themselves.
    """

    x: Array
    gram: Array
    others: bool


#: Which training examples: the numbers of a batch (K or 1, B), or a range of them for all runs.
Indices = NDArray[np.intp]


class ExampleDense(Layer):
    """y = Z[:, batch] + b: ``Dense`` as the first layer, for examples that are known beforehand.

    Parameters: Z (O, N), the outputs without bias, and the bias b (O, 1). Where other examples
    will be evaluated there is C (N, O), too, such that W = W_0 + C^T X, moved by the same rule.

    ``forward`` takes the numbers of training examples (K or 1, B) in training; in evaluation a
    slice of them, or other examples as they are, (1, I, B). A batch ``norm`` right after is folded
    in, as in ``Dense``.
    """

    def __init__(
        self,
        workspace: Workspace,
        examples: Examples,
        units: int,
        *,
        bias: bool,
    ) -> None:
        super().__init__(workspace)
        self.x, self.gram = examples.x, examples.gram
        self.others["Z"] = (units, len(self.x))
        if bias:
            self.others["b"] = (units, 1)
        if examples.others:
            self.others["C"] = (len(self.x), units)
        self.bias, self.keeps_weights = bias, examples.others
        self.norm: BatchNorm | None = None
        self.W_0: Array | None = None

    def set_weights(self, runs: NDArray[np.intp], unit: Array, scale: Array) -> None:
        """Let these runs (R,) begin with the weights scale (R,) times unit (O, I)."""
        dtype, Z = self.workspace.dtype, self.params["Z"]
        outputs = np.matmul(unit[:, : self.x.shape[1]].astype(dtype), self.x.T)
        if self.keeps_weights and self.W_0 is None:
            self.W_0 = np.empty((len(Z), *unit.shape), dtype)
        for k, factor in zip(runs, scale.astype(dtype), strict=True):
            np.multiply(outputs, factor, out=Z[k])
            if self.W_0 is not None:
                self.W_0[k] = factor * unit

    def forward(self, x: Array | slice, train: bool) -> Array:
        """Return the outputs (K, O, B); in training, remember which examples they belong to."""
        b = self.params.get("b")
        if isinstance(x, slice):
            Z = self.params["Z"][..., x]
            y = self._output(Z.shape[2], train)
            if self.norm is None:
                np.copyto(y, Z)
            else:
                y, b = self.norm.fold(Z, b, y)
        elif train:
            self.indices = x
            y = self._look_up(x, self._output(x.shape[1], train))
        else:
            W = self.weights_now()
            if self.norm is not None:
                W, b = self.norm.fold(W, b, W)
            y = np.matmul(W, x, out=self._output(x.shape[2], train))
        if b is not None:
            np.add(y, b, out=y)
        return y

    def backward(self, dy: Array) -> None:
        """Write the gradients of Z, b and C: those whose step is the step of the weights."""
        rows = self.buffer("rows", (*self.indices.shape, len(self.x)))
        for indices, out in zip(self.indices, rows, strict=True):
            np.take(self.gram, indices, axis=0, out=out, mode="clip")
        np.matmul(dy, rows, out=self.grads["Z"])
        if self.bias:
            np.matmul(dy, self.workspace.ones(dy.shape[2]), out=self.grads["b"])
        if self.keeps_weights:
            self._add_up(dy)

    def weights_now(self) -> Array:
        """Return the weights W (K, O, I) of this moment."""
        assert self.W_0 is not None
        W = self.buffer("W", self.W_0.shape)
        np.copyto(W, self.W_0)
        used = self.x.shape[1]
        W[..., :used] += np.matmul(self.params["C"].transpose(0, 2, 1), self.x)
        return W

    def _look_up(self, indices: Indices, y: Array) -> Array:
        Z = self.params["Z"]
        if len(indices) == 1:
            return np.take(Z, indices[0], axis=2, out=y, mode="clip")
        for k, chosen in enumerate(indices):
            np.take(Z[k], chosen, axis=1, out=y[k], mode="clip")
        return y

    def _output(self, batch: int, train: bool) -> Array:
        shape = (len(self.params["Z"]), self.others["Z"][0], batch)
        return self.workspace.array(self if train else "evaluation", "0", shape)

    def _add_up(self, dy: Array) -> None:
        """Write dy into the rows of its examples; one that came twice counts twice."""
        dC = self.grads["C"]
        dC[...] = 0
        for k, gradient in enumerate(dy):
            if k < len(self.indices):
                each, place = np.unique(self.indices[k], return_inverse=True)
                which = np.zeros((len(place), len(each)), dy.dtype)
                which[np.arange(len(place)), place] = 1
            dC[k, each] = np.matmul(gradient, which).T
