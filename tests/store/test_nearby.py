"""What is said of a path that holds no results: which folder may be meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bnexp.errors import ResultsError
from bnexp.store.journal import NAME
from bnexp.store.results import load_results


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A working folder with results, each written to later than the one before."""
    monkeypatch.chdir(tmp_path)
    names = ("fig6-18-digits-0a1b2c", "fig6-18-digits-3d4e5f", "fig6-18-digits-0a1b2c.1", "mine")
    for seconds, name in enumerate(names):
        journal = Path("results", name, NAME)
        journal.parent.mkdir(parents=True)
        journal.touch()
        os.utime(journal, (seconds, seconds))
    Path("empty").mkdir()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("fig6-18-digits", "no such folder, did you mean results/fig6-18-digits-0a1b2c.1?"),
        ("results/fig6-18-digits", "no such folder, did you mean results/fig6-18-digits-0a1b2c.1?"),
        ("fig6-18-digits-3d4e5f", "no such folder, did you mean results/fig6-18-digits-3d4e5f?"),
        ("Mine", "no such folder, did you mean results/mine?"),
        ("results/mein", "no such folder, did you mean results/mine?"),
        ("xyz", "no such folder; name a folder that `bnexp run`, `sweep` or `search` wrote"),
        (
            "results",
            "it holds 4 results folders (`bnexp results results` lists them); name one of them, "
            "the newest is results/mine",
        ),
        ("empty", "not a results folder (no journal.jsonl with a plan in it); name a folder that"),
    ],
)
def test_the_folder_that_may_be_meant_is_named(room, path, words):
    with pytest.raises(ResultsError) as caught:
        load_results(path)
    assert str(caught.value).startswith(f"{path}: {words}")
