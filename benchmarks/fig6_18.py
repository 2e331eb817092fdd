"""W1: the whole Fig. 6-18 sweep, 32 networks, beside NumPy loops, PyTorch, JAX and the ceiling.

Ours is the whole of ``bnexp.sweep``: starting the workers, reading and verifying the data,
training, writing the results; its cold time is that of the command. All others have their data
loaded when a warm run begins. Plain networks that diverge go on in all but ours.
"""

from __future__ import annotations

from typing import Any

import click

from benchmarks import ceiling, ours
from benchmarks.contest import Bounds, Contestant
from benchmarks.contestant import Task
from benchmarks.session import options, play
from bnexp.environment import ONE_THREAD, available_cores


def contestants(cores: int) -> list[Contestant]:
    """Return all contestants; each shares the networks among processes where that is faster."""
    torch, jax = "benchmarks.peers.torch_fig6_18", "benchmarks.peers.jax_fig6_18"
    shared: dict[str, Any] = {"processes": cores}
    beside = f"{cores} processes"
    return [
        ours.contestant(
            "**ours**, all of `bnexp.sweep`",
            "fig6-18",
            "whole",
            Task(),
            cold=ours.command("fig6-18", Task()),
        ),
        ceiling.contestant("fig6-18", Task(networks=32), quick=True),
        Contestant(
            f"JAX, whole runs jitted and `vmap`-ed, {beside}",
            jax,
            Task("vmap"),
            needs=("jax",),
            quick=True,
            **shared,
        ),
        Contestant(
            f"JAX, whole runs jitted, {beside}", jax, Task("each"), needs=("jax",), **shared
        ),
        Contestant("JAX, `vmap`, 1 process", jax, Task("vmap"), needs=("jax",)),
        Contestant(
            f"NumPy loop in float32, {beside}",
            "benchmarks.peers.numpy_fig6_18",
            environment=ONE_THREAD,
            quick=True,
            **shared,
        ),
        Contestant(
            f"PyTorch stacked, {beside}", torch, Task("stacked"), needs=("torch",), **shared
        ),
        Contestant(
            f"PyTorch stacked and compiled, {beside}",
            torch,
            Task("compiled"),
            needs=("torch",),
            **shared,
        ),
        Contestant(f"PyTorch eager, {beside}", torch, Task("eager"), needs=("torch",), **shared),
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
