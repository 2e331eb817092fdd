"""Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167)."""

from __future__ import annotations

import math

import numpy as np

from bnexp.nn.layer import Array, Shape, Workspace
from bnexp.nn.norms.base import Norm
from bnexp.nn.norms.passes import Features, Pixels
from bnexp.nn.norms.population import Population


class BatchNorm(Norm):
    """y = gamma (x - mean) / sqrt(var + eps) + beta over the batch (arXiv 1502.03167, alg. 1).

    A feature is normalised over the examples, a channel of images also over all its pixels: over
    n = H W B numbers. ``eps`` and ``momentum`` are (K,) arrays. In training mean and variance
    (divided by n) are those of the batch, and each running value becomes momentum * old + (1 -
    momentum) * new. They start at 0 and ``start_var``. A feature that is constant over the batch
    gives beta when eps is 0.

    Evaluation uses the running values, or, when ``statistics`` is "population", those of all
    training examples (alg. 2): between ``begin_population`` and ``end_population`` a ``forward``
    in training collects the batch's statistics and leaves the running values as they are.

    What is subtracted is the mean of the middle row as it was rounded (of features: the mean),
    which leaves x as c, and the mean r of c is taken into account where it costs little, in arrays
    (K, C, 1): the deviations are c - r. Without r, features of mean 5 and standard deviation 1e-3
    would lose half their float32 digits. Of a constant feature c and r are a few units in the last
    place, so that the variance is 0 exactly. The middle row saves a pass over the images, and
    r^2 < H var whatever they show, for the row is one of the H.

    Backward, with s = 1 / sqrt(var + eps), h = (c - r) s, sums over the n numbers:
    dbeta = sum dy, dgamma = sum dy h. The mean and the variance depend on every x_j, so
    dx_i = gamma s (dy_i - 1/n sum_j dy_j - h_i 1/n sum_j dy_j h_j)
         = (gamma s) dy_i - (gamma s) dbeta / n - (c_i - r) (gamma s^2 dgamma / n).
    """

    def __init__(
        self,
        workspace: Workspace,
        shape: int | Shape,
        *,
        eps: Array,
        momentum: Array,
        gamma: str = "vector",
        beta: str = "vector",
        start_var: float = 1.0,
        statistics: str = "running",
    ) -> None:
        super().__init__(workspace, shape, eps=eps, gamma=gamma, beta=beta)
        vector = (self.channels, 1)
        self.state = {"running_mean": vector, "running_var": vector}
        self.momentum = momentum.astype(workspace.dtype)[:, None, None]
        self.share_of_new = 1 - self.momentum
        self.start_var = start_var
        self.passes = (Pixels if len(self.shape) == 3 else Features)(workspace)
        self.population = Population() if statistics == "population" else None
        # Of the latest batch, each (K, C, 1); var, shift and rest are also scratch.
        numbers = np.empty((7, len(eps), *vector), workspace.dtype)
        self.centre, self.r, self.var, self.s, self.scale, self.shift, self.rest = numbers
        self.moments = numbers[1:3]
        # Arrays: a Python number becomes one in every operation, and a maximum is slow with it.
        self.zeros = np.zeros_like(self.var)
        self.count = np.zeros((), workspace.dtype)
        self.seen: Shape = ()

    def start_state(self) -> None:
        """Set the running mean to 0 and the running variance to ``start_var``."""
        self.stats["running_mean"][...] = 0
        self.stats["running_var"][...] = self.start_var

    def forward(self, x: Array, train: bool) -> Array:
        """Normalise by the batch (training; x is left as c) or by the values of evaluation."""
        if not train:
            return self._evaluate(x)
        if x.shape != self.seen:
            self.seen, self.y = x.shape, self.buffer("y", x.shape)
            self.count[...] = math.prod(x.shape) // (x.shape[0] * self.channels)
        self.c = self.passes.view(x)
        self._measure(self.c)
        self.inverse_std(self.var, out=self.s)
        if self.collecting:
            assert self.population is not None
            self.population.collect(self.centre, self.r, self.var, int(self.count))
            self._keep_batch()
        else:
            self._follow()
        self._affine()
        self.passes.affine(self.c, self.scale, self.shift, self.passes.view(self.y))
        return self.y

    def backward(self, dy: Array) -> Array:
        """Write dgamma and dbeta, and overwrite dy with dx."""
        d = self.passes.view(dy)
        dbeta, dgamma, rest = self.shift, self.var, self.rest
        self.passes.sums(d, self.c, dbeta, dgamma)
        dgamma -= np.multiply(self.r, dbeta, out=rest)
        dgamma *= self.s
        self.write_gradient("gamma", self._gamma_gradient(dgamma, dbeta))
        self.write_gradient("beta", dbeta)
        share = np.divide(self.scale, self.count, out=rest)
        dgamma *= self.s
        dgamma *= share
        dbeta *= share
        dbeta -= np.multiply(self.r, dgamma, out=rest)
        self.passes.combine(d, self.c, self.scale, dgamma, dbeta)
        return d.reshape(dy.shape)

    @property
    def collecting(self) -> bool:
        """Whether the population's statistics are being collected."""
        return self.population is not None and self.population.collecting

    def begin_population(self) -> None:
        """From now on collect the statistics of batches given to ``forward`` in training."""
        self._population().begin()

    def end_population(self) -> None:
        """Evaluate by the averages of what was collected, until ``clear_population``."""
        self._population().end(self.workspace.dtype)

    def clear_population(self) -> None:
        """Forget the population's statistics; evaluation needs new ones."""
        self._population().clear()

    def _population(self) -> Population:
        if self.population is None:
            raise RuntimeError("this norm evaluates with running statistics")
        return self.population

    def _measure(self, x: Array) -> None:
        """Leave x as c; find what was subtracted, the mean that is left, and the variance."""
        var = self.var
        # Centre first: E[x^2] - mean^2 of x itself goes negative in float32.
        self.passes.centre(x, self.centre, self.r, var)
        np.divide(self.moments, self.count, out=self.moments)
        var -= np.square(self.r, out=self.rest)
        # In batches of thousands, rounding can leave less than nothing.
        np.maximum(var, self.zeros, out=var)

    def _follow(self) -> None:
        """Move the running values towards those of the batch; its variance is used up."""
        self._update("running_mean", np.add(self.centre, self.r, out=self.rest))
        self._update("running_var", self.var)

    def _keep_batch(self) -> None:
        """Normalise by the batch alone, and leave the running values as they are."""

    def _affine(self) -> None:
        """Find scale and shift such that y = scale c + shift."""
        self._set_affine(self.s)

    def _set_affine(self, factor: Array) -> None:
        """Set scale and shift, where the deviations are multiplied by ``factor`` before gamma."""
        gamma, beta = self.params.get("gamma"), self.params.get("beta")
        if gamma is None:
            np.copyto(self.scale, factor)
        else:
            np.multiply(factor, gamma, out=self.scale)
        np.multiply(self.r, self.scale, out=self.shift)
        np.subtract(self.zeros if beta is None else beta, self.shift, out=self.shift)

    def _gamma_gradient(self, dgamma: Array, dbeta: Array) -> Array:
        """Return the gradient of gamma, given sum dy h and sum dy."""
        return dgamma

    def _update(self, name: str, value: Array) -> None:
        """Move a running value; what it moves towards is used up."""
        running = self.stats[name]
        running *= self.momentum
        value *= self.share_of_new
        running += value

    def _values_of_evaluation(self) -> tuple[Array, Array]:
        """Return the mean and the inverse standard deviation, each (K, C, 1)."""
        if self.population is not None:
            mean, var = self.population.values()
            return mean, self.inverse_std(var)
        return self.stats["running_mean"], self._running_inverse_std()

    def _running_inverse_std(self) -> Array:
        return self.inverse_std(self.stats["running_var"])

    def _evaluate(self, x: Array) -> Array:
        mean, inverse_std = self._values_of_evaluation()
        scale = self.times_gamma(inverse_std)
        shift = mean * -scale
        if "beta" in self.params:
            shift += self.params["beta"]
        out = self.passes.view(x)
        self.passes.affine(out, scale, shift, out)
        return out.reshape(x.shape)
