"""Threads inside a layer: the same bits for any number of them; errors reach the caller."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from images import Convolution, same
from stacks import attach

from bnexp.nn.activations import Activation
from bnexp.nn.layer import Array, Layer, Workspace
from bnexp.nn.norms import BatchNorm
from bnexp.nn.pool import Pool
from bnexp.nn.threads import Threads

BATCH = 200
SHAPE = (29, 7, 27)
Make = Callable[[Workspace, int], Layer]


def convolution(case: Convolution) -> Make:
    def make(workspace: Workspace, runs: int) -> Layer:
        layer = case.build(runs, np.float32)
        layer.workspace = workspace
        return layer

    return make


def batch_norm(workspace: Workspace, runs: int) -> Layer:
    layer = BatchNorm(workspace, SHAPE, eps=np.full(runs, 1e-3), momentum=np.full(runs, 0.9))
    attach(layer, runs, np.random.default_rng(1))
    return layer


def pool(kind: str, window: int, stride: int) -> Make:
    def make(workspace: Workspace, runs: int) -> Layer:
        return Pool(workspace, SHAPE, kind, window=(window, window), stride=(stride, stride))

    return make


LAYERS: dict[str, tuple[tuple[int, int, int], Make]] = {
    "conv": (SHAPE, convolution(Convolution(SHAPE, 8, padding=same(3)))),
    "strided conv": (SHAPE, convolution(Convolution(SHAPE, 24, kernel=5, stride=2))),
    "conv in strips": ((25, 32, 27), convolution(Convolution((25, 32, 27), 20, padding=same(3)))),
    "batch norm": (SHAPE, batch_norm),
    "max pool": (SHAPE, pool("max", 2, 2)),
    "mean pool": (SHAPE, pool("mean", 2, 2)),
    "overlapping pool": (SHAPE, pool("max", 3, 2)),
    "relu": (SHAPE, lambda workspace, runs: Activation(workspace, "relu")),
    "gelu": (SHAPE, lambda workspace, runs: Activation(workspace, "gelu")),
}


def results(name: str, threads: int, runs: int) -> dict[str, Array]:
    """Go forward, backward and forward in evaluation; twice, as what is reused must not show."""
    shape, make = LAYERS[name]
    workspace = Workspace(np.dtype(np.float32), threads)
    layer = make(workspace, runs)
    rng = np.random.default_rng(3)
    for _ in range(2):
        x = rng.standard_normal((runs, *shape, BATCH)).astype(np.float32)
        found = {"y": layer.forward(x.copy(), True).copy()}
        dy = rng.standard_normal(found["y"].shape).astype(np.float32)
        dx = layer.backward(dy)
        assert dx is not None
        found["dx"] = dx.copy()
        found["evaluated"] = layer.forward(x, False).copy()
    started = workspace.threads._others is not None
    assert started == (threads > 1), "this layer is too small to say anything of threads"
    return {**found, **{f"d{name}": value.copy() for name, value in layer.grads.items()}}


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_bits_do_not_depend_on_the_number_of_threads(name: str, runs: int) -> None:
    alone = results(name, 1, runs)
    for threads in (2, 3):
        shared = results(name, threads, runs)
        assert shared.keys() == alone.keys()
        for key in alone:
            assert np.array_equal(alone[key], shared[key]), (threads, key)


def test_every_piece_is_done_once_and_by_several_threads() -> None:
    meeting = threading.Barrier(3, timeout=10)
    seen: list[tuple[int, int]] = []

    def work(piece: int) -> None:
        if piece < 3:
            meeting.wait()  # only three threads at once get past it
        seen.append((piece, threading.get_ident()))

    Threads(3).share(work, range(20))
    assert sorted(piece for piece, _ in seen) == list(range(20))
    assert len({thread for _, thread in seen}) == 3


def test_one_thread_starts_none() -> None:
    before = threading.active_count()
    seen: list[int] = []
    Threads(1).share(lambda piece: seen.append(threading.get_ident()), range(5))
    assert seen == [threading.get_ident()] * 5
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", [ValueError, IndexError, KeyboardInterrupt])
@pytest.mark.parametrize("by_caller", [True, False])
def test_an_error_in_a_piece_reaches_the_caller(kind: type[BaseException], by_caller: bool) -> None:
    threads, meeting, done = Threads(2), threading.Barrier(2, timeout=10), list[int]()
    caller = threading.get_ident()

    def work(piece: int) -> None:
        if piece < 2:
            meeting.wait()
            if (threading.get_ident() == caller) == by_caller:
                raise kind("piece")
        done.append(piece)

    with pytest.raises(kind, match="piece"):
        threads.share(work, range(1000))
    assert len(done) < 1000
    again: list[int] = []
    threads.share(again.append, range(10))
    assert sorted(again) == list(range(10))


def test_numpy_errors_are_handled_as_the_caller_says() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def work(piece: int) -> None:
        meeting.wait()
        np.divide(np.ones(3), 0)

    with np.errstate(all="ignore"):
        Threads(2).share(work, range(2))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        Threads(2).share(work, range(2))
