"""What the commands print where, and which files they leave."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from sweeps import config_text, made_up

from bnexp.config import load_config, load_text, resolve
from bnexp.describe import Activation, Dense, Dropout, NetworkSpec
from bnexp.plan import plan_sweep
from bnexp.store.folder import ResultsFolder
from bnexp.store.lock import FolderLock
from bnexp.store.results import load_results


def test_run_prints_how_it_ended_and_where_it_is(call):
    ended = call("run", "tiny.yaml")
    assert ended.code == 0
    status, folder, picture = ended.stdout.splitlines()
    assert status.startswith("seed = 0: done at epoch 2, step 10  running loss 2.")
    assert Path(folder).parent == Path("results")
    assert Path(picture) == Path(folder, "plot.png")
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    assert [line[:10] for line in ended.stderr.splitlines()] == ["epoch 1/2 ", "epoch 2/2 "]

    again = call("run", "tiny.yaml")
    assert again.stdout == ended.stdout
    assert again.stderr == "this run is finished already; --fresh trains it again\n"

    fresh = call("run", "tiny.yaml", "--fresh")
    assert fresh.stdout == ended.stdout
    assert Path(f"{folder}.1", "plot.png").exists()


def test_run_leaves_a_sweep_out_and_says_so(call):
    ended = call("run", "pair.yaml", "--json", "--seed", "3", "--set", "optimizer.lr=0.5")
    assert ended.code == 0
    assert [cell["seed"] for cell in ended.json["cells"]] == [3]
    assert "init.scale" not in ended.json["cells"][0]
    assert ended.stderr.startswith("note: `bnexp run` leaves the config's sweep out;")
    assert load_results(ended.json["folder"]).config.optimizer.lr == 0.5


def test_run_of_what_diverges_is_a_result(call):
    ended = call("run", "tiny.yaml", "--set", "optimizer.lr=1e30")
    assert ended.code == 0
    status, folder = ended.stdout.splitlines()
    assert status.startswith("seed = 0: diverged at epoch 0, step ")
    assert "the loss is not finite" in ended.stderr
    assert not Path(folder, "plot.png").exists()  # no record to draw


def test_sweep_prints_a_table_and_extends_what_is_there(call):
    ended = call("sweep", "pair.yaml", "--jobs", "1")
    assert ended.code == 0
    head, names, *rows, folder = ended.stdout.splitlines()
    assert head.startswith("pair, running accuracy 0 to 1, epochs 1 to 2")
    assert names.split() == ["running", "test"]
    assert [row.split()[0] for row in rows] == ["gain", "no", "gain", "no"]
    assert ended.stderr.splitlines() == [
        "4 of 4 runs are finished",
        f"draw the curves with: bnexp plot {folder}",
    ]

    more = call("sweep", "pair.yaml", "--jobs", "1", "--seeds", "2", "--json")
    assert more.json["folder"] == folder
    assert [cell["status"] for cell in more.json["cells"]] == ["done"] * 8
    assert [row["seeds"] for row in more.json["summary"]] == [2] * 4
    assert more.stderr.splitlines() == [
        "4 of 8 runs are finished already",
        "8 of 8 runs are finished",
    ]


def test_sweep_notes_ends_given_for_exponents(call):
    spec = "logspace(1e-4, 1, 2)"
    note = f"logspace takes exponents: {spec} is 1 to 10; logspace(-4, 0, 2) is 0.0001 to 1\n"
    options = {
        "optimizer.lr": ("--axis", f"optimizer.lr={spec}"),
        "init.scale": ("--weights", spec),
    }
    for key, option in options.items():
        ended = call("sweep", "tiny.yaml", *option, "--dry-run")
        assert (ended.code, ended.stderr) == (0, f"note: {key}: {note}")


def test_ends_given_for_exponents_in_a_file_are_noted_where_they_are_used(call):
    block = 'space: {optimizer.lr: "logspace(0.01, 0.1, 2)"}'
    Path("ends.yaml").write_text(
        Path("tiny.yaml").read_text()
        + "sweep: {axes: {init.scale: logspace:1e-4:1:2}}\n"
        + f"search: {{objective: running_loss, trials: 2, {block}}}\n"
    )
    sweep = "note: init.scale (ends.yaml:5:28): logspace takes exponents: logspace:1e-4:1:2 is 1 to"
    search = "note: optimizer.lr (ends.yaml:6:68): logspace takes exponents: logspace(0.01, 0.1, 2)"
    for command, told in (
        ("run ends.yaml", ()),
        ("sweep ends.yaml --dry-run", (sweep,)),
        ("sweep ends.yaml --weights 1,2 --dry-run", ()),
        ("search ends.yaml --dry-run", (search,)),
        ("check ends.yaml", (sweep, search)),
    ):
        ended = call(*command.split())
        assert ended.code == 0
        assert [note for note in (sweep, search) if note in ended.stderr] == list(told)


def test_classes_without_a_training_example_are_noted(call):
    Path("mine.csv").write_text("1,2,1\n2,3,1\n2,1,3\n")
    config = (
        Path("tiny.yaml")
        .read_text()
        .replace("name: digits, train: 100, test: 50", "name: csv, path: mine.csv")
    )
    Path("mine.yaml").write_text(config + "evaluate: {test: none}\n")
    note = (
        "note: mine.csv: no training example has labels 0, 2, so 2 of 4 classes cannot be learned; "
        "number the classes from 0 without gaps\n"
    )
    batches = ("--set", "training.batch_size=2")
    for command in (("check",), ("run",), ("sweep", "--dry-run", "--axis", "init.scale=1")):
        ended = call(*command, "mine.yaml", *batches)
        assert (ended.code, ended.stderr.count(note)) == (0, 1)
    Path("mine.csv").write_text("1,2,1\n2,3,0\n2,1,2\n")
    assert call("check", "mine.yaml", *batches).stderr == ""
    note = (
        "note: mine.csv: no example of the first 2 has label 2, so 1 of 3 classes cannot be "
        "learned; data.train takes them from the beginning of the file, so shuffle it\n"
    )
    assert call("check", "mine.yaml", *batches, "--set", "data.train=2").stderr == note
    ended = call("sweep", "mine.yaml", *batches, "--axis", "data.train=3,2", "--dry-run")
    assert ended.stderr == note


def test_sweep_without_axes_says_so(call):
    ended = call("sweep", "tiny.yaml", "--dry-run")
    assert ended.code == 0
    assert ended.stderr == (
        "note: this config sweeps nothing; name what to vary with --axis or --weights\n"
    )


def test_cells_are_named_where_there_is_nothing_to_draw(call):
    arguments = ("--axis", "optimizer.lr=1e30,2e30", "--output", "wild", "--jobs", "1")
    ended = call("sweep", "tiny.yaml", *arguments)
    assert ended.code == 0
    assert [line.partition(", step")[0] for line in ended.stdout.splitlines()] == [
        "optimizer.lr = 1e+30, seed = 0: diverged at epoch 0",
        "optimizer.lr = 2e+30, seed = 0: diverged at epoch 0",
        "wild",
    ]


def test_dry_run_prints_the_plan_and_trains_nothing(call):
    ended = call("sweep", "--weights", "logspace", "--seeds", "3", "--jobs", "2", "--dry-run")
    assert (ended.code, ended.stderr) == (0, "")
    first, second, *facts, last = ended.stdout.splitlines()
    assert first.startswith("init.scale  1, 0.5412, 0.2929")
    assert second == "norm.kind   batch, none"
    assert facts[0].startswith("96 cells, 96 runs in ")
    assert facts[0].endswith(" on 2 workers")
    assert facts[1] == "47,910 to 48,410 parameters, 191 steps a run (10 an epoch)"
    assert re.fullmatch(r"\d+ billion multiply-adds, (less than a|roughly \d+) seconds?", facts[2])
    assert last.startswith("0 of 96 runs finished in results/fig6-18-digits-")
    assert not Path("results").exists()


def test_dry_run_knows_what_is_finished(call, pair):
    arguments = ("sweep", "pair.yaml", "--dry-run", "--output", pair, "--json")
    ended = call(*arguments, "--seeds", "2")
    assert {key: ended.json[key] for key in ("cells", "runs", "finished", "folder")} == {
        "cells": 8,
        "runs": 8,
        "finished": 4,
        "folder": "results/pair",
    }
    assert call(*arguments, "--fresh").json["finished"] == 0


def test_dry_run_shows_layers_as_they_are_written(call):
    ended = call("sweep", "tiny.yaml", "--axis", "network.layers=[8],[8, 4]", "--dry-run")
    assert ended.stdout.splitlines()[0] == "network.layers  [8], [8, 4]"


def test_check_prints_config_network_and_plan(call):
    ended = call("check", "pair.yaml")
    assert (ended.code, ended.stderr) == (0, "")
    config, table = ended.stdout.split("\n\n")[:2]
    assert load_text(config) == resolve(load_config("pair.yaml"))
    assert [line.split()[0] for line in table.splitlines()] == [
        "layer",
        "dense",
        "batch",
        "relu",
        "dense",
        "total",
    ]
    assert "4 cells, 4 runs in " in ended.stdout


def test_check_as_json(call):
    described = call("check", "pair.yaml", "--json").json
    assert described["config"]["network"]["layers"] == [8]
    assert described["network"][0]["layer"] == "dense 8, no bias"
    assert described["plan"]["runs"] == 4


def test_plot_draws_the_newest_results(call, pair):
    ended = call("plot")
    assert (ended.code, ended.stdout, ended.stderr) == (0, "results/pair/plot.png\n", "")


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ("--format svg,pdf,svg", ["results/pair/plot.svg", "results/pair/plot.pdf"]),
        ("--output a.svg", ["a.svg"]),
        ("--output a.PDF", ["a.PDF"]),
        ("--output a.svg --format svg", ["a.svg"]),
        ("--output a", ["a.png"]),
        ("--output v1.2 --format svg,png", ["v1.2.svg", "v1.2.png"]),
        ("--output folder", ["folder/plot.png"]),
        ("--output folder/ --format svg", ["folder/plot.svg"]),
    ],
)
def test_plot_writes_where_it_is_told_to(arguments, files, call, pair):
    Path("folder").mkdir()
    ended = call("plot", "--y", "test_loss", *arguments.split())
    assert (ended.code, ended.stdout.splitlines()) == (0, files)
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    for file in files:
        assert Path(file).read_bytes().startswith(starts[Path(file).suffix.lower()])


@pytest.mark.parametrize(
    "asked", ["--y running_accuracy,test_accuracy", "--y running_accuracy --y test_accuracy"]
)
def test_plot_draws_several_metrics(asked, call, pair):
    ended = call("plot", *asked.split(), "--text")
    assert (ended.code, ended.stderr) == (0, "")
    head, *lines = ended.stdout.splitlines()
    assert "running and test accuracy" in head
    assert len(lines) == 8
    figures = [Path(f"{name}.svg") for name in ("two", "one")]
    call("plot", *asked.split(), "--output", "two.svg")
    call("plot", "--y", "test_accuracy", "--output", "one.svg")
    assert figures[0].read_bytes() != figures[1].read_bytes()


def test_plot_draws_only_some_cells(call, pair):
    ended = call("plot", "--text", "--only", "norm=on", "--only", "init.scale=1")
    assert (ended.code, ended.stderr) == (0, "")
    *_, line = ended.stdout.splitlines()
    assert line.startswith("gain = 1  batch norm")
    assert "no norm" not in ended.stdout
    call("plot", "--output", "all.svg")
    ended = call("plot", "--only", "norm.kind=batch,none", "--output", "both.svg")
    assert ended.stdout == "both.svg\n"
    assert Path("both.svg").read_bytes() == Path("all.svg").read_bytes()
    call("plot", "--only", "norm.kind=batch", "--output", "one.svg")
    assert Path("one.svg").read_bytes() != Path("all.svg").read_bytes()


def test_plot_under_another_title(call, pair):
    ended = call("plot", "--text", "--title", "On and off")
    assert ended.stdout.startswith("On and off, running accuracy")
    assert call("plot", "--text", "--title", "").stdout.startswith("running accuracy")
    call("plot", "--output", "name.svg")
    for title, same in (("pair", True), ("On and off", False), ("", False)):
        assert call("plot", "--title", title, "--output", "title.svg").code == 0
        assert (Path("title.svg").read_bytes() == Path("name.svg").read_bytes()) is same
    folder = call("run", "tiny.yaml").stdout.splitlines()[1]
    ended = call("plot", folder, "--text", "--title", "One run")
    assert ended.stdout.startswith("One run, running accuracy")


def test_plot_as_text(call, pair):
    ended = call("plot", "--text", "--panel", "norm.kind")
    assert (ended.code, ended.stderr) == (0, "")
    assert [line.split("  ")[0] for line in ended.stdout.splitlines()[2::2]] == [
        "batch norm",
        "no norm",
    ]
    assert not (pair / "plot.png").exists()


def test_plot_of_unfinished_results_says_so(call, pair):
    journal = pair / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    ends = [line for line in lines if b'"result":' in line]
    journal.write_bytes(b"".join(line for line in lines if line not in ends[1:]))
    ended = call("plot")
    assert (ended.code, ended.stdout) == (0, "results/pair/plot.png\n")
    assert ended.stderr.startswith("1 of 4 runs are finished;")
    journal.write_bytes(b"".join(line for line in lines if line not in ends))
    ended = call("plot", "--text")
    assert ended.code == 0
    assert ended.stderr.startswith("0 of 4 runs are finished;")


@pytest.mark.parametrize(
    "line",
    [
        "check tiny.yaml",
        "sweep tiny.yaml --dry-run",
        "sweep pair.yaml --output results/pair",
        "data list",
    ],
)
def test_json_is_all_that_stdout_holds(line, call, pair):
    ended = call(*line.split(), "--json")
    assert ended.code == 0
    assert ended.stdout == json.dumps(ended.json, indent=2) + "\n"


@pytest.mark.parametrize(
    "command", ["sweep images.yaml --axis norm=on", "search images.yaml --trials 1"]
)
def test_a_dry_run_counts_on_the_threads_that_will_be_there(command, call, monkeypatch):
    Path("images.yaml").write_text(
        "data: {name: cifar10, validation: 0.1}\n"
        "network: {layers: [conv 8, conv 8]}\n"
        "training: {batch_size: 250}\n"
        "search: {space: {optimizer.lr: [0.1]}}\n"
    )

    def seconds(cores, *engine):
        monkeypatch.setattr("bnexp.environment.available_cores", lambda: cores)
        ended = call(*command.split(), "--jobs", "1", "--dry-run", "--json", *engine)
        return ended.json["rough_seconds"]

    assert seconds(2) < 0.8 * seconds(1)
    assert seconds(2, "--engine", "dask") == seconds(1)


def test_check_shows_a_network_of_images_as_a_table(call):
    Path("cnn.yaml").write_text(
        "data: {name: cifar10}\n"
        "network:\n"
        "  layers: [conv 8, {conv: 8, kernel: 5, stride: 2, norm: group, bias: off}, pool 2, "
        "{conv: 4, dropout: 0.5, norm: off}, pool 3 stride 1, global pool, "
        "{dense: 16, norm: rms}]\n"
        "norm: batch\n"
        "regularization: {dropout: 0.1, spatial_dropout: on}\n"
        "training: {batch_size: 250}\n"
    )
    ended = call("check", "cnn.yaml")
    assert (ended.code, ended.stderr) == (0, "")
    table = ended.stdout.split("\n\n")[1].splitlines()
    assert [re.sub("  +", " | ", line.strip()) for line in table] == [
        "layer | output | parameters | multiply-adds",
        "conv 8, 3x3, no bias | 32x32x8 | 216 | 221,184",
        "batch norm | 32x32x8 | 16",
        "relu | 32x32x8",
        "spatial dropout | 32x32x8",
        "conv 8, 5x5 stride 2, no bias | 16x16x8 | 1,600 | 409,600",
        "group norm, 4 groups | 16x16x8 | 16",
        "relu | 16x16x8",
        "spatial dropout | 16x16x8",
        "max pool 2x2 | 8x8x8",
        "conv 4, 3x3 | 8x8x4 | 292 | 18,432",
        "relu | 8x8x4",
        "spatial dropout 0.5 | 8x8x4",
        "max pool 3x3 stride 1 | 6x6x4",
        "global average pool | 1x1x4",
        "flatten | 4",
        "dense 16 | 16 | 80 | 64",
        "RMS norm | 16 | 32",
        "relu | 16",
        "dropout | 16",
        "dense 10 | 10 | 170 | 160",
        "total | 10 | 2,422 | 649,440",
    ]


def test_check_of_a_file_that_is_not_there(call):
    Path("own.yaml").write_text("data: {name: npz, path: nowhere.npz}\n")
    ended = call("check", "own.yaml")
    assert (ended.code, ended.stdout) == (3, "")
    assert "nowhere.npz: " in ended.stderr


def test_rows_of_a_network_name_every_layer():
    from bnexp.cli.networks import network_rows

    spec = NetworkSpec(
        4, 2, (Dense(4, 3, True), Activation("tanh", (3,)), Dropout((3,), 0), Dense(3, 2, True))
    )
    assert [row[0] for row in network_rows(spec)] == [
        "layer",
        "dense 3",
        "tanh",
        "dropout",
        "dense 2",
        "total",
    ]


def test_a_table_too_long_to_read_is_counted_instead(call):
    scales = [float(number) for number in range(1, 252)]
    text = config_text({"init.scale": scales})
    plan = plan_sweep(load_text(text))
    with ResultsFolder(Path("out"), plan, "sweep") as folder:
        for number, run in enumerate(plan.runs):
            folder.add(made_up(run, "diverged" if number < 3 else "done"))
    Path("many.yaml").write_text(text)
    ended = call("sweep", "many.yaml", "--output", "out")
    assert ended.code == 0
    assert ended.stdout.splitlines() == [
        "251 cells: 248 done, 3 diverged",
        "too many for a table; out/runs.csv has a row for each",
        "out",
    ]
    assert len(call("plot", "out", "--text").stdout.splitlines()) > 251


def test_failed_runs_are_listed_by_their_reasons(call):
    from bnexp.cli.tables import _failures

    text = config_text({"init.scale": [float(number) for number in range(1, 16)]})
    plan = plan_sweep(load_text(text))
    with ResultsFolder(Path("out"), plan, "sweep") as folder:
        for number, run in enumerate(plan.runs):
            message = "no memory" if number < 12 else "no luck"
            folder.add(made_up(run, "failed" if number != 13 else "done", message=message))
    lines = list(_failures(folder.results))
    assert lines[:2] == ["  no memory", "    init.scale = 1, seed = 0"]
    assert lines[11:] == [
        "    ... and 2 more, see out/runs.csv",
        "  no luck",
        "    init.scale = 13, seed = 0",
        "    init.scale = 15, seed = 0",
    ]


IDLE = """\
data: {name: digits, train: 100, test: 50}
network: {layers: [8]}
norm: {kind: none, momentum: 0.5}
training: {epochs: 1, batch_size: 20}
"""


def test_a_key_without_effect_is_noted_once_by_every_command(call):
    Path("idle.yaml").write_text(IDLE)
    note = "note: without effect here: norm.momentum (idle.yaml:3:30; norm.kind is none)"
    for command in ("check", "run", "sweep"):
        more = () if command == "check" else ("--output", command)
        ended = call(command, "idle.yaml", *more)
        assert ended.code == 0
        assert ended.stderr.count("without effect") == 1
        assert note in ended.stderr.splitlines()
    more = call("check", "idle.yaml", "--set", "optimizer.beta1=0.5").stderr
    assert more == f"{note}, optimizer.beta1 (--set optimizer.beta1=0.5; optimizer.kind is sgd)\n"
    assert "without effect" not in call("sweep", "idle.yaml", "--axis", "norm=on,off").stderr
    ended = call("sweep", "idle.yaml", "--axis", "norm=off,layer", "--dry-run")
    assert "norm.momentum (idle.yaml:3:30; norm.kind is none or layer)" in ended.stderr


def test_what_an_argument_takes_its_effect_is_not_noted(call):
    Path("idle.yaml").write_text(IDLE.replace("none", "batch"))
    assert (
        call("check", "idle.yaml", "--set", "norm=off", "--set", "evaluate.test=none").stderr == ""
    )
    ended = call("check", "idle.yaml", "--set", "norm={kind: none, momentum: 0.3}")
    assert (
        "norm.momentum (--set norm={kind: none, momentum: 0.3}; norm.kind is none)" in ended.stderr
    )


def test_a_config_from_a_pipe_is_noted_without_places(spawn):
    script = """
    printf 'norm: {kind: none, momentum: 0.5}' | bnexp check /dev/stdin > out.txt
    bnexp check <(printf 'data: {train: 1000}\ntraining: {drop_last: true}') > out.txt
    """
    ended = spawn(script)
    assert ended.code == 0
    assert ended.stderr.splitlines() == [
        "note: without effect here: norm.momentum (norm.kind is none)",
        "note: without effect here: training.drop_last",
    ]


def test_a_key_of_which_the_sweep_or_the_search_makes_use_is_not_noted(call):
    for block in (
        "sweep: {axes: {norm: [off, on]}}\n",
        "search: {objective: running_loss, trials: 9, space: {norm: [off, on]}}\n",
    ):
        Path("idle.yaml").write_text(IDLE + block)
        assert "without effect" not in call("check", "idle.yaml").stderr
    assert "without effect" not in call("run", "idle.yaml").stderr
    refused = "sweep: {axes: {training.batch_size: [20, 500]}}\n"
    Path("idle.yaml").write_text(IDLE + refused)
    assert call("run", "idle.yaml").code == 0


def test_plot_names_a_file_as_it_is_written(call):
    Path("README").touch()
    assert call("plot", "README").stderr.startswith("error: README is a file; plot draws a folder")


def test_plot_says_which_newer_folder_it_does_not_draw(call, pair):
    with ResultsFolder(Path("results/begun"), plan_sweep(load_config("tiny.yaml")), "sweep"):
        pass
    told = "results/begun is newer but has no finished run yet; results/pair is taken\n"
    ended = call("plot")
    assert (ended.stderr, ended.stdout) == (told, "results/pair/plot.png\n")
    assert call("plot", "results/begun").stderr.startswith("0 of 1 runs are finished;")


def test_plot_of_an_unfinished_sweep_says_whether_it_is_going_on(call, pair):
    journal = pair / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    assert call("plot").stderr == "3 of 4 runs are finished; to go on, give their command again\n"
    lock = FolderLock(pair)
    lock.acquire()
    try:
        assert call("plot").stderr == f"3 of 4 runs are finished; process {os.getpid()} trains on\n"
    finally:
        lock.release()
