from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dask_cluster import Cluster, dask_cluster
from sweeps import bits, is_running, make_plan, wait_until, workers_of

from bnexp.config.network import facts_of
from bnexp.engines import EngineChoice, Event, InlineEngine, Progress, RunEnded, Trouble
from bnexp.engines.base import Workplace
from bnexp.engines.choose import open_engine
from bnexp.engines.dask import engine
from bnexp.errors import ClusterError, ConfigError, DatasetError, OutputError, ResultsError
from bnexp.plan import Stack
from bnexp.records import RunResult
from bnexp.store.checkpoints import read_epochs, read_states

AXES: dict[str, Any] = {"init.scale": [1.0, 0.3], "regularization.l2": [0.0, 1e6]}
#: Epochs long enough to be caught in.
LONG: dict[str, Any] = {"data__train": 1297, "training__batch_size": 5, "training__epochs": 1000}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with dask_cluster(2) as cluster:
        yield cluster


def stacks_of(plan: Any, size: int = 1) -> list[Stack]:
    runs = list(plan.runs.values())
    return [Stack(tuple(runs[i : i + size])) for i in range(0, len(runs), size)]


def train(
    stacks: Sequence[Stack],
    address: str | None,
    watch: Callable[[Event], None] = lambda _: None,
    *,
    workplace: Workplace | None = None,
    stop: threading.Event | None = None,
    strict: bool = False,
) -> dict[str, RunResult]:
    """Train stacks on a cluster; no run may end twice."""
    ended: dict[str, RunResult] = {}
    choice = EngineChoice("dask", 0 if address else 2, address)
    stop = stop or threading.Event()
    with open_engine(choice, workplace or Workplace(), stop, strict=strict) as engine:
        for event in engine.train(stacks, stop):
            watch(event)
            if isinstance(event, RunEnded):
                assert event.result.run not in ended
                ended[event.result.run] = event.result
    return ended


def inline(stacks: Sequence[Stack]) -> dict[str, RunResult]:
    events = InlineEngine(Workplace()).train(stacks, threading.Event())
    return {e.result.run: e.result for e in events if isinstance(e, RunEnded)}


@pytest.mark.parametrize("size", [1, 3])
def test_the_same_bits_as_in_this_process(cluster: Cluster, size: int) -> None:
    plan = make_plan(AXES, seeds=2, norm__kind="batch", regularization__dropout=0.2)
    alone = inline(stacks_of(plan))
    assert {end.status for end in alone.values()} == {"done", "diverged"}
    epochs: list[Progress] = []
    results = train(
        stacks_of(plan, size),
        cluster.address,
        lambda event: epochs.append(event) if isinstance(event, Progress) else None,
    )
    assert bits(results) == bits(alone)
    recorded = {run for event in epochs for run in event.records}
    assert recorded == {run for run, end in alone.items() if end.status == "done"}


def test_the_same_cluster_serves_one_sweep_after_the_other_and_keeps_nothing_of_them(
    cluster: Cluster,
) -> None:
    from distributed import Client

    plan = make_plan(AXES)
    assert bits(train(stacks_of(plan), cluster.address)) == bits(inline(stacks_of(plan)))
    with Client(cluster.address, set_as_default=False) as client:
        left = lambda: list(sys.modules["bnexp.engines.dask.session"]._sessions)  # noqa: E731
        # A slot that was begun in the last moment takes a moment to see that it is cancelled.
        wait_until(lambda: not any(client.run(left).values()), "the workers have dropped it")


def test_a_cluster_made_for_the_purpose_is_gone_afterwards() -> None:
    plan = make_plan(AXES)
    seen: set[int] = set()
    results = train(stacks_of(plan), None, lambda _: seen.update(workers_of(os.getpid())))
    assert bits(results) == bits(inline(stacks_of(plan)))
    assert len(seen) == 2
    assert not any(map(is_running, seen))


def test_a_worker_with_nothing_to_do_takes_half_of_the_others_runs(
    cluster: Cluster, tmp_path: Path
) -> None:
    scales = {"init.scale": [1.0, 0.5, 0.25, 0.1]}
    long = make_plan(scales, training__epochs=400)
    short = make_plan(training__epochs=1)
    stacks = [*stacks_of(long, 4), *stacks_of(short)]
    active: list[int] = []

    def watch(event: Event) -> None:
        if isinstance(event, Progress):
            active.append(event.active)

    results = train(stacks, cluster.address, watch, workplace=Workplace(checkpoints=tmp_path))
    assert {4, 2} <= set(active)
    assert bits(results) == bits(inline(stacks))


