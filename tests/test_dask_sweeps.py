"""Whole sweeps on Dask, from the command line: the same folder as on worker processes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dask_cluster import Cluster, dask_cluster
from sweeps import config_text, finish, finished_runs, python, start, wait_until

AXES: dict[str, Any] = {"training.epochs": [12, 24, 36, 48], "regularization.l2": [0.0, 50.0]}
CHANGES: dict[str, Any] = {"data__train": 1297, "training__batch_size": 20}
SWEEP = ("-m", "bnexp", "sweep", "config.yaml", "--output")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The metrics of the sweep on worker processes."""
    place = tmp_path_factory.mktemp("whole")
    (place / "config.yaml").write_text(config_text(AXES, **CHANGES))
    assert python(*SWEEP, "out", "--engine", "local", "--jobs", "2", cwd=place)[0] == 0
    return (place / "out" / "metrics.csv").read_bytes()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with dask_cluster(2) as cluster:
        yield cluster


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(config_text(AXES, **CHANGES))
    return tmp_path


def test_a_sweep_on_a_cluster_writes_the_same_file(
    place: Path, cluster: Cluster, whole: bytes
) -> None:
    code, out, err = python(
        *SWEEP, "out", "--engine", "dask", "--address", cluster.address, cwd=place
    )
    assert code == 0, err
    assert out.splitlines()[-1] == "out"
    assert err.splitlines() == [
        "8 of 8 runs are finished",
        "draw the curves with: bnexp plot out",
    ]
    assert (place / "out" / "metrics.csv").read_bytes() == whole


def test_a_sweep_on_a_cluster_of_its_own_writes_the_same_file(place: Path, whole: bytes) -> None:
    code, _, err = python(*SWEEP, "out", "--engine", "dask", "--jobs", "2", cwd=place)
    assert code == 0, err
    assert "Traceback" not in err and "Warning" not in err
    assert (place / "out" / "metrics.csv").read_bytes() == whole


def test_a_worker_killed_during_the_sweep(place: Path, whole: bytes) -> None:
    with dask_cluster(2) as cluster:
        driver = start(*SWEEP, "out", "--engine", "dask", "--address", cluster.address, cwd=place)
        wait_until(lambda: finished_runs(place / "out"), "a finished run")
        for worker in cluster.workers:  # one of them, at least, is busy
            worker.kill()
        cluster.hire()
        code, _, err = finish(driver)
    assert code == 0, err
    assert "is gone; its " in err and "runs go on from their last checkpoint" in err
    assert (place / "out" / "metrics.csv").read_bytes() == whole


def test_a_driver_killed_and_resumed(place: Path, cluster: Cluster, whole: bytes) -> None:
    dask = ("--engine", "dask", "--address", cluster.address)
    driver = start(*SWEEP, "out", *dask, cwd=place)
    wait_until(lambda: len(finished_runs(place / "out")) >= 2, "two finished runs")
    driver.kill()
    finish(driver)
    kept = finished_runs(place / "out")
    code, _, err = python(*SWEEP, "out", *dask, cwd=place)
    assert code == 0, err
    assert f"{len(kept)} of 8 runs are finished already" in err
    assert sorted(finished_runs(place / "out")) == sorted(set(finished_runs(place / "out")))
    assert (place / "out" / "metrics.csv").read_bytes() == whole


def test_an_interrupt_stops_within_two_seconds(place: Path, cluster: Cluster, whole: bytes) -> None:
    driver = start(*SWEEP, "out", "--engine", "dask", "--address", cluster.address, cwd=place)
    wait_until(lambda: len(finished_runs(place / "out")) >= 2, "two finished runs")
    sent = time.monotonic()
    driver.terminate()
    code, out, err = finish(driver)
    assert time.monotonic() - sent < 2
    assert (code, out) == (143, "")
    assert "Give the same command again to go on from there." in err
    assert "Traceback" not in err
    # Elsewhere, and back to the same file.
    assert python(*SWEEP, "out", "--engine", "inline", cwd=place)[0] == 0
    assert (place / "out" / "metrics.csv").read_bytes() == whole


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--engine", "dask", "--address", "tcp://127.0.0.1:1"), 5, "no Dask scheduler answers"),
        (("--engine", "dask", "--address", "nowhere"), 2, "such as tcp://127.0.0.1:8786"),
        (("--address", "tcp://127.0.0.1:1"), 2, "name the engine, too: dask"),
        (("--engine", "inline", "--jobs", "2"), 2, "trains in this process, leave it out"),
        (("--engine", "spark"), 2, "'spark' is not known; allowed: local, inline, dask"),
    ],
)
def test_wrong_options(place: Path, options: tuple[str, ...], code: int, words: str) -> None:
    status, out, err = python(*SWEEP, "out", *options, cwd=place)
    assert (status, out) == (code, "")
    assert words in err and "Traceback" not in err
    # What is wrong by itself is found before anything is written.
    assert (place / "out").exists() == (code == 5)


def test_dask_that_is_not_installed(place: Path) -> None:
    (place / "sitecustomize.py").write_text("""
import importlib.util
original = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: (
    None if name == "distributed" else original(name, *rest))
""")
    from sweeps import environment

    env = environment(path=str(place))
    code, _, err = python(*SWEEP, "out", "--engine", "dask", cwd=place, env=env)
    assert code == 2
    assert "which is not installed: pip install distributed" in err


def test_a_single_run_on_a_cluster(place: Path, cluster: Cluster) -> None:
    run = ("-m", "bnexp", "run", "config.yaml", "--json", "--output")
    code, out, err = python(
        *run, "there", "--engine", "dask", "--address", cluster.address, cwd=place
    )
    assert code == 0, err
    assert python(*run, "here", cwd=place)[0] == 0
    assert json.loads(out)["cells"][0]["status"] == "done"
    files = [(place / name / "metrics.csv").read_bytes() for name in ("here", "there")]
    assert files[0] == files[1]
