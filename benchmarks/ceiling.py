"""The ceiling: the matrix products of the Fig. 6-18 sweep alone, in the shapes and order of a run.

Run as a program it replays the products of so many networks on one BLAS thread and prints the
seconds. ``fig6_18.py`` starts one per core, all at once.
"""

from __future__ import annotations

import itertools
import sys
import time

import numpy as np
from numpy.typing import NDArray

WIDTHS = [784, 100, 100, 100, 100, 100, 10]
BATCH, CHUNK, EXAMPLES, STEPS, EVALUATIONS = 100, 500, 1000, 191, 20


def replay(networks: int, stack: int) -> float:
    """Return the seconds that the products of ``networks`` networks take in stacks of ``stack``."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> NDArray[np.float32]:
        return rng.random(shape, dtype=np.float32)

    pairs = list(itertools.pairwise(WIDTHS))
    # Centred weights of this size keep all numbers near 1, as in training.
    W = [(array(stack, units, inputs) - 0.5) * (12 / inputs) ** 0.5 for inputs, units in pairs]
    dW = [np.empty_like(w) for w in W]
    sizes = {BATCH, CHUNK}
    x = {b: [array(1, b, 784).transpose(0, 2, 1)] for b in sizes}
    for b in sizes:
        x[b] += [array(stack, units, b) for _, units in pairs]
    dx = [array(stack, width, BATCH) for width in WIDTHS]
    started = time.perf_counter()
    for _ in range(networks // stack):
        for step in range(STEPS):
            for i in range(len(W)):
                np.matmul(W[i], x[BATCH][i], out=x[BATCH][i + 1])
            for i in reversed(range(len(W))):
                np.matmul(dx[i + 1], x[BATCH][i].transpose(0, 2, 1), out=dW[i])
                if i:
                    np.matmul(W[i].transpose(0, 2, 1), dx[i + 1], out=dx[i])
            if step % 10 == 0:
                for _ in range(EXAMPLES // CHUNK):
                    for i in range(len(W)):
                        np.matmul(W[i], x[CHUNK][i], out=x[CHUNK][i + 1])
    return time.perf_counter() - started


if __name__ == "__main__":
    print(replay(int(sys.argv[1]), int(sys.argv[2])))
