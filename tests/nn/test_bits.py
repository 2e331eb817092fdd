"""A run has the same bits alone and in any stack, whatever its neighbours are and do.

In float32 and at real widths: at toy widths broken code passes too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from stacks import (
    Member,
    Outcome,
    Topology,
    assert_same_bits,
    build_network,
    evaluate,
    examples,
    train,
)

from bnexp.nn import Network
from bnexp.nn.activations import FUNCTIONS

REAL = Topology(784, (100,) * 5)
SMALL = Topology(64, (32,))

#: Numbers that are zero for some runs stand beside numbers that are not.
MIXED = (
    Member(scale=1.0, lr=0.1),
    Member(scale=0.3, lr=0.1, l2=1e-2),
    Member(scale=2.0, lr=0.05, momentum=0.9, norm_momentum=0.0),
    Member(scale=0.9, lr=0.1, dropout=0.4, l1=1e-3),
    Member(scale=1e-3, lr=0.1, eps=0.0),
    Member(scale=0.8, lr=0.01, momentum=0.5, l1=1e-3, l2=0.1, dropout=0.1),
    Member(scale=0.5, lr=0.0, norm_momentum=1.0),
    Member(scale=1.1, lr=0.1, eps=1e-2),
)
PLAIN = tuple(replace(m, dropout=0.0, momentum=0.0, l1=0.0, l2=0.0) for m in MIXED)
SEVERAL_SEEDS = tuple(replace(m, seed=k // 2) for k, m in enumerate(MIXED))
DIVERGING = Member(scale=1e30, lr=0.1)


def assert_each_alone(
    topology: Topology, members: Sequence[Member], *, batch: int = 100, steps: int = 2
) -> None:
    stack = train(topology, members, batch=batch, steps=steps)
    assert np.isfinite(stack["loss"][0]).all()
    assert len({stack["theta"][k].tobytes() for k in range(len(members))}) == len(members)
    for k, member in enumerate(members):
        assert_same_bits(stack, k, train(topology, [member], batch=batch, steps=steps), 0)


@pytest.mark.parametrize("members", [PLAIN, MIXED, SEVERAL_SEEDS], ids=["plain", "mixed", "seeds"])
@pytest.mark.parametrize("norm", ["none", "before", "after"])
def test_real_network_alone_and_in_a_stack_of_8(
    norm: Literal["none", "before", "after"], members: Sequence[Member]
) -> None:
    assert_each_alone(replace(REAL, norm=norm), members)


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_each_activation(activation: str) -> None:
    topology = Topology(64, (100, 32), activation=activation, norm="before", nesterov=True)
    assert_each_alone(topology, SEVERAL_SEEDS)


@pytest.mark.parametrize("norm", ["none", "before", "after"])
@pytest.mark.parametrize("batch", [97, 17, 2])
def test_odd_batches(norm: Literal["none", "before", "after"], batch: int) -> None:
    assert_each_alone(replace(SMALL, norm=norm), SEVERAL_SEEDS, batch=batch, steps=4)


def test_batches_of_one_example() -> None:
    assert_each_alone(replace(SMALL, units=(32, 100)), SEVERAL_SEEDS, batch=1, steps=4)


@pytest.mark.parametrize("gamma", ["scalar", "none"])
@pytest.mark.parametrize("beta", ["scalar", "none"])
def test_other_affine_forms(
    gamma: Literal["scalar", "none"], beta: Literal["scalar", "none"]
) -> None:
    topology = Topology(64, (100, 100), norm="after", gamma=gamma, beta=beta, start_var=1.0)
    assert_each_alone(topology, MIXED)


def test_one_run_in_stacks_of_every_size_and_in_every_place() -> None:
    topology = replace(REAL, norm="before")
    alone = train(topology, MIXED[:1])
    for size in (2, 3, 5, 16):
        others = [replace(MIXED[k % 8], scale=0.1 * k) for k in range(1, size)]
        for place in {0, size // 2, size - 1}:
            stack = train(topology, [*others[:place], MIXED[0], *others[place:]])
            assert_same_bits(stack, place, alone, 0)


@pytest.mark.parametrize("topology", [replace(REAL, norm="before"), SMALL], ids=["real", "small"])
def test_permuting_runs_permutes_results(topology: Topology) -> None:
    order = [5, 2, 7, 0, 3, 6, 1, 4]
    stack = train(topology, SEVERAL_SEEDS)
    permuted = train(topology, [SEVERAL_SEEDS[k] for k in order])
    for place, k in enumerate(order):
        assert_same_bits(permuted, place, stack, k)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("norm", ["none", "before", "after"])
def test_a_poisoned_neighbour_changes_nothing(
    norm: Literal["none", "before", "after"], poison: float
) -> None:
    topology = replace(REAL, norm=norm)
    poisoned = (1, 4, 5)

    def spoil(network: Network) -> None:
        network.theta[list(poisoned)] = poison

    healthy, spoiled = train(topology, MIXED), train(topology, MIXED, poison=spoil)
    for k in set(range(8)) - set(poisoned):
        assert_same_bits(spoiled, k, healthy, k)
        assert np.isfinite(spoiled["loss"][k]).all()
    assert not np.isfinite(spoiled["theta"][list(poisoned)]).any()


@pytest.mark.parametrize("norm", ["none", "before"])
@pytest.mark.parametrize("penalties", [{}, {"l2": 0.1}, {"l1": 0.1, "momentum": 0.9}])
def test_a_diverging_neighbour_changes_nothing(
    norm: Literal["none", "before"], penalties: dict[str, float]
) -> None:
    topology = replace(REAL, norm=norm)
    diverging = replace(DIVERGING, lr=1e38, **penalties)
    stack = train(topology, [diverging, MIXED[0], diverging, MIXED[5]], steps=3)
    assert not np.isfinite(stack["theta"][0]).all()
    assert_same_bits(stack, 0, stack, 2)
    for place, member in ((1, MIXED[0]), (3, MIXED[5]), (0, diverging)):
        assert_same_bits(stack, place, train(topology, [member], steps=3), 0)


def test_a_diverging_run_without_l2_is_itself_beside_one_with_l2() -> None:
    # Multiplying by a penalty of 0 would turn its infinite weights into NaN.
    def spoil(network: Network) -> None:
        network.theta[0, :7] = np.inf

    alone = train(SMALL, [Member(lr=1e-3)], poison=spoil)
    beside = train(SMALL, [Member(lr=1e-3), Member(l1=0.1, l2=0.1, momentum=0.9)], poison=spoil)
    assert_same_bits(beside, 0, alone, 0)
    assert np.array_equal(beside["penalty"][0], [0, 0])
    assert (beside["grads"][1] != 0).any()


@pytest.mark.parametrize("norm", ["none", "before", "after"])
@pytest.mark.parametrize("topology", [REAL, SMALL], ids=["real", "small"])
def test_evaluation_in_chunks(topology: Topology, norm: Literal["none", "before", "after"]) -> None:
    topology = replace(topology, norm=norm)
    rng = np.random.default_rng(1)
    x, y = examples(0, 1001, topology.inputs)  # the last chunk is one example

    shape = build_network(topology, MIXED, np.float32).stats.shape
    stats = (rng.random(shape) + 0.5).astype(np.float32)

    def evaluated(runs: slice) -> Outcome:
        network = build_network(topology, MIXED[runs], np.float32)
        network.stats[...] = stats[runs]
        return evaluate(network, x, y, chunk=500)

    stack = evaluated(slice(0, 8))
    for k in range(8):
        for end in (k + 1, k + 3):
            assert_same_bits(stack, k, evaluated(slice(k, end)), 0)


@pytest.mark.parametrize("norm", ["none", "before", "after"])
@pytest.mark.parametrize("train_mode", [True, False])
def test_a_shared_input_gives_the_bits_of_a_copy_for_each_run(
    norm: Literal["none", "before", "after"], train_mode: bool
) -> None:
    x, _ = examples(0, 100, 784)
    found = []
    for copies in (1, 8):
        network = build_network(replace(REAL, norm=norm), PLAIN, np.float32)
        own = np.repeat(x[None], copies, axis=0).transpose(0, 2, 1)
        logits = network.forward(own, train_mode).copy()
        if train_mode:
            network.backward(logits * np.float32(0.01))
        found.append((logits, network.grads))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


def test_runs_of_the_same_numbers_are_the_same() -> None:
    stack = train(replace(REAL, norm="before"), [MIXED[5], MIXED[0], MIXED[5], MIXED[5]])
    assert_same_bits(stack, 0, stack, 2)
    assert_same_bits(stack, 0, stack, 3)
