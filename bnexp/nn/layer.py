"""What a layer is: parameters and gradients that are views of flat arrays, forward, backward.

A layer declares the shapes of its parameters and of its state; the network allocates all of them in
flat arrays and hands back views. Work arrays come from a ``Workspace``, which makes each one once,
and with it the threads that large work is shared among.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.nn.threads import Piece, Threads

#: A float32 or float64 array; which one is the network's ``dtype``.
Array = NDArray[Any]
Shape = tuple[int, ...]


#: Numbers from which on sharing an operation pays: the other threads take 0.05 ms to start.
LARGE = 2**19


class Workspace:
    """Arrays that are allocated at first use and then reused, by name and shape, and threads."""

    def __init__(self, dtype: np.dtype[Any], threads: int = 1) -> None:
        self.dtype = dtype
        self.threads = Threads(threads)
        self._arrays: dict[tuple[object, ...], Array] = {}

    def array(self, owner: object, name: str, shape: Shape, dtype: Any = None) -> Array:
        """Return the array of this owner, name and shape; its content is what was left there."""
        key = (owner, name, shape)
        found = self._arrays.get(key)
        if found is None:
            found = self._arrays[key] = np.empty(shape, dtype or self.dtype)
        return found

    def scratch(self, name: str, shape: Shape, dtype: Any = None) -> Array:
        """Return an array for the moment, of which each thread has its own."""
        return self.array(threading.get_ident(), name, shape, dtype)

    def share(self, work: Callable[[Piece], None], pieces: Iterable[Piece], numbers: int) -> None:
        """Do ``work`` on every piece, on several threads where it is about so many numbers.

        Pieces write to places of their own, and no result depends on how they are cut.
        """
        if numbers >= LARGE:
            self.threads.share(work, pieces)
        else:
            for piece in pieces:
                work(piece)

    def ones(self, length: int) -> Array:
        """Return a column of ones: a product with it sums over the batch, in BLAS."""
        key = ("ones", length)
        found = self._arrays.get(key)
        if found is None:
            found = self._arrays[key] = np.ones((length, 1), self.dtype)
        return found


class Layer:
    """A step of the network on a stack of K runs.

    ``weights`` are the shapes of parameters that penalties act on, ``others`` of those they leave
    alone, ``state`` of what training updates without a gradient; shapes are those of one run.
    Norms, activations and dropout may overwrite the array they are given: it always comes from a
    layer that keeps no claim on it. Dense and convolutional layers keep their input as it is.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.weights: dict[str, Shape] = {}
        self.others: dict[str, Shape] = {}
        self.state: dict[str, Shape] = {}
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.stats: dict[str, Array] = {}

    def forward(self, x: Any, train: bool) -> Array:
        """Map an activation to the next: (K, D, B), or (K, H, C, W, B) of images."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array | None:
        """Write the gradients of the parameters and return that of the input.

        Belongs to the latest ``forward`` with ``train=True``.
        """
        raise NotImplementedError

    def buffer(self, name: str, shape: Shape, dtype: Any = None) -> Array:
        """Return a work array that only this layer uses."""
        return self.workspace.array(self, name, shape, dtype)

    def start_epoch(self, epoch: int) -> None:
        """Take up the random streams of an epoch; most layers have none."""

    def start_step(self, step: int, total: int) -> None:
        """Hear that ``step`` of ``total`` updates are made; few layers change with it."""
