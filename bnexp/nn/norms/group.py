"""Group normalisation (Wu and He, arXiv 1803.08494): each example by itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnexp.nn.blocks import add_rows, blocks_of
from bnexp.nn.layer import Array, Shape, Workspace
from bnexp.nn.norms.base import Norm


class _Views(NamedTuple):
    """The same activations, seen for sums over groups and for operations with long inner loops."""

    #: (K, H, G, C/G W, B): a sum over axis 3 is that of a row of a group, for each example.
    tall: Array
    #: (K, H, G, C/G, W B), for what differs from group to group and from example to example.
    long: Array
    #: (K, H, C, W B), for what differs from channel to channel.
    flat: Array


class GroupNorm(Norm):
    """y = gamma (x - mean) / sqrt(var + eps) + beta over groups of channels (arXiv 1803.08494).

    Mean and variance are those of one example's n = H W C/groups numbers in a group of neighbouring
    channels (of features: D/groups), the variance divided by n. There is no state: training and
    evaluation give the same bits. A group that is constant gives beta when eps is 0.

    As in ``BatchNorm``, what is subtracted first is the mean of the middle row as it was rounded,
    and then the mean r of what that leaves. Backward, with s = 1 / sqrt(var + eps), h the
    normalised x, which x is left as, and g = gamma dy: dgamma = sum dy h and dbeta = sum dy, over
    pixels and examples; dx = s (g - 1/n sum g - h 1/n sum g h), over the group of the example.

    Raises ``ValueError`` if the channels are not divisible by ``groups``, or if a group is a single
    number, which less its mean is 0 for any input.
    """

    centred = True

    def __init__(
        self,
        workspace: Workspace,
        shape: int | Shape,
        *,
        groups: int,
        eps: Array,
        gamma: str = "vector",
        beta: str = "vector",
    ) -> None:
        super().__init__(workspace, shape, eps=eps, gamma=gamma, beta=beta)
        if groups < 1 or self.channels % groups:
            raise ValueError(f"{self.channels} channels cannot be divided into {groups} groups")
        self.groups = groups
        #: Numbers of one example in a row of a group, and in the whole group.
        self.row = self.channels // groups * self.width
        self.count = self.height * self.row
        if self.centred and self.count == 1:
            raise ValueError("a group of one number is normalised to 0: take larger groups")

    def forward(self, x: Array, train: bool) -> Array:
        """Normalise each example; x is left as h (training) or overwritten by y."""
        views = self._views(x)
        centre, r, var = self._measure(views.tall)
        self.s = self.widen(self.inverse_std(var[:, :, 0])[:, :, None])
        centre, r = self.widen(centre), self.widen(r)
        self.h = views
        y = self.buffer("y", x.shape) if train else views.flat.reshape(x.shape)
        out = self._rows(y)
        gamma, beta = self.params.get("gamma"), self.params.get("beta")
        for runs, rows in blocks_of(views.tall):
            part, h, result = views.long[runs, rows], views.flat[runs, rows], out[runs, rows]
            if self.centred:
                np.subtract(part, centre[runs, None], out=part)
                np.subtract(part, r[runs, None], out=part)
            np.multiply(part, self.s[runs, None], out=part)
            if gamma is not None:
                h = np.multiply(h, gamma[runs, None], out=result)
            if beta is not None:
                h = np.add(h, beta[runs, None], out=result)
            if h is not result:
                np.copyto(result, h)
        return y

    def backward(self, dy: Array) -> Array:
        """Write dgamma and dbeta, and overwrite dy with dx."""
        views = self._views(dy)
        g, gh = (self.widen(mean) for mean in self._mean_gradients(views))
        gamma = self.params.get("gamma")
        for runs, rows in blocks_of(views.tall):
            part, h = views.long[runs, rows], self.h.long[runs, rows]
            if gamma is not None:
                flat = views.flat[runs, rows]
                np.multiply(flat, gamma[runs, None], out=flat)
            rest = np.multiply(h, gh[runs, None], out=self._scratch(part))
            if self.centred:
                np.subtract(part, g[runs, None], out=part)
            np.subtract(part, rest, out=part)
            np.multiply(part, self.s[runs, None], out=part)
        return views.flat.reshape(dy.shape)

    def _rows(self, x: Array) -> Array:
        """See activations as (K, H, C, W B): a row has all examples of W pixels of a channel."""
        return x.reshape(len(x), self.height, self.channels, self.width * x.shape[-1])

    def _scratch(self, part: Array) -> Array:
        """Return an array of the shape of a block; the norms of a network share it."""
        return self.workspace.scratch("norm", part.shape)

    def _views(self, x: Array) -> _Views:
        # All three must be the same memory, which they are if it is contiguous.
        flat = np.ascontiguousarray(self._rows(x))
        runs, height, channels, length = flat.shape
        long = flat.reshape(runs, height, self.groups, channels // self.groups, length)
        return _Views(flat.reshape(runs, height, self.groups, self.row, x.shape[-1]), long, flat)

    def _measure(self, x: Array) -> tuple[Array, Array, Array]:
        """Return what to subtract first, what then remains of the mean, and var: (K, G, 1, B)."""
        ones = self.workspace.ones(self.row).T
        sums = np.zeros((*x.shape[:3], 1, x.shape[4]), x.dtype)
        squares = np.empty_like(sums)
        centre = np.zeros_like(sums[:, 0])
        if self.centred:
            np.matmul(ones, x[:, self.height // 2], out=centre)
            centre /= self.row
        for runs, rows in blocks_of(x):
            part = x[runs, rows]
            deviations = self._scratch(part)
            if self.centred:
                part = np.subtract(part, centre[runs, None], out=deviations)
                np.matmul(ones, part, out=sums[runs, rows])
            np.square(part, out=deviations)
            np.matmul(ones, deviations, out=squares[runs, rows])
        var = add_rows(squares)
        var /= self.count
        r = add_rows(sums)
        r /= self.count
        var -= np.square(r)
        # Rounding can leave less than nothing.
        np.maximum(var, 0, out=var)
        return centre, r, var

    def _mean_gradients(self, dy: _Views) -> tuple[Array, Array]:
        """Write dgamma and dbeta; return the means of g and of g h over groups: (K, G, 1, B)."""
        gamma = self._gamma_of_rows(len(dy.flat))
        ones = self.workspace.ones(dy.flat.shape[3])
        dgamma = np.empty((*dy.flat.shape[:3], 1), dy.flat.dtype)
        dbeta = np.empty_like(dgamma)
        g = np.zeros((*dy.tall.shape[:3], 1, dy.tall.shape[4]), dy.flat.dtype)
        gh = np.empty_like(g)
        for runs, rows in blocks_of(dy.tall):
            part = dy.tall[runs, rows]
            product = np.multiply(part, self.h.tall[runs, rows], out=self._scratch(part))
            np.matmul(gamma[runs], product, out=gh[runs, rows])
            np.matmul(product.reshape(dy.flat[runs, rows].shape), ones, out=dgamma[runs, rows])
            np.matmul(dy.flat[runs, rows], ones, out=dbeta[runs, rows])
            if self.centred:
                np.matmul(gamma[runs], part, out=g[runs, rows])
        self.write_gradient("gamma", add_rows(dgamma))
        self.write_gradient("beta", add_rows(dbeta))
        return add_rows(g) / self.count, add_rows(gh) / self.count

    def _gamma_of_rows(self, runs: int) -> Array:
        """Return gamma for each number in a row of a group, (K, 1, G, 1, C/G W)."""
        one = np.ones((1, 1, 1), self.workspace.dtype)
        gamma = np.broadcast_to(self.params.get("gamma", one), (runs, self.channels, 1))
        wide = np.repeat(gamma[:, :, 0], self.width, axis=1)
        return wide.reshape(runs, 1, self.groups, 1, self.row)
