"""Normalisation layers; today batch normalisation (Ioffe and Szegedy, arXiv 1502.03167)."""

from __future__ import annotations

import numpy as np

from bnexp.nn.layer import Array, Layer, Workspace


class BatchNorm(Layer):
    """y = gamma (x - mean) / sqrt(var + eps) + beta over the batch (arXiv 1502.03167, alg. 1).

    x and y are (K, D, B). ``gamma`` and ``beta`` are vectors (D, 1), scalars (1, 1) or absent (1
    and 0). ``eps`` and ``momentum`` are (K,) arrays. In training mean and variance (divided by B)
    are those of the batch, and each running value becomes momentum * old + (1 - momentum) * new; in
    evaluation the running values are used. They start at 0 and ``start_var``. A feature that is
    constant over the batch gives beta when eps is 0.

    The mean is subtracted as it was rounded, which leaves x as c, and the small mean r of c is
    taken into account where it costs little, in arrays (K, D, 1): the deviations are c - r. Without
    r, features of mean 5 and standard deviation 1e-3 would lose half their float32 digits. Of a
    constant feature c and r are a few units in the last place, so that the variance is 0 exactly.

    Backward, with s = 1 / sqrt(var + eps), h = (c - r) s, sums over the batch:
    dbeta = sum dy, dgamma = sum dy h. The mean and the variance depend on every x_j, so
    dx_i = gamma s (dy_i - 1/B sum_j dy_j - h_i 1/B sum_j dy_j h_j)
         = (gamma s) dy_i - (gamma s) dbeta / B - (c_i - r) (gamma s^2 dgamma / B).
    """

    def __init__(
        self,
        workspace: Workspace,
        units: int,
        *,
        eps: Array,
        momentum: Array,
        gamma: str = "vector",
        beta: str = "vector",
        start_var: float = 1.0,
    ) -> None:
        super().__init__(workspace)
        shapes = {"vector": (units, 1), "scalar": (1, 1)}
        if gamma in shapes:
            self.others["gamma"] = shapes[gamma]
        if beta in shapes:
            self.others["beta"] = shapes[beta]
        self.state = {"running_mean": (units, 1), "running_var": (units, 1)}
        self.eps = eps.astype(workspace.dtype)[:, None, None]
        self.some_eps_is_0 = not self.eps.all()
        self.momentum = momentum.astype(workspace.dtype)[:, None, None]
        self.share_of_new = 1 - self.momentum
        self.start_var = start_var

    def forward(self, x: Array, train: bool) -> Array:
        """Normalise by the batch (training; x is left as c) or by the running values."""
        if not train:
            return self._evaluate(x)
        batch = x.shape[2]
        ones = self.workspace.ones(batch)
        mean: Array = np.matmul(x, ones)
        mean /= batch
        np.subtract(x, mean, out=x)
        self.c = x
        self.r: Array = np.matmul(x, ones)
        self.r /= batch
        # Centre first: E[x^2] - mean^2 of x itself goes negative in float32.
        var = np.vecdot(x, x)[..., None]
        var /= batch
        var -= np.square(self.r)
        # In batches of thousands, rounding can leave less than nothing.
        np.maximum(var, 0, out=var)
        mean += self.r
        self._update("running_mean", mean)
        self._update("running_var", var)
        self.s = self._inverse_std(var)
        self.scale = self.s * self.params["gamma"] if "gamma" in self.params else self.s
        shift = self.r * -self.scale
        if "beta" in self.params:
            shift += self.params["beta"]
        y = self.buffer("y", x.shape)
        np.multiply(x, self.scale, out=y)
        np.add(y, shift, out=y)
        return y

    def backward(self, dy: Array) -> Array:
        """Write dgamma and dbeta, and overwrite dy with dx."""
        batch = dy.shape[2]
        dbeta = np.matmul(dy, self.workspace.ones(batch))
        dgamma = np.vecdot(dy, self.c)[..., None]
        dgamma -= self.r * dbeta
        dgamma *= self.s
        self._write("gamma", dgamma)
        self._write("beta", dbeta)
        share = self.scale / batch
        dgamma *= self.s
        dgamma *= share
        dbeta *= share
        dbeta -= self.r * dgamma
        np.multiply(self.c, dgamma, out=self.c)
        np.multiply(dy, self.scale, out=dy)
        np.subtract(dy, self.c, out=dy)
        np.subtract(dy, dbeta, out=dy)
        return dy

    def _inverse_std(self, var: Array) -> Array:
        """1 / sqrt(var + eps), and 0 where both are 0."""
        s: Array = var + self.eps
        np.sqrt(s, out=s)
        np.reciprocal(s, out=s, where=s != 0 if self.some_eps_is_0 else True)
        return s

    def _update(self, name: str, value: Array) -> None:
        running = self.stats[name]
        running *= self.momentum
        running += self.share_of_new * value

    def _write(self, name: str, value: Array) -> None:
        """Store a gradient (K, D, 1), added up over the features when the parameter is a scalar."""
        if name in self.grads:
            grad = self.grads[name]
            grad[...] = (
                value if grad.shape[1] == value.shape[1] else value.sum(axis=1, keepdims=True)
            )

    def _evaluate(self, x: Array) -> Array:
        scale = self._inverse_std(self.stats["running_var"])
        if "gamma" in self.params:
            scale *= self.params["gamma"]
        shift = self.stats["running_mean"] * -scale
        if "beta" in self.params:
            shift += self.params["beta"]
        np.multiply(x, scale, out=x)
        np.add(x, shift, out=x)
        return x
