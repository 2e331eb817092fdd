"""W2: an epoch of keras-mnist with its validation; and W2xK: the same for 16 networks at once.

All have their data loaded when a warm run begins: ours is what a worker does with a stack. The
whole call of the library, with reading and writing, takes part too. The 16 networks differ in the
gain of their initial weights and share their batches.
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
#: scikit-learn has no batch norm and learns less in an epoch; running losses say more.
BOUNDS = Bounds(accuracy=0.85, loss=1.0)
QUICK_BOUNDS = Bounds(accuracy=0.4, loss=2.2)


def one_network() -> list[Contestant]:
    """Return the contestants of W2."""
    return [
        ours.contestant(
            "**ours**, training",
            "keras-mnist",
            "fit",
            Task(),
            cold=ours.command("keras-mnist", Task()),
        ),
        ours.contestant("ours, all of `bnexp.run`", "keras-mnist", "whole", Task()),
        ceiling.contestant("keras-mnist", Task(), processes=1, quick=True),
        Contestant(
            "JAX, `scan` over the epoch",
            PEERS + "jax_mnist",
            Task("each"),
            needs=("jax",),
            quick=True,
        ),
        Contestant(
            "Keras `fit` (JAX)",
            PEERS + "keras_mnist",
            needs=("keras", "jax"),
            environment={"KERAS_BACKEND": "jax"},
        ),
        Contestant(
            "Keras `fit` (PyTorch)",
            PEERS + "keras_mnist",
            needs=("keras", "torch"),
            environment={"KERAS_BACKEND": "torch"},
        ),
        Contestant("PyTorch eager", PEERS + "torch_mnist", Task("eager"), needs=("torch",)),
        Contestant("PyTorch compiled", PEERS + "torch_mnist", Task("compiled"), needs=("torch",)),
        Contestant("scikit-learn (no batch norm)", PEERS + "sklearn_mnist", needs=("sklearn",)),
    ]


def many_networks(count: int, cores: int) -> list[Contestant]:
    """Return the contestants of W2xK; each as it is fastest."""
    task, beside = Task("fit", networks=count), f"{cores} processes"
    shared: dict[str, Any] = {"processes": cores}
    return [
        ours.contestant(
            f"**ours**, training, {beside}",
            "keras-mnist",
            "fit",
            task,
            cold=ours.command("keras-mnist", task),
            **shared,
        ),
        ours.contestant(
            f"ours, training, one stack of {count}, 1 process", "keras-mnist", "fit", task
        ),
        ours.contestant("ours, all of `bnexp.sweep`", "keras-mnist", "whole", task),
        ceiling.contestant("keras-mnist", task, quick=True),
        Contestant(
            f"JAX, `scan` and `vmap`, {beside}",
            PEERS + "jax_mnist",
            Task("vmap", networks=count),
            needs=("jax",),
            quick=True,
            **shared,
        ),
        Contestant(
            f"PyTorch stacked, {beside}",
            PEERS + "torch_mnist",
            Task("stacked", networks=count),
            needs=("torch",),
            **shared,
        ),
        Contestant(
            f"scikit-learn (no batch norm), {beside}",
            PEERS + "sklearn_mnist",
            Task(networks=count),
            needs=("sklearn",),
            **shared,
        ),
        Contestant(
            f"Keras `fit` (JAX) one after another, {beside}",
            PEERS + "keras_mnist",
            Task(networks=count),
            needs=("keras", "jax"),
            environment={"KERAS_BACKEND": "jax"},
            **shared,
        ),
    ]


@click.command()
@click.option("--networks", default=1, show_default=True, help="Networks at once.")
@options
def main(networks: int, **choice: Any) -> None:
    """Print the table of W2, or of W2xK."""
    present: Sequence[Contestant] = (
        one_network() if networks == 1 else many_networks(networks, available_cores())
    )
    title, bounds = f"keras-mnist, one epoch, {networks} network{'s' * (networks > 1)}", BOUNDS
    if choice["quick"]:
        train = QUICK_EXAMPLES["keras-mnist"]
        present, title, bounds = shortened(present, train), f"{title} of {train}", QUICK_BOUNDS
    play(title, present, bounds, choice)


if __name__ == "__main__":
    main()