def test_runs_go_to_another_worker_where_no_checkpoint_can_be_written(
    cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    long = make_plan({"init.scale": [1.0, 0.5, 0.25, 0.1]}, training__epochs=400)
    stacks = [*stacks_of(long, 4), *stacks_of(make_plan(training__epochs=1))]
    ends: list[Progress] = []

    def watch(event: Event) -> None:
        if isinstance(event, Progress):
            ends.append(event)

    workplace = Workplace(checkpoints=tmp_path / "file" / "none", checkpoint_seconds=1000)
    results = train(stacks, cluster.address, watch, workplace=workplace)
    assert {4, 2} <= {end.active for end in ends}
    assert [end.epoch for end in ends].count(1) == len(stacks)  # nobody began again
    assert bits(results) == bits(inline(stacks))
    with pytest.raises(OutputError, match="cannot be written"):
        train(stacks, cluster.address, workplace=replace(workplace, checkpoint_seconds=0))


def test_what_dask_leaves_unfinished_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    loop = engine._Loop()

    async def fail() -> None:
        asyncio.get_running_loop().create_future().set_exception(TimeoutError("Timeout"))

    loop.wait(fail())
    gc.collect()
    loop.close()
    assert not caplog.records


def test_a_killed_worker_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnexp.engines.dask.sweep._LOOK_SECONDS", 0.02)  # hears of epochs early
    plan = make_plan({"regularization.l2": [0.0, 0.01, 0.1, 42.0]}, training__epochs=150)
    stacks = stacks_of(plan, 4)
    whole = inline(stacks)
    assert {end.status for end in whole.values()} == {"done", "diverged"}
    troubles: list[str] = []
    epochs: list[int] = []
    with dask_cluster(2) as cluster:

        def kill(event: Event) -> None:
            if isinstance(event, Trouble):
                troubles.append(event.message)
            elif isinstance(event, Progress):
                epochs.append(event.epoch)
                if event.epoch == 20 and len(epochs) == 20:
                    for worker in cluster.workers:  # busy or not, both are gone
                        worker.kill()
                    cluster.hire()

        workplace = Workplace(checkpoints=tmp_path, checkpoint_seconds=0)
        results = train(stacks, cluster.address, kill, workplace=workplace)
    assert bits(results) == bits(whole)
    assert any("is gone; its 3 runs go on from their last checkpoint" in said for said in troubles)
    assert epochs.count(1) == 1 and len(epochs) < 160  # it did not begin at the beginning


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_a_worker_started_again_at_the_same_address_is_another(tmp_path: Path) -> None:
    """As a supervisor does it: so quickly that the address never seems to be gone."""
    plan = make_plan(AXES, training__epochs=30)
    begun: list[int] = []
    with dask_cluster(0) as cluster:
        port = ("--worker-port", str(free_port()))
        cluster.hire(options=port)

        def kill(event: Event) -> None:
            if isinstance(event, Progress):
                begun.append(event.epoch)
                if event.epoch == 9 and len(begun) == 9:
                    cluster.workers[0].kill()
                    cluster.workers[0].wait()
                    cluster.hire(options=port)

        workplace = Workplace(checkpoints=tmp_path, checkpoint_seconds=0)
        results = train(stacks_of(plan, 4), cluster.address, kill, workplace=workplace)
    assert bits(results) == bits(inline(stacks_of(plan)))
    assert begun.count(1) == 1


def test_a_bell_that_never_rings_costs_a_second(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnexp.engines.dask.mail.Mail.ring", lambda *_: None)
    plan = make_plan(AXES)
    assert bits(train(stacks_of(plan, 2), cluster.address)) == bits(inline(stacks_of(plan)))


def test_the_end_is_heard_at_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnexp.engines.dask.engine._POLL_SECONDS", 30.0)
    started = time.monotonic()
    assert train(stacks_of(make_plan(AXES)), cluster.address)
    assert time.monotonic() - started < 15


def test_a_worker_of_ours_that_dies_is_replaced(tmp_path: Path) -> None:
    plan = make_plan(AXES, training__epochs=30)
    killed: set[int] = set()

    def kill(event: Event) -> None:
        if isinstance(event, Progress) and event.epoch == 5 and not killed:
            killed.update(workers_of(os.getpid()))
            for worker in killed:
                os.kill(worker, signal.SIGKILL)

    workplace = Workplace(checkpoints=tmp_path, checkpoint_seconds=0)
    results = train(stacks_of(plan, 2), None, kill, workplace=workplace)
    assert len(killed) == 2
    assert bits(results) == bits(inline(stacks_of(plan)))


def test_a_stack_whose_workers_always_die_fails_and_no_other(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1.0, 0.5, 0.25]})
    doomed, *others = plan.runs
    (tmp_path / "sitecustomize.py").write_text(f"""
import bnexp.train, os
original = bnexp.train.train_stack
def train_stack(runs, *arguments, **options):
    if runs[0].id == {doomed!r}:
        os._exit(7)
    yield from original(runs, *arguments, **options)
bnexp.train.train_stack = train_stack
""")
    with dask_cluster(0) as cluster:
        cluster.hire(3, path=str(tmp_path))

        def hire(event: Event) -> None:
            if isinstance(event, Trouble) and "gone" in event.message:
                cluster.hire(1, path=str(tmp_path))

        results = train(stacks_of(plan), cluster.address, hire)
    assert results[doomed].status == "failed"
    assert "is gone at each of 3 tries; is there enough memory?" in results[doomed].message
    fine = inline(stacks_of(plan))
    assert bits({run: results[run] for run in others}) == bits({r: fine[r] for r in others})


