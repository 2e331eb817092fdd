"""W1: the whole Fig. 6-18 sweep, 32 networks, beside NumPy loops, PyTorch, JAX and the ceiling.

Ours is the whole of ``bnexp.sweep``: starting the workers, reading and verifying the data,
training, writing the results; its cold time is that of the command. All others have their data
loaded when a warm run begins. Plain networks that diverge go on in all but ours.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from benchmarks import ceiling, ours
from benchmarks.contest import JAX_KEEPS, Bounds, Contestant
from benchmarks.contestant import Task
from benchmarks.session import options, play
from bnexp.environment import ONE_THREAD, available_cores


def contestants(cores: int) -> list[Contestant]:
    """Return all contestants; each shares the networks among processes where that is faster."""
    beside = f"{cores} processes"
    each = partial(Contestant, processes=cores)
    jax = partial(each, module="benchmarks.peers.jax_fig6_18", needs=("jax",))
    torch = partial(each, module="benchmarks.peers.torch_fig6_18", needs=("torch",))
    whole = ours.command("fig6-18", Task())
    vmap, kept = Task("vmap"), "JAX, the same, compiled code kept on disk"
    return [
        ours.contestant("**ours**, all of `bnexp.sweep`", "fig6-18", "whole", Task(), cold=whole),
        ceiling.contestant("fig6-18", Task(networks=32), quick=True),
        jax(f"JAX, whole runs jitted and `vmap`-ed, {beside}", task=vmap, quick=True),
        jax(kept, task=vmap, environment=JAX_KEEPS),
        jax(f"JAX, whole runs jitted, {beside}", task=Task("each")),
        jax("JAX, `vmap`, 1 process", task=vmap, processes=1),
        each(
            f"NumPy loop in float32, {beside}",
            "benchmarks.peers.numpy_fig6_18",
            environment=ONE_THREAD,
        ),
        torch(f"PyTorch stacked, {beside}", task=Task("stacked")),
        torch(f"PyTorch stacked and compiled, {beside}", task=Task("compiled")),
        torch(f"PyTorch eager, {beside}", task=Task("eager")),
        Contestant(
            "plain NumPy loop in float64",
            "benchmarks.peers.loop_fig6_18",
            environment=ONE_THREAD,
            starts=1,
        ),
    ]


@click.command()
@options
def main(**choice: Any) -> None:
    """Print the table of W1."""
    play("Fig. 6-18, 32 networks", contestants(available_cores()), Bounds(accuracy=0.95), choice)


if __name__ == "__main__":
    main()
