"""W3: an epoch of cifar10-cnn with its validation, on all cores.

All have their data loaded when a warm run begins: ours is what a worker does with a stack. After
one epoch the running averages of batch norm are not yet where they belong and nobody does well on
the test images; that a contestant learns shows in the loss of its mini-batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from benchmarks import ceiling, ours
from benchmarks.contest import Bounds, Contestant
from benchmarks.contestant import Task
from benchmarks.session import QUICK_EXAMPLES, options, play, shortened
from bnexp.environment import available_cores

PEERS = "benchmarks.peers."


def contestants(cores: int) -> list[Contestant]:
    """Return all contestants."""
    torch = PEERS + "torch_cifar10"
    return [
        ours.contestant(
            "**ours**, training",
            "cifar10-cnn",
            "fit",
            Task(threads=cores),
            cold=ours.command("cifar10-cnn", Task()),
        ),
        ceiling.contestant("cifar10-cnn", Task(), quick=True),
        Contestant(
            f"PyTorch eager, channels last, {cores} threads",
            torch,
            Task("eager", cores),
            needs=("torch",),
            quick=True,
        ),
        Contestant(
            "PyTorch eager, channels last, 1 thread", torch, Task("eager", 1), needs=("torch",)
        ),
        Contestant(
            f"PyTorch compiled, channels last, {cores} threads",
            torch,
            Task("compiled", cores),
            needs=("torch",),
        ),
        Contestant(
            f"Keras `fit` (PyTorch), {cores} threads",
            PEERS + "keras_cifar10",
            Task(threads=cores),
            needs=("keras", "torch"),
            environment={"KERAS_BACKEND": "torch"},
        ),
        Contestant("JAX, jitted steps", PEERS + "jax_cifar10", Task("steps"), needs=("jax",)),
    ]


@click.command()
@options
def main(**choice: Any) -> None:
    """Print the table of W3."""
    present: Sequence[Contestant] = contestants(available_cores())
    title, bounds = "cifar10-cnn, one epoch", Bounds(accuracy=0.1, loss=1.65)
    if choice["quick"]:
        train = QUICK_EXAMPLES["cifar10-cnn"]
        present, title = shortened(present, train), f"{title} of {train}"
        bounds = Bounds(accuracy=0.05, loss=2.6)
    play(title, present, bounds, choice)


if __name__ == "__main__":
    main()
