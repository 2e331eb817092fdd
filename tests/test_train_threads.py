"""A network on images as large as CIFAR-10's: the same bits for any number of threads."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import numpy as np
from small_runs import IMAGES, load, make_run, same

from bnexp.records import RunResult, RunState
from bnexp.train import train_stack


def test_bits_of_a_run_do_not_depend_on_threads(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 256, (420, 32, 32, 3), np.uint8), rng.integers(0, 4, 420, np.uint8)
    path = tmp_path / "images.npz"
    np.savez(path, x_train=x[:300], y_train=y[:300], x_test=x[300:], y_test=y[300:])
    run = make_run(
        IMAGES,
        data={"name": "npz", "path": str(path), "standardize": "unit"},
        network__layers=["conv 8", "conv 8", "pool 2", "conv 16", "pool 2", "dense 256"],
        norm__place="after",
        optimizer={"kind": "adam", "lr": 1e-3},
        training__batch_size=128,
    )
    other = make_run(run.config.model_dump(mode="json"), seed=1)
    data = load(run)

    def train(runs: list[str], threads: int) -> tuple[dict[str, RunResult], dict[str, RunState]]:
        results: dict[str, RunResult] = {}
        states: dict[str, RunState] = {}
        chosen = [r for r in (run, other) if r.id in runs]
        for end in train_stack(chosen, data, threads=threads):
            results |= {result.run: result for result in end.ended}
            states = end.states() or states
        return results, states

    before = threading.active_count()
    alone, state = train([run.id], 1)
    assert threading.active_count() == before
    for runs, threads in (([run.id], 2), ([run.id], 3), ([run.id, other.id], 2)):
        found, arrays = train(runs, threads)
        assert same(found[run.id], alone[run.id])
        for name, array in state[run.id].arrays.items():
            assert np.array_equal(array, arrays[run.id].arrays[name]), (runs, threads, name)
    found = {}
    for end in train_stack([run], data):
        end.use_threads(2)
        found |= {result.run: result for result in end.ended}
    assert same(found[run.id], alone[run.id])
    del end
    gc.collect()
    deadline = time.monotonic() + 10
    while threading.active_count() > before:
        assert time.monotonic() < deadline, "a network that is gone keeps its threads"
        time.sleep(0.01)