@pytest.mark.parametrize("here", [False, True])
def test_the_stop_flag_ends_long_epochs_within_two_seconds(cluster: Cluster, here: bool) -> None:
    stop, since = threading.Event(), [0.0]

    def halt(_: Event) -> None:
        if not stop.is_set():
            stop.set()
            since[0] = time.monotonic()

    stacks = stacks_of(make_plan({"init.scale": [1.0, 0.5]}, **LONG))
    assert train(stacks, None if here else cluster.address, halt, stop=stop) == {}
    assert since[0] and time.monotonic() - since[0] < 2
    if not here:
        idle(cluster)


def idle(cluster: Cluster) -> None:
    """Wait until the cluster has nothing to do, and prove that it still works."""
    plan = make_plan(AXES)
    started = time.monotonic()
    assert bits(train(stacks_of(plan), cluster.address)) == bits(inline(stacks_of(plan)))
    assert time.monotonic() - started < 5


def test_what_was_done_of_a_stopped_stack_is_in_the_drivers_checkpoints(
    cluster: Cluster, tmp_path: Path
) -> None:
    plan = make_plan(AXES, training__epochs=400, data__train=1297)
    stop = threading.Event()

    def halt(event: Event) -> None:
        if isinstance(event, Progress) and event.epoch == 3:
            stop.set()

    stacks = stacks_of(plan, 4)
    workplace = Workplace(checkpoints=tmp_path, checkpoint_seconds=1000)
    ended = train(stacks, cluster.address, halt, stop=stop, workplace=workplace)
    assert {end.status for end in ended.values()} == {"diverged"}
    kept = read_epochs(tmp_path)
    assert kept.keys() == plan.runs.keys() - ended.keys()
    assert min(epoch for epoch, _ in kept.values()) >= 3
    for state in read_states(tmp_path, list(kept)).values():
        assert all(np.isfinite(array).all() for array in state.arrays.values())


