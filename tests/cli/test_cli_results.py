from pathlib import Path

import pytest
from sweeps import fill, make_plan


@pytest.fixture
def folders(call):
    """Two results folders below results/, one of them not finished."""
    fill(Path("results/a"), make_plan({"init.scale": [1.0, 0.1]}, seeds=2), runs=3)
    fill(Path("results/b"), make_plan({"norm.kind": ["batch", "none"]}))


def test_results_says_which_folder_is_which(call, folders):
    lines = call("results").stdout.splitlines()
    rows = sorted(" ".join(line.split()) for line in lines)
    assert rows[0].startswith("results/a 3 of 4 ")
    assert rows[0].endswith(" sweep: init.scale (2) x seed (2)")
    assert rows[1].startswith("results/b 2 of 2 ")
    assert call("results", "results").stdout.splitlines() == lines


def test_results_as_json(call, folders):
    (one,) = call("results", "results/a", "--json").json
    assert {key: one[key] for key in ("folder", "finished", "runs", "axes", "problem")} == {
        "folder": "results/a",
        "finished": 3,
        "runs": 4,
        "axes": {"init.scale": 2},
        "problem": "",
    }


def test_results_without_results(call):
    ended = call("results")
    assert ended.code == 4
    assert ended.stderr == (
        "error: results: no such folder; name the folder that results folders are in, or make "
        "some with `bnexp sweep --weights logspace`\n"
    )
