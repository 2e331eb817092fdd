"""W2: an epoch of keras-mnist with its validation; and W2xK: the same for 16 networks at once.

All have their data loaded when a warm run begins: ours is what a worker does with a stack. The
whole call of the library, with reading and writing, takes part too. The 16 networks differ in the
gain of their initial weights and share their batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import click

from benchmarks import ceiling, ours
from benchmarks.contest import JAX_KEEPS, Bounds, Contestant
from benchmarks.contestant import Task
from benchmarks.session import QUICK_EXAMPLES, options, play, shortened
from bnexp.environment import available_cores

PEERS = "benchmarks.peers."
#: scikit-learn has no batch norm and learns less in an epoch; running losses say more.
BOUNDS = Bounds(accuracy=0.85, loss=1.0)
QUICK_BOUNDS = Bounds(accuracy=0.4, loss=2.2)


def _peers(**options: Any) -> dict[str, Callable[..., Contestant]]:
    """Return what makes a contestant of each library."""
    keras = partial(Contestant, module=PEERS + "keras_mnist", **options)
    jax_backend, torch_backend = {"KERAS_BACKEND": "jax"}, {"KERAS_BACKEND": "torch"}
    return {
        "jax": partial(Contestant, module=PEERS + "jax_mnist", needs=("jax",), **options),
        "torch": partial(Contestant, module=PEERS + "torch_mnist", needs=("torch",), **options),
        "sklearn": partial(
            Contestant, module=PEERS + "sklearn_mnist", needs=("sklearn",), **options
        ),
        "keras-jax": partial(keras, needs=("keras", "jax"), environment=jax_backend),
        "keras-torch": partial(keras, needs=("keras", "torch"), environment=torch_backend),
    }


def one_network() -> list[Contestant]:
    """Return the contestants of W2."""
    peers, each = _peers(), Task("each")
    mine = partial(ours.contestant, config="keras-mnist", task=Task())
    whole = ours.command("keras-mnist", Task())
    return [
        mine("**ours**, training", mode="fit", cold=whole),
        mine("ours, all of `bnexp.run`", mode="whole", cold=whole),
        ceiling.contestant("keras-mnist", Task(), processes=1, quick=True),
        peers["jax"]("JAX, `scan` over the epoch", task=each, quick=True),
        peers["jax"]("JAX, the same, compiled code kept on disk", task=each, environment=JAX_KEEPS),
        peers["keras-jax"]("Keras `fit` (JAX)"),
        peers["keras-torch"]("Keras `fit` (PyTorch)"),
        peers["torch"]("PyTorch eager", task=Task("eager")),
        peers["torch"]("PyTorch, whole steps compiled", task=Task("compiled")),
        peers["sklearn"]("scikit-learn (no batch norm)"),
    ]


def many_networks(count: int, cores: int) -> list[Contestant]:
    """Return the contestants of W2xK; each as it is fastest."""
    peers, beside = _peers(processes=cores), f"{cores} processes"
    task = Task(networks=count)
    mine = partial(ours.contestant, config="keras-mnist", task=task)
    whole = ours.command("keras-mnist", task)
    return [
        mine(f"**ours**, training, {beside}", mode="fit", cold=whole, processes=cores),
        mine(f"ours, training, one stack of {count}, 1 process", mode="fit", cold=whole),
        mine("ours, all of `bnexp.sweep`", mode="whole", cold=whole),
        ceiling.contestant("keras-mnist", task, quick=True),
        peers["jax"](
            f"JAX, `scan` and `vmap`, {beside}", task=replace(task, mode="vmap"), quick=True
        ),
        peers["torch"](f"PyTorch stacked, {beside}", task=replace(task, mode="stacked")),
        peers["sklearn"](f"scikit-learn (no batch norm), {beside}", task=task),
        peers["keras-jax"](f"Keras `fit` (JAX), one after another, {beside}", task=task),
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
