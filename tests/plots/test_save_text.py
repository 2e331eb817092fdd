"""Files: the same bytes from the same records, whole or not at all; and the grid for terminals."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from make_results import ARMS, SCALES, all_done, diverging_scales, make_results

from bnexp.errors import ConfigError, OutputError
from bnexp.plots import plot_grid, save_figure, text_grid

SCRIPT = """
import hashlib, sys
from make_results import ARMS, SCALES, diverging_scales, make_results
from bnexp.plots import plot_grid, save_figure
axes = {"init.scale": SCALES[:3], "norm.kind": ARMS}
results = make_results(axes, seeds=3, fate=diverging_scales)
for kind in ("png", "svg", "pdf"):
    path = save_figure(plot_grid(results), f"{sys.argv[1]}/figure.{kind}")
    print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_the_same_records_give_the_same_bytes_in_another_process(tmp_path):
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: black\nsvg.fonttype: none\n")
    theirs = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONHASHSEED": "7",
            "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    results = make_results(
        {"init.scale": SCALES[:3], "norm.kind": ARMS}, seeds=3, fate=diverging_scales
    )
    figure = plot_grid(results)
    ours = []
    for kind in ("png", "svg", "pdf"):
        content = save_figure(figure, tmp_path / f"again.{kind}").read_bytes()
        ours.append(hashlib.sha256(content).hexdigest())
    assert ours == theirs


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_formats(tmp_path, kind, start):
    figure = plot_grid(make_results({}))
    path = save_figure(figure, tmp_path / "figure.out", format=kind)
    assert path.read_bytes().startswith(start)
    assert [found.name for found in tmp_path.iterdir()] == ["figure.out"]


@pytest.mark.parametrize("name", ["figure.gif", "figure"])
def test_unknown_formats_are_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="choose one of png, svg, pdf"):
        save_figure(plot_grid(make_results({})), tmp_path / name)


def test_what_cannot_be_written_is_an_output_error(tmp_path):
    figure = plot_grid(make_results({}))
    with pytest.raises(OutputError, match=r"figure\.svg: .* cannot be written: No such .*; name"):
        save_figure(figure, tmp_path / "missing" / "figure.svg")
    (tmp_path / "taken.svg").mkdir()
    with pytest.raises(OutputError, match=r"taken\.svg"):
        save_figure(figure, tmp_path / "taken.svg")
    assert [found.name for found in tmp_path.iterdir()] == ["taken.svg"]


def test_a_file_that_is_there_is_replaced_and_not_written_into(tmp_path):
    path, link = tmp_path / "figure.svg", tmp_path / "link"
    path.write_text("old")
    os.link(path, link)
    save_figure(plot_grid(make_results({})), path)
    assert path.read_bytes().startswith(b"<?xml")
    assert link.read_text() == "old"


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "figure.svg"
    path.write_text("old")

    def fail(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OutputError, match="No space left"):
        save_figure(plot_grid(make_results({})), path)
    assert path.read_text() == "old"


def book(seeds=1, fate=diverging_scales):
    return make_results({"init.scale": SCALES, "norm.kind": ARMS}, seeds=seeds, fate=fate)


def test_text_grid_of_the_book():
    lines = text_grid(book()).splitlines()
    assert lines[0] == "fig6-18, training accuracy 0 to 1, epochs 0 to 19"
    assert len(lines) == 33
    assert lines[1].startswith("W = 1        batch norm  ▁")
    assert lines[2].split() == ["no", "norm", "×", "diverged", "at", "epoch", "0"]
    assert lines[31].startswith("W = 1e-4     batch norm")
    last = book().runs["run-0020-0"].final["train_accuracy"]
    assert lines[21].endswith(f"  {last:.3f}")


def test_text_grid_counts_seeds_and_fits_the_terminal():
    def fate(values, seed):
        if values["norm.kind"] == "none" and values["init.scale"] > 0.5 and seed < 2:
            return "diverged", 3 * seed
        return ("done", 99) if values["init.scale"] > 0.01 else (None, 0)

    results = book(seeds=3, fate=fate)
    for width in (40, 60, 80, 120):
        text = text_grid(results, width=width)
        assert max(map(len, text.splitlines())) <= width
    lines = text_grid(results).splitlines()
    assert lines[0].endswith("48 of 96 runs")
    assert lines[2].endswith("2 of 3 diverged at epoch 0-2")
    assert lines[-1].endswith("no runs yet")


def test_text_grid_says_where_seeds_are_uneven():
    def fate(values, seed):
        return ("diverged", 5) if seed == 2 else ("done", 99)

    results = make_results({"optimizer.lr": (0.1, 0.01)}, seeds=3, fate=fate)
    kept = (c for c in results.cells if c.values["optimizer.lr"] != 0.1 or c.seed == 0)
    _, first, second = text_grid(replace(results, cells=tuple(kept))).splitlines()
    assert first.endswith("  1 seed")
    assert second.endswith("  3 seeds: 1 of 3 diverged at epoch 4")
    assert "seeds" not in text_grid(results)


def test_text_grid_shows_validation_and_test_beside_the_metric():
    metrics = ("running_accuracy", "val_accuracy", "test_accuracy", "test_loss")
    axes = {"init.scale": SCALES[:3], "norm.kind": ARMS}
    results = make_results(axes, metrics=metrics)
    _, names, first, *_ = text_grid(results, y="val_accuracy").splitlines()
    final = results.runs["run-0000-0"].final
    shown = [final["val_accuracy"], final["running_accuracy"], final["test_accuracy"]]
    assert names.split() == ["val", "running", "test"]
    assert first.split()[-3:] == [f"{value:.3f}" for value in shown]
    assert len(names) == len(first)
    for width in (40, 44, 48, 60):
        text = text_grid(results, y="val_accuracy", width=width).splitlines()
        assert max(map(len, text)) <= width
        assert text[-1].count("0.") >= 1
    assert "test" not in text_grid(results, y="val_accuracy", width=40).splitlines()[1]
    assert len(text_grid(results, y="test_loss").splitlines()) == 7


def test_text_grid_says_where_runs_stopped():
    def fate(values, seed):
        return ("stopped", 6 + seed) if values["norm.kind"] == "batch" else ("done", 99)

    results = make_results({"norm.kind": ARMS}, seeds=3, fate=fate)
    _, first, second = text_grid(results).splitlines()
    assert first.endswith("3 of 3 stopped at epoch 5-7")
    last = [results.runs[f"run-0000-{seed}"].final["train_accuracy"] for seed in range(3)]
    assert f"  {sorted(last)[1]:.3f}  " in first
    assert "stopped" not in second


def test_text_grid_in_ascii():
    text = text_grid(book(), ascii=True)
    assert text.isascii()
    assert "x  " in text.splitlines()[2]
    assert "#" in text


def test_text_grid_shows_more_than_a_figure_can():
    lrs = tuple(i / 100 for i in range(1, 101))
    text = text_grid(make_results({"optimizer.lr": lrs}, fate=all_done), y="train_loss")
    assert len(text.splitlines()) == 101
    assert "training loss" in text.splitlines()[0]


def test_text_grid_of_a_run():
    head, line = text_grid(make_results({})).splitlines()
    assert head.startswith("fig6-18, training accuracy")
    assert line[0] == "▁"
