"""What ``bnexp.run`` and ``bnexp.sweep`` give back: rows, arrays, curves, frames and figures."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest

import bnexp
from bnexp.errors import ConfigError, ResultsError

TINY = """\
name: tiny
data: {name: digits, train: 100, test: 50}
network: {layers: [8]}
training: {epochs: 2, batch_size: 20}
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY)
    return bnexp.load_config("tiny.yaml")


@pytest.fixture
def pair(config):
    return bnexp.sweep(config, axes={"norm.kind": ["batch", "none"]}, seeds=2, jobs=0)


def test_results_are_handy(pair):
    rows = pair.rows()
    assert len(rows) == 2 * 2 * 2  # arms, seeds, epochs
    assert rows[0] | {"run": ""} == {
        "run": "",
        "norm.kind": "batch",
        "seed": 0,
        "epoch": 1,
        "step": 5,
        **{name: rows[0][name] for name in pair.metrics},
    }
    columns = pair.arrays()
    assert list(columns) == list(rows[0])
    assert columns["test_accuracy"].dtype == np.float64
    assert columns["norm.kind"].tolist() == ["batch"] * 4 + ["none"] * 4
    losses = columns["test_loss"][(columns["norm.kind"] == "none") & (columns["seed"] == 1)]
    curve = pair.curve("test_loss", seed=1, norm__kind="none")
    assert np.array_equal(curve, losses)
    assert curve.shape == (2,)
    loaded = bnexp.load_results(pair.folder)
    assert (loaded.runs, loaded.cells, loaded.axes) == (pair.runs, pair.cells, pair.axes)
    assert loaded.rows() == rows


def test_columns_of_layers(config):
    results = bnexp.sweep(config, axes={"network.layers": [[8], [8, 4]]}, jobs=0)
    assert results.arrays()["network.layers"].tolist() == [(8,), (8,), (8, 4), (8, 4)]
    same = bnexp.sweep(config, axes={"network.layers": [[8], [4]]}, jobs=0, output="same")
    assert same.arrays()["network.layers"].shape == (4,)
    assert len(results.curve("test_loss", network__layers=[8, 4])) == 2


def test_a_curve_that_there_is_not(pair):
    for arguments, words in (
        ({"metric": "train_loss", "norm__kind": "none"}, "no metric 'train_loss'; there are"),
        (
            {"metric": "test_loss"},
            "one value of each axis names a cell; add norm__kind='batch' (or ",
        ),
        ({"metric": "test_loss", "norm": "none", "seed": 9}, "with seed 9; its seeds are 0, 1"),
        (
            {"metric": "test_loss", "norm__kind": "layer"},
            "no cell {'norm.kind': 'layer'} with seed",
        ),
        (
            {"metric": "test_loss", "nrm__kind": "x"},
            "nrm__kind: no such axis; the axes are norm__k",
        ),
    ):
        with pytest.raises(ResultsError) as caught:
            pair.curve(**arguments)
        assert words in str(caught.value)


def test_pandas_only_if_it_is_there(pair, monkeypatch):
    real = builtins.__import__

    def without_pandas(name, *arguments):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(ModuleNotFoundError, match=r"needs pandas \(pip install pandas\); rows\(\)"):
        pair.to_pandas()

    class Pandas:
        DataFrame = staticmethod(lambda rows: ("frame", rows))

    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *rest: Pandas if name == "pandas" else real(name, *rest),
    )
    assert pair.to_pandas() == ("frame", pair.rows())


def test_figures_from_results(pair, config):
    figure = bnexp.plot_grid(pair, y="test_loss")
    assert bnexp.save_figure(figure, "a.svg").read_bytes().startswith(b"<?xml")
    assert bnexp.plot_curves(bnexp.run(config)).axes


def test_figures_of_a_folder(pair):
    count = len(bnexp.plot_grid(pair, y="test_loss").axes)
    assert len(bnexp.plot_grid(str(pair.folder), y="test_loss").axes) == count
    assert len(bnexp.plot_grid(results=pair.folder).axes) == count  # type: ignore[call-arg]
    with pytest.raises(ResultsError, match=r"no such folder, did you mean .*tiny-"):
        bnexp.plot_grid("tiny")
    with pytest.raises(ConfigError, match=r"int is nothing to draw; give what bnexp\.sweep\(\)"):
        bnexp.plot_curves(3)  # type: ignore[arg-type]


def test_what_is_given_for_a_mapping_of_axes_is_refused(config):
    for axes in (["optimizer.lr"], "optimizer.lr=1", ()):
        with pytest.raises(ConfigError, match=r"is no mapping; allowed: keys and their values, "):
            bnexp.sweep(config, axes=axes)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=r"^space: .* is no mapping; allowed: keys and "):
            bnexp.search(config, space=axes)  # type: ignore[arg-type]
