"""Which results folders there are, and in what they differ."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from searches import search_document
from sweeps import DIGITS, fill, make_plan

import bnexp
from bnexp.errors import ResultsError
from bnexp.store.journal import NAME
from bnexp.store.listing import Listed, list_folders


def listed(root: Path) -> dict[str, Listed]:
    return {one.folder.name: one for one in list_folders(root)}


def run(folder: Path, **changes: Any) -> None:
    document = {**DIGITS, "name": "one"}
    bnexp.run(
        document,
        overrides=[f"{k.replace('__', '.')}={v}" for k, v in changes.items()],
        output=folder,
    )


def test_what_is_varied_and_how_far_it_is(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1.0, 0.1], "norm.kind": ["batch", "none"]}, seeds=3)
    fill(tmp_path / "a", plan, runs=5)
    one = listed(tmp_path)["a"]
    assert (one.command, one.finished, one.runs, one.cells, one.seeds) == ("sweep", 5, 12, 12, 3)
    assert one.axes == {"init.scale": 2, "norm.kind": 2}
    assert one.differs == {}
    assert list_folders(tmp_path / "a") == [one]  # a results folder itself


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b", optimizer__lr=0.5)
    run(tmp_path / "c", optimizer__lr=0.5, training__epochs=1)
    run(tmp_path / "d", regularization__label_smoothing=0.1)
    run(tmp_path / "e", name="another", optimizer__lr=7)
    rate = DIGITS["optimizer"]["lr"]
    found = {name: one.differs for name, one in listed(tmp_path).items()}
    epochs = DIGITS["training"]["epochs"]
    assert found["a"] == {"optimizer.lr": rate, "training.epochs": epochs}
    assert found["b"] == {"optimizer.lr": 0.5, "training.epochs": epochs}
    assert found["c"] == {"optimizer.lr": 0.5, "training.epochs": 1}
    # A key that others leave as usual is not in their questions.
    assert found["d"]["regularization.label_smoothing"] == 0.1
    assert found["e"] == {}


def test_a_key_that_one_varies_sets_no_other_apart(tmp_path: Path) -> None:
    fill(tmp_path / "a", make_plan({"optimizer.lr": [0.1, 0.2]}))
    fill(tmp_path / "b", make_plan({"init.scale": [1.0]}))
    found = listed(tmp_path)
    assert "optimizer.lr" not in found["b"].differs
    assert "init.scale" not in found["a"].differs


def test_a_search_is_compared_with_searches(tmp_path: Path) -> None:
    document = search_document({"optimizer.lr": [0.1, 0.2, 0.3]})
    run(tmp_path / "r", name=document.get("name", "run"))
    bnexp.search(document, trials=2, jobs=0, output=tmp_path / "s")
    bnexp.search(
        document,
        trials=2,
        jobs=0,
        pruner="halving",
        output=tmp_path / "h",
        overrides=["training.epochs=3"],
    )
    found = listed(tmp_path)
    assert (found["s"].command, found["s"].cells) == ("search", 2)
    assert found["s"].differs["search.pruner"] == "none"
    assert found["h"].differs["search.pruner"] == "halving"
    assert "search.sampler" not in found["h"].differs
    assert not any(key.startswith("search.") for key in found["r"].differs)


def test_the_newest_is_first_and_a_damaged_one_is_there(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        fill(tmp_path / name, make_plan({"init.scale": [1.0]}))
        os.utime(tmp_path / name / NAME, (1e9 + number, 1e9 + number))
    (tmp_path / "b" / NAME).write_text("no journal\nat all\n")
    os.utime(tmp_path / "b" / NAME, (1e9 + 9, 1e9 + 9))
    found = list_folders(tmp_path)
    assert [one.folder.name for one in found] == ["b", "c", "a"]
    assert found[0].problem and not found[1].problem


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no results folder in it; name the folder"):
        list_folders(tmp_path)
    with pytest.raises(ResultsError, match="no such folder"):
        list_folders(tmp_path / "nowhere")
