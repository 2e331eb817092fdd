"""Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167)."""

from __future__ import annotations

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

    Evaluation is linear, so that a layer with weights right before can do it at no cost: it takes
    its weights of evaluation from ``fold``, and this layer, ``is_folded``, gives x as it is.

    Backward, with s = 1 / sqrt(var + eps), h = (c - r) s, sums over the n numbers:
    dbeta = sum dy, dgamma = sum dy h. The mean and the variance depend on every x_j, so
    dx_i = gamma s (dy_i - 1/n sum_j dy_j - h_i 1/n sum_j dy_j h_j)
         = gamma s (dy_i - dbeta / n - (c_i - r) s dgamma / n).
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
        self.state = {"running": (2, *vector)}
        self.start_var = start_var
        self.passes = (Pixels if len(self.shape) == 3 else Features)(workspace)
        self.population = Population() if statistics == "population" else None
        self.seen: Shape = ()
        self.is_folded = False
        # Every array is as large as those beside it: repeating a number takes twice the time.
        one = np.ones((len(eps), *vector), workspace.dtype)
        self.eps = one * self.eps
        self.momentum = np.stack([one, one]) * momentum.astype(workspace.dtype)[:, None, None]
        self.share_of_new = 1 - self.momentum
        # Of the latest batch: each (K, C, 1), or two of them.
        numbers = np.zeros((13, *one.shape), workspace.dtype)
        self.moments, self.offset, self.batch = numbers[0:2], numbers[2:4], numbers[4:6]
        (self.r, self.var), self.centre = self.moments, self.offset[0]
        self.s, self.scale, self.shift, self.rest, self.dgamma, self.dbeta = numbers[6:12]
        self.ones, self.zeros = one, numbers[12]

    @property
    def running_mean(self) -> Array:
        """The running mean, (K, C, 1)."""
        return self.stats["running"][:, 0]

    @property
    def running_var(self) -> Array:
        """The running variance, (K, C, 1)."""
        return self.stats["running"][:, 1]

    def start_state(self) -> None:
        """Set the running mean to 0 and the running variance to ``start_var``."""
        self.running_mean[...] = 0
        self.running_var[...] = self.start_var

    def forward(self, x: Array, train: bool) -> Array:
        """Normalise by the batch (training; x is left as c) or by the values of evaluation."""
        if not train:
            return x if self.is_folded else self._evaluate(x)
        if x.shape != self.seen:
            self._prepare(x)
        self.c = self.passes.view(x)
        self._measure(self.c)
        self.inverse_std(self.var, out=self.s)
        if self.collecting:
            assert self.population is not None
            self.population.collect(self.centre, self.r, self.var, int(self.passes.count))
            self._keep_batch()
        else:
            self._follow()
        self._affine()
        self.passes.affine(self.c, self.scale, self.shift, self.y_view)
        return self.y

    def backward(self, dy: Array) -> Array:
        """Write dgamma and dbeta, and overwrite dy with dx."""
        d, n = self.passes.view(dy), self.passes.count
        dgamma, dbeta = self.place_of("gamma", self.dgamma), self.place_of("beta", self.dbeta)
        self.passes.sums(d, self.c, dbeta, dgamma)
        np.subtract(dgamma, np.multiply(self.r, dbeta, out=self.rest), out=dgamma)
        np.multiply(dgamma, self.s, out=dgamma)
        slope = np.multiply(dgamma, self.s, out=self.rest)
        np.divide(slope, n, out=slope)
        shift = np.divide(dbeta, n, out=self.shift)
        np.subtract(shift, np.multiply(self.r, slope, out=self.var), out=shift)
        self.passes.combine(d, self.c, self.scale, slope, shift)
        self.write_gradient("gamma", self._gamma_gradient(dgamma, dbeta))
        self.write_gradient("beta", dbeta)
        return d.reshape(dy.shape)

    def fold(self, W: Array, b: Array | None, out: Array) -> tuple[Array, Array]:
        """Return weights (K, C, I), in ``out``, and a bias (K, C, 1) that normalise W x + b.

        They give what evaluation makes of W x + b.
        """
        scale, shift = self._of_evaluation()
        if b is not None:
            shift += scale * b
        return np.multiply(W, scale, out=out), shift

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

    def _prepare(self, x: Array) -> None:
        """Find the arrays for activations of this shape."""
        self.seen, self.y = x.shape, self.buffer("y", x.shape)
        self.y_view = self.passes.view(self.y)
        self.passes.prepare(self.y_view)
        self.running = self.stats["running"].swapaxes(0, 1)

    def _measure(self, x: Array) -> None:
        """Leave x as c; find what was subtracted, the mean that is left, and the variance."""
        var = self.var
        # Centre first: E[x^2] - mean^2 of x itself goes negative in float32.
        self.passes.centre(x, self.centre, self.r, var)
        np.divide(self.moments, self.passes.count, out=self.moments)
        np.subtract(var, np.square(self.r, out=self.rest), out=var)
        # In batches of thousands, rounding can leave less than nothing.
        np.maximum(var, self.zeros, out=var)

    def _follow(self) -> None:
        """Move the running values towards those of the batch."""
        batch, running = self.batch, self.running
        np.add(self.moments, self.offset, out=batch)
        np.multiply(batch, self.share_of_new, out=batch)
        np.multiply(running, self.momentum, out=running)
        np.add(running, batch, out=running)

    def _keep_batch(self) -> None:
        """Normalise by the batch alone, and leave the running values as they are."""

    def _affine(self) -> None:
        """Find scale and shift such that y = scale c + shift."""
        self._set_affine(self.s)

    def _set_affine(self, factor: Array) -> None:
        """Set scale and shift, where the deviations are multiplied by ``factor`` before gamma."""
        np.multiply(factor, self.params.get("gamma", self.ones), out=self.scale)
        np.multiply(self.r, self.scale, out=self.shift)
        np.subtract(self.params.get("beta", self.zeros), self.shift, out=self.shift)

    def _gamma_gradient(self, dgamma: Array, dbeta: Array) -> Array:
        """Return the gradient of gamma, given sum dy h and sum dy."""
        return dgamma

    def _values_of_evaluation(self) -> tuple[Array, Array]:
        """Return the mean and the inverse standard deviation, each (K, C, 1)."""
        if self.population is not None:
            mean, var = self.population.values()
            return mean, self.inverse_std(var)
        return self.running_mean, self._running_inverse_std()

    def _running_inverse_std(self) -> Array:
        return self.inverse_std(self.running_var)

    def _of_evaluation(self) -> tuple[Array, Array]:
        """Return scale and shift, each (K, C, 1), such that evaluation gives scale x + shift."""
        mean, inverse_std = self._values_of_evaluation()
        scale = self.times_gamma(inverse_std)
        shift = mean * -scale
        if "beta" in self.params:
            shift += self.params["beta"]
        return scale, shift

    def _evaluate(self, x: Array) -> Array:
        scale, shift = self._of_evaluation()
        out = self.passes.view(x)
        self.passes.affine(out, scale, shift, out)
        return out.reshape(x.shape)
