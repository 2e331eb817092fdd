"""Streams that are closed, full, gone or not UTF-8, and folders that cannot be used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bnexp.store.results import load_results

FULL = "error: standard output cannot be written: File too large\n"


def test_a_reader_that_goes_away_is_no_error(spawn):
    ended = spawn("{ sleep 0.2; bnexp check tiny.yaml; } | true; echo ${PIPESTATUS[0]}")
    assert (ended.stdout, ended.stderr) == ("5\n", "")
    ended = spawn("bnexp check tiny.yaml | head -1")
    assert (ended.stdout, ended.stderr) == ("name: tiny\n", "")


@pytest.mark.parametrize("line", ["check tiny.yaml", "--help", "plot --text", "sweep --help"])
def test_a_stdout_that_takes_no_more(line, spawn, pair):
    ended = spawn(f"ulimit -f 0; bnexp {line} > file")
    assert (ended.code, ended.stderr) == (5, FULL)


def test_training_goes_on_when_nobody_hears_of_it(spawn):
    line = "bnexp run tiny.yaml --output"
    assert spawn(f"{line} gone 2> >(true); wait").code == 0
    assert spawn(f"{line} closed >&- 2>&- <&-").code == 0
    for name in ("gone", "closed"):
        assert load_results(name).finished == (1, 1)
        assert Path(name, "plot.png").exists()


def test_no_file_takes_the_place_of_a_closed_stream(spawn, pair):
    line = "sweep pair.yaml --output results/pair --jobs 1 --seeds"
    assert spawn(f"bnexp {line} 2 >&- <&-").code == 0
    assert spawn(f"bnexp {line} 3 2>&- <&-").code == 0
    assert load_results(pair).finished == (12, 12)
    assert "gain" not in (pair / "journal.jsonl").read_text()


@pytest.mark.parametrize(
    "settings",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["C", "ascii", "latin-1"],
)
def test_a_terminal_without_unicode(settings, spawn, pair):
    name = "dé ⚡"
    shutil.copytree(pair, name)
    Path("bad.yaml").write_text("clé: ⚡\n", encoding="utf-8")
    text = spawn(f"bnexp plot --text '{name}'", **settings)
    assert (text.code, text.stderr) == (0, "")
    assert text.stdout.isascii()
    assert "batch norm" in text.stdout
    drawn = spawn(f"bnexp plot '{name}'", **settings)
    assert (drawn.code, drawn.stderr) == (0, "")
    assert Path(name, "plot.png").exists()
    wrong = spawn("bnexp check bad.yaml", **settings)
    assert wrong.code == 2
    assert "bad.yaml:1:1: cl" in wrong.stderr


def test_the_text_grid_fits_a_narrow_terminal(spawn, pair):
    for columns in ("40", "1", "0", "x"):
        ended = spawn("bnexp plot --text", COLUMNS=columns)
        assert ended.code == 0
        assert max(map(len, ended.stdout.splitlines())) <= (40 if columns in ("40", "1") else 80)


def test_without_a_home_and_almost_no_environment(spawn):
    needed = ("PATH", "PYTHONPATH", "OPENBLAS_NUM_THREADS")
    settings = {name: None for name in os.environ if name not in needed}
    ended = spawn("bnexp sweep pair.yaml --jobs 1 --json", **settings)
    assert ended.code == 0
    assert [cell["status"] for cell in ended.json["cells"]] == ["done"] * 4


def test_a_place_for_results_that_is_a_file(call):
    Path("results").touch()
    for line in ("run tiny.yaml", "sweep pair.yaml", "sweep --weights 1"):
        ended = call(*line.split())
        assert (ended.code, ended.stdout) == (5, "")
        assert "cannot be written: Not a directory" in ended.stderr
        assert "--output" in ended.stderr
    assert call("sweep", "pair.yaml", "--dry-run").code == 0


def test_a_working_folder_that_is_gone(spawn):
    Path("gone").mkdir()
    ended = spawn("cd gone; rmdir ../gone; bnexp plot")
    assert (ended.code, ended.stdout) == (5, "")
    assert ended.stderr.startswith("error: the working folder does not exist any more;")
