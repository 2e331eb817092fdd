"""What all norms have in common: the shapes of what they normalise, eps, gamma and beta."""

from __future__ import annotations

import numpy as np

from bnexp.nn.layer import Array, Layer, Shape, Workspace


class Norm(Layer):
    """The part of a norm that does not depend on what it normalises over.

    ``shape`` is that of one example: (features,) or just their number, or (height, channels,
    width). x and y are (K, D, B) or (K, H, C, W, B). ``gamma`` and ``beta`` are "vector" (one per
    feature or channel), "scalar" or "none" (1 and 0). ``eps`` is a (K,) array and may be 0.
    """

    def __init__(
        self, workspace: Workspace, shape: int | Shape, *, eps: Array, gamma: str, beta: str
    ) -> None:
        super().__init__(workspace)
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        image = self.shape if len(self.shape) == 3 else (1, self.shape[0], 1)
        self.height, self.channels, self.width = image
        forms = {"vector": (self.channels, 1), "scalar": (1, 1)}
        if gamma in forms:
            self.others["gamma"] = forms[gamma]
        if beta in forms:
            self.others["beta"] = forms[beta]
        self.eps = eps.astype(workspace.dtype)[:, None, None]
        self.some_eps_is_0 = not self.eps.all()

    def start_state(self) -> None:
        """Set the state to what training begins with; most norms have none."""

    def widen(self, values: Array) -> Array:
        """Repeat values of examples (..., B) for each pixel of a row: (..., W B)."""
        return values if self.width == 1 else np.tile(values, self.width)

    def inverse_std(self, var: Array, out: Array | None = None) -> Array:
        """1 / sqrt(var + eps), and 0 where both are 0."""
        s: Array = np.add(var, self.eps, out=out)
        np.sqrt(s, out=s)
        if self.some_eps_is_0:
            np.reciprocal(s, out=s, where=s != 0)
        else:
            np.reciprocal(s, out=s)
        return s

    def times_gamma(self, values: Array) -> Array:
        """Return values (K, C, 1) times gamma, or the values themselves if there is none."""
        return values * self.params["gamma"] if "gamma" in self.params else values

    def place_of(self, name: str, spare: Array) -> Array:
        """Return where to work out a gradient (K, C, 1): in its place if it has that shape."""
        grad = self.grads.get(name)
        return spare if grad is None or grad.shape != spare.shape else grad

    def write_gradient(self, name: str, value: Array) -> None:
        """Store a gradient (K, C, 1), added up over the channels when the parameter is a scalar."""
        grad = self.grads.get(name)
        if grad is not None and grad is not value:
            scalar = grad.shape[1] != value.shape[1]
            grad[...] = value.sum(axis=1, keepdims=True) if scalar else value