def test_workers_with_several_threads_share_data_and_keep_blas_to_one_thread(
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text("""
import bnexp.engines.shelf as shelf, pathlib, threadpoolctl
original = shelf.load_prepared
def load_prepared(*arguments, **options):
    threads = sorted({pool["num_threads"] for pool in threadpoolctl.threadpool_info()})
    with pathlib.Path(__file__).with_name("loads").open("a") as file:
        file.write(f"{threads}\\n")
    return original(*arguments, **options)
shelf.load_prepared = load_prepared
""")
    plan = make_plan(AXES, seeds=2)
    with dask_cluster(0) as cluster:
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
            cluster.env.pop(name, None)
        cluster.hire(1, threads=3, path=str(tmp_path))
        results = train(stacks_of(plan), cluster.address)
    assert bits(results) == bits(inline(stacks_of(plan)))
    assert (tmp_path / "loads").read_text() == "[1]\n"


def test_a_worker_keeps_what_it_has_read_for_the_sweep_that_follows(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("""
import bnexp.engines.shelf as shelf, pathlib
original = shelf.load_prepared
def load_prepared(spec, *arguments, **options):
    with pathlib.Path(__file__).with_name("loads").open("a") as file:
        file.write(f"{spec.name}\\n")
    return original(spec, *arguments, **options)
shelf.load_prepared = load_prepared
""")
    x, y = np.random.default_rng(0).random((60, 6), dtype=np.float32), np.arange(60) % 3
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    place = {"name": "npz", "path": str(tmp_path / "own.npz")}
    plans = [make_plan(AXES), make_plan(AXES, data=place, network__layers=[8])]
    with dask_cluster(0) as cluster:
        cluster.hire(1, path=str(tmp_path))
        for plan in (plans[0], plans[0], plans[1], plans[1]):
            assert bits(train(stacks_of(plan), cluster.address)) == bits(inline(stacks_of(plan)))
    # A user's own may change; the other was there in the second sweep.
    assert (tmp_path / "loads").read_text().split() == ["digits", "npz", "npz"]


def test_a_driver_that_is_killed_leaves_the_cluster_idle(cluster: Cluster, tmp_path: Path) -> None:
    script = f"""
import sys, threading
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from sweeps import make_plan, wait_until
from bnexp.engines.base import Workplace
from bnexp.config.network import facts_of
from bnexp.engines import EngineChoice, open_engine
from bnexp.plan import Stack
plan = make_plan({{"init.scale": [1.0, 0.5]}}, **{LONG!r})
choice, stop = EngineChoice("dask", 0, {cluster.address!r}), threading.Event()
with open_engine(choice, Workplace(), stop, strict=False) as engine:
    for event in engine.train([Stack((run,)) for run in plan.runs.values()], stop):
        print("event", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=-1) as driver:
        assert driver.stdout and driver.stdout.readline() == b"event\n"
        driver.kill()
    idle(cluster)


def test_a_cluster_without_workers_is_waited_for(tmp_path: Path) -> None:
    plan = make_plan(AXES)
    notes: list[str] = []
    with dask_cluster(0) as cluster:

        def hire(event: Event) -> None:
            if isinstance(event, Trouble):
                notes.append(event.message)
                cluster.hire()

        results = train(stacks_of(plan), cluster.address, hire)
    assert notes == ["the Dask cluster has no workers; waiting for some"]
    assert bits(results) == bits(inline(stacks_of(plan)))


def test_waiting_for_workers_can_be_stopped() -> None:
    stop = threading.Event()
    with dask_cluster(0) as cluster:
        started = time.monotonic()
        threading.Timer(0.5, stop.set).start()
        assert train(stacks_of(make_plan(AXES)), cluster.address, stop=stop) == {}
        assert time.monotonic() - started < 2.5


def test_a_scheduler_that_goes_away_ends_the_sweep_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bnexp.engines.dask.sweep._LOST_SECONDS", 1.0)
    stacks = stacks_of(make_plan({"init.scale": [1.0, 0.5]}, **LONG))
    with dask_cluster(1) as cluster:
        with pytest.raises(ClusterError, match="the scheduler of the Dask cluster is gone"):
            train(stacks, cluster.address, lambda _: cluster.scheduler.kill())
        cluster.workers[0].wait(10)  # ends by itself


def test_an_address_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnexp.engines.dask.engine._CONNECT_SECONDS", 0.5)
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1 "):
        train([], "tcp://127.0.0.1:1")


@pytest.mark.parametrize("word", [b"", b"SSH-2.0-OpenSSH_9.2p1\r\n"])
def test_an_address_where_something_else_listens(
    word: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnexp.engines.dask.engine._CONNECT_SECONDS", 0.5)
    taken: list[socket.socket] = []

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])
                taken[-1].sendall(word)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address} "):
            train([], address)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in taken:
        connection.close()


def test_an_attempt_to_connect_can_be_stopped() -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()
    assert train(stacks_of(make_plan(AXES)), "tcp://127.0.0.1:1", stop=stop) == {}
    assert time.monotonic() - started < 2


def without(module: str, folder: Path) -> str:
    """A folder of modules before which there is no ``module``."""
    (folder / "sitecustomize.py").write_text(f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
""")
    return str(folder)


def test_workers_without_bnexp(tmp_path: Path) -> None:
    path = without("bnexp", tmp_path)
    with dask_cluster(0) as cluster:
        cluster.hire(path=path)
        with pytest.raises(ConfigError, match=r"worker .* cannot load bnexp .*; install bnexp"):
            train(stacks_of(make_plan(AXES)), cluster.address)


def test_workers_with_another_bnexp(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import bnexp.version as v; v.__version__ = '0.0.1'")
    with dask_cluster(0) as cluster:
        cluster.hire(path=str(tmp_path))
        with pytest.raises(ConfigError, match=r"has bnexp 0.0.1, this is .*; install the same"):
            train(stacks_of(make_plan(AXES)), cluster.address)


@pytest.mark.parametrize("strict", [False, True])
def test_workers_of_other_versions_are_named_or_refused(tmp_path: Path, strict: bool) -> None:
    mark = "import bnexp.environment as e; e.fingerprint = lambda: 'numpy 1.0, a kernel'"
    (tmp_path / "sitecustomize.py").write_text(mark)
    stacks = stacks_of(make_plan(AXES))
    notes: list[str] = []
    with dask_cluster(0) as cluster:
        cluster.hire(2, path=str(tmp_path))

        def listen(event: Event) -> None:
            if isinstance(event, Trouble):
                notes.append(event.message)

        if strict:
            with pytest.raises(ResultsError, match=r"numpy 1.0, a kernel; .*--strict refuses"):
                train(stacks, cluster.address, strict=True)
            return
        results = train(stacks, cluster.address, listen)
    assert {end.fingerprint for end in results.values()} == {("numpy 1.0, a kernel",)}
    assert len(notes) == 1
    assert "Runs trained there may differ from those trained here in the last bits" in notes[0]


def test_data_of_the_users_own_are_read_where_the_worker_is_and_compared(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 6), dtype=np.float32), np.arange(60) % 3

    def save() -> None:
        np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])

    save()
    monkeypatch.chdir(tmp_path)  # workers are elsewhere
    own = {"data": {"name": "npz", "path": "own.npz"}, "training": {"epochs": 2, "batch_size": 10}}
    plan = make_plan({"init.scale": [1.0, 0.5]}, network__layers=[8], **own)
    results = train(stacks_of(plan), cluster.address)
    assert {end.status for end in results.values()} == {"done"}
    assert bits(results) == bits(inline(stacks_of(plan)))
    seen = facts_of(next(iter(plan.runs.values())).config.data)
    monkeypatch.setattr("bnexp.engines.dask.desk.facts_of", lambda data: seen)
    x += 1
    save()
    with pytest.raises(DatasetError, match=r"on the worker at tcp.*own.npz: not the data that"):
        train(stacks_of(plan), cluster.address)


def test_a_dataset_that_a_worker_cannot_read(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"no images")
    plan = make_plan({"init.scale": [1.0, 0.5]}, data__name="mnist")
    with pytest.raises(DatasetError, match=r"on the worker at tcp.* holds some files of MNIST but"):
        train(stacks_of(plan), cluster.address, workplace=Workplace(data_dir=tmp_path))
    idle(cluster)


def test_a_cluster_made_for_the_purpose_does_not_watch_itself() -> None:
    import asyncio

    import dask
    from distributed import Client, get_worker

    from bnexp.engines.dask.here import workers_here

    def look() -> tuple[bool, float]:
        worker: Any = get_worker()
        tick = worker.periodic_callbacks["tick"].callback_time
        return "profile" in worker.periodic_callbacks, tick

    async def ask() -> Any:
        async with workers_here(1) as here, Client(here.address, asynchronous=True) as client:
            await client.wait_for_workers(1)
            return await client.submit(look)

    before = dask.config.get("distributed.admin.tick.interval")
    assert asyncio.run(ask()) == (False, 500.0)
    assert dask.config.get("distributed.admin.tick.interval") == before
