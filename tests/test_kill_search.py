"""Searches killed at many moments, and gone on with: the same trials, the same tables."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from searches import search_text, views
from sweeps import finish, is_running, python, start, wait_until, workers_of

import bnexp
from bnexp.store.journal import NAME, decode_entry

SEARCH = ("-m", "bnexp", "search", "config.yaml", "--jobs", "2", "--output", "out")
#: The same with a checkpoint after every epoch.
DRIVE = """
from pathlib import Path
from bnexp.config import load_search
from bnexp.driver import Options, Watcher
from bnexp.engines import EngineChoice
from bnexp.searching import train_search

options = Options(EngineChoice("local", 2), checkpoint_seconds=0)
train_search(load_search("config.yaml"), Path("out"), options, Watcher())
"""
CASES: dict[str, dict[str, Any]] = {
    "random": {"training__epochs": 40},
    "halving": {"search__pruner": "halving", "training__epochs": 40},
    "tpe": {"search__sampler": "tpe", "search__ask": 4, "training__epochs": 20},
}


@pytest.fixture(scope="module", params=CASES)
def uninterrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the config, and the folder of the whole search as ``whole``."""
    place = tmp_path_factory.mktemp(request.param)
    (place / "config.yaml").write_text(search_text(data__train=1297, **CASES[request.param]))
    bnexp.search(place / "config.yaml", jobs=0, output=place / "whole")
    return place


@pytest.fixture
def place(tmp_path: Path, uninterrupted: Path) -> Path:
    shutil.copy(uninterrupted / "config.yaml", tmp_path)
    return tmp_path


def lines(folder: Path) -> list[bytes]:
    journal = folder / NAME
    return journal.read_bytes().splitlines(keepends=True) if journal.exists() else []


def asked(folder: Path) -> dict[int, Any]:
    """The values of each trial, as the journal has them last."""
    entries = [decode_entry(line) or {} for line in lines(folder)]
    return {row["trial"]: row["values"] for entry in entries for row in entry.get("cells", [])}


def test_a_search_killed_again_and_again_ends_as_one_never_killed(
    place: Path, uninterrupted: Path
) -> None:
    total = len(lines(uninterrupted / "whole"))
    for share in (0.02, 0.2, 0.4, 0.6, 0.8):
        goal = max(1, round(share * total), len(lines(place / "out")) + 1)
        driver = start("-c", DRIVE, cwd=place)
        reached = wait_until(
            lambda: len(lines(place / "out")) >= goal or driver.poll() is not None,  # noqa: B023
            "the moment to kill the driver",
        )
        assert reached
        workers = workers_of(driver.pid)
        driver.kill()
        assert driver.wait() == -signal.SIGKILL
        finish(driver)
        wait_until(lambda: not any(map(is_running, workers)), "workers end")  # noqa: B023
    code, out, err = python(*SEARCH, cwd=place)
    assert (code, "Traceback" in err) == (0, False), err
    assert views(place / "out") == views(uninterrupted / "whole")
    assert asked(place / "out") == asked(uninterrupted / "whole")
    assert not (place / "out" / "checkpoints").exists()
    assert out.startswith("rank  trial")


def test_a_journal_cut_anywhere_leads_to_the_same_decisions(
    tmp_path: Path, uninterrupted: Path
) -> None:
    """As a kill between any two lines leaves it: in the middle of a rung's decision, too."""
    written = lines(uninterrupted / "whole")
    places = range(1, len(written), max(1, len(written) // 6))
    for number, cut in enumerate(places):
        folder = tmp_path / f"cut-{number}"
        folder.mkdir()
        torn = written[cut][: len(written[cut]) // 2]
        (folder / NAME).write_bytes(b"".join(written[:cut]) + torn)
        bnexp.search(uninterrupted / "config.yaml", jobs=0, output=folder)
        assert views(folder) == views(uninterrupted / "whole")
        assert asked(folder) == asked(uninterrupted / "whole")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_search_cleanly(
    place: Path, uninterrupted: Path, number: int, code: int
) -> None:
    driver = start(*SEARCH, cwd=place)
    wait_until(lambda: len(lines(place / "out")) >= 4, "some trials ended")
    driver.send_signal(number)
    status, out, err = finish(driver)
    assert (status, out) == (code, "")
    assert "of 12 runs are finished" in err.splitlines()[-1]
    assert "Traceback" not in err
    status, out, _ = python(*SEARCH, "--json", cwd=place)
    assert status == 0
    trials = json.loads(out)["trials"]
    assert len(trials) == 12
    assert views(place / "out") == views(uninterrupted / "whole")
