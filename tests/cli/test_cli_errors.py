"""Wrong input of every kind: one message on stderr, its documented code, and nothing lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bnexp import errors
from bnexp.cli.streams import say

RANGE = "allowed: a whole number from 1"
FORMS = "allowed: a list, logspace(0, -4, 16), linspace(0, 1, 11), or values with commas"

WRONG = [
    (
        "rum tiny.yaml",
        2,
        "'rum' is no command, did you mean run?; the commands are run, sweep, search",
    ),
    ("--bogus", 2, "no such option '--bogus'|no such option: --bogus"),
    ("run", 2, "missing argument 'CONFIG'"),
    ("run no.yaml", 2, "no.yaml: no such file; give the path of a YAML config"),
    ("run folder", 2, "folder: this is a folder; give the path of a YAML config"),
    ("run empty", 2, "empty:1:1: the file is empty; a config needs a key"),
    ("run tiny.yaml more", 2, "got unexpected extra argument (more)"),
    ("run tiny.yaml --seed -1", 2, "--seed -1: seed: -1 is out of range; allowed: a whole number"),
    ("run tiny.yaml --seed x", 2, "invalid value for '--seed': 'x' is not a valid integer"),
    ("run tiny.yaml --set", 2, "option '--set' requires an argument"),
    ("run tiny.yaml --set foo", 2, '--set foo: a key and "=" are needed'),
    ("run tiny.yaml --set lr=1", 2, "--set lr=1: lr: unknown key; did you mean optimizer.lr?"),
    ("run tiny.yaml --set optimizer.lr=x", 2, "optimizer.lr: x is not a number; allowed: "),
    ("run tiny.yaml --set sweep.axes=1", 2, "set an axis with --axis key=SPEC"),
    (
        "run tiny.yaml --output empty",
        2,
        "invalid value for '--output': directory 'empty' is a file",
    ),
    ("run tiny.yaml --output empty/x", 5, "empty/x: cannot be written: Not a directory"),
    ("run tiny.yaml --output folder", 4, "folder is not empty and not a results folder"),
    ("run tiny.yaml --output results/pair", 4, "results/pair holds the answer to another question"),
    ("run tiny.yaml --fresh --output folder", 4, "folder is not empty and not a results folder"),
    ("run tiny.yaml --data-dir empty", 2, "invalid value for '--data-dir': directory 'empty' is"),
    ("run tiny.yaml --set data.name=mnist", 3, "cannot download train-images-idx3-ubyte of MNIST"),
    ("sweep no.yaml", 2, "no.yaml: no such file"),
    (
        "sweep tiny.yaml --seeds 0",
        2,
        f"--seeds 0: sweep.seeds: 0 is out of range; {RANGE} to 10,000",
    ),
    ("sweep tiny.yaml --seeds x", 2, "invalid value for '--seeds': 'x' is not a valid integer"),
    ("sweep tiny.yaml --jobs 0", 2, f"invalid value for '--jobs': '0' is not allowed; {RANGE} on"),
    (
        "sweep tiny.yaml --jobs -1",
        2,
        f"invalid value for '--jobs': '-1' is not allowed; {RANGE} on",
    ),
    ("sweep tiny.yaml --jobs abc", 2, f"invalid value for '--jobs': 'abc' is not allowed; {RANGE}"),
    ("sweep --axis optimizer.lr", 2, '--axis optimizer.lr: a key and "=" are needed'),
    ("sweep --axis =1,2", 2, '--axis =1,2: a key and "=" are needed'),
    ("sweep --axis foo=1,2", 2, "--axis foo=1,2: foo: unknown key; allowed: name, data"),
    ("sweep --axis seed=1,2", 2, "seed: seeds are no axis; allowed: sweep.seeds, or --seeds N"),
    ("sweep --axis name=a,b", 2, "name: a name is not swept"),
    ("sweep --axis plot.y=a", 2, "plot.y: keys of plot are not swept"),
    ("sweep --axis optimizer.lr=1,1", 2, "optimizer.lr: 1 stands twice; give each value once"),
    ("sweep --axis optimizer.lr=", 2, f"optimizer.lr: no values; {FORMS}"),
    ("sweep --axis optimizer.lr=[]", 2, "optimizer.lr: 0 values; allowed: 1 to 10,000"),
    ("sweep --axis optimizer.lr=linspace", 2, "linspace needs three numbers"),
    ("sweep --axis optimizer.lr=logspace:0:1:x", 2, 'logspace: "x" is not how many values'),
    ("sweep --axis norm=on --axis norm.kind=off", 2, "norm.kind: this axis is named before"),
    ("sweep --weights 1 --axis init.scale=2", 2, "init.scale: this axis is named before"),
    ("sweep --weights abc", 2, "init.scale: abc is not a number; allowed: a number > 0"),
    ("sweep --weights=", 2, f"init.scale: no values; {FORMS}"),
    ("sweep tiny.yaml --output empty/x", 5, "empty/x: cannot be written: Not a directory"),
    ("sweep tiny.yaml --output folder", 4, "folder is not empty and not a results folder"),
    (
        "sweep tiny.yaml --output results/pair",
        4,
        "results/pair holds the answer to another question",
    ),
    ("plot no", 4, "no: no such folder; name a folder that `bnexp run`, `sweep` or `search` wrote"),
    ("plot EMPTY", 2, "error: empty is a file; plot draws a folder that a run or sweep wrote"),
    ("data gett mnist", 2, "'gett' is no command, did you mean get?; the commands are get, list"),
    ("plot folder", 4, "folder: not a results folder"),
    ("plot empty", 2, "empty is a file; plot draws a folder that a run or sweep wrote"),
    ("plot --y foo", 2, "y: 'foo' is no metric; choose one of running_loss"),
    ("plot --y running_loss,", 2, "y: '' is no metric; choose one of running_loss"),
    (
        "plot --y running_loss --y test_accuracy",
        2,
        "y: running_loss and test_accuracy are of two kinds, and a panel has one scale; choose of",
    ),
    (
        "plot --y train_loss",
        2,
        "y: 'train_loss' is not recorded in results/pair (evaluate.train is running); choose",
    ),
    ("plot --panel foo", 2, "panel: 'foo' is not swept in these results; swept: init.scale, norm"),
    (
        "plot --arm optimizer.lr",
        2,
        "arm: 'optimizer.lr' is not swept in these results; swept: init",
    ),
    ("plot --panel norm.kind --arm norm.kind", 2, "panel and arm are both 'norm.kind'"),
    ("plot --only optimizer.lr=1", 2, "only: 'optimizer.lr' is not swept in these results; swept"),
    ("plot --only init.scale=7", 2, "only: init.scale has no value 7 in these results; it has 1, "),
    ("plot --text --only norm.kind=layer", 2, "norm.kind has no value layer in these results"),
    ("plot --only norm.kind", 2, "'norm.kind': a key, \"=\" and values are needed, such as"),
    ("plot --only norm.kind=", 2, "'norm.kind=': a key, \"=\" and values are needed, such as"),
    ("plot --only norm=on --only norm=off", 2, "norm stands twice; give all its values at once"),
    ("plot --format gif", 2, "'gif' is not known; allowed: png, svg, pdf, or several with commas"),
    ("plot --format png,gif", 2, "'gif' is not known; allowed: png, svg, pdf"),
    ("plot --format=", 2, "'' is not known; allowed: png, svg, pdf"),
    ("plot --output a.gif", 2, "--output a.gif: .gif is no format; allowed: .png, .svg, .pdf"),
    ("plot --output a.png --format svg", 2, "--output a.png names one format and --format svg"),
    ("plot --output no/a.png", 5, "no/a.png: there is no folder no; make it, or name another"),
    ("plot --output empty/a.png", 5, "empty/a.png: there is no folder empty; make it"),
    (
        "plot --text --format svg",
        2,
        "--text prints and writes no file; leave --format and --output",
    ),
    ("plot --text --y foo", 2, "y: 'foo' is no metric"),
    ("check", 2, "missing argument 'CONFIG'"),
    ("check no.yaml", 2, "no.yaml: no such file"),
    (
        "check pair.yaml --set sweep.seeds=0",
        2,
        f"sweep.seeds: 0 is out of range; {RANGE} to 10,000",
    ),
    ("data get", 2, "missing argument 'NAME'"),
    ("data get minst", 2, "'minst' is not known, did you mean mnist?; allowed: digits, mnist, "),
    ("frobnicate", 2, "'frobnicate' is no command; the commands are run, sweep, search, plot"),
    ("sweep --engine lcal", 2, "'lcal' is not known, did you mean local?; allowed: local, inline"),
    ("sweep --rerun dverged", 2, "'dverged' is not known, did you mean diverged?; allowed: failed"),
    ("search tiny.yaml --sampler radnom", 2, "'radnom' is not known, did you mean random?"),
    (
        "search tiny.yaml --pruner halvin",
        2,
        "'halvin' is not known, did you mean halving?; allowed",
    ),
    ("search tiny.yaml --pruner x", 2, "'x' is not known; allowed: none, halving"),
    ("plot --format pgn", 2, "'pgn' is not known, did you mean png?; allowed: png, svg, pdf, or "),
    ("plot --y running_los", 2, "y: 'running_los' is no metric, did you mean running_loss?"),
    ("plot --arm nrm.kind", 2, "in these results, did you mean norm.kind?; swept: init.scale, "),
    ("run tiny.yml", 2, "tiny.yml: no such file, did you mean tiny.yaml?"),
    ("run other", 2, "other: no such file; give the path of a YAML config"),
    ("run tiny", 2, "tiny: no such file, did you mean tiny.yaml?"),
    ("run shipped", 2, "shipped: no such file, did you mean configs/shipped.yaml?"),
    ("run mnist-bn", 2, "configs/mnist-bn.yaml?"),
    (
        "run tiny.yaml --lr 3",
        2,
        "no such option '--lr'; a key of the config is set by --set optimizer.lr=3\nsee `bnexp run",
    ),
    ("sweep --epochs=3", 2, "'--epochs'; a key of the config is set by --set training.epochs=3"),
    ("check tiny.yaml --batch-size 3", 2, "is set by --set training.batch_size=3"),
    ("check tiny.yaml --seed 3", 2, "is set by --set seed=3\n"),
    ("search tiny.yaml --lr", 2, "is set by --set optimizer.lr=value\n"),
    ("run tiny.yaml --learning-rate 1", 2, "is set by --set optimizer.lr=1\n"),
    (
        "run tiny.yaml --momentum 0.1",
        2,
        "is set by --set norm.momentum=0.1 or --set optimizer.momentum=0.1\n",
    ),
    ("run tiny.yaml --axis norm=on", 2, "no such option '--axis'; `bnexp sweep` has it\n"),
    ("run tiny.yaml --seeds 3", 2, "no such option '--seeds'; `bnexp sweep` has it\n"),
    ("sweep --trials 3", 2, "no such option '--trials'; `bnexp search` has it\n"),
    ("plot --jobs 2", 2, "no such option '--jobs'; `bnexp sweep` and `bnexp search` have it\n"),
    ("plot --lr 3", 2, "no such option '--lr'|no such option: --lr"),
    ("plot pari", 4, "pari: no such folder, did you mean results/pair?"),
    ("plot results", 4, "results: it holds one results folder, name that: results/pair\n"),
    ("data list --data-dir no", 3, "data folder no (--data-dir): there is no such folder"),
]
CHECKED_FIRST = [one for one in WRONG if one[0].startswith("sweep") and one[1] == 2]


@pytest.fixture
def messy(pair):
    """A room with results, an empty file, a folder with a letter and one with a config."""
    Path("empty").touch()
    Path("EMPTY").touch()
    Path("folder").mkdir()
    Path("folder/letter.txt").write_text("Dear Emma")
    Path("configs").mkdir()
    Path("configs/shipped.yaml").touch()
    return pair


def state():
    """Everything in the working folder but what a lock leaves."""
    files = [Path(folder, name) for folder, _, names in os.walk(".") for name in names]
    return {file: file.read_bytes() for file in files if not file.name.startswith(".")}


def complaint(ended):
    """Return the error message in lower case, after holding it to its form."""
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("error: ") == 1
    return ended.stderr[ended.stderr.index("error: ") :].lower()


@pytest.mark.parametrize(("line", "code", "words"), WRONG, ids=[one[0] for one in WRONG])
def test_wrong_input(line, code, words, messy, call):
    before = state()
    ended = call(*line.split(" "))
    assert ended.code == code
    assert any(one in complaint(ended) for one in words.lower().split("|"))
    if "mnist" not in line or "get" in line:
        assert state() == before
    else:
        assert {name: state()[name] for name in before} == before


@pytest.mark.parametrize(
    ("line", "code", "words"), CHECKED_FIRST, ids=[one[0] for one in CHECKED_FIRST]
)
def test_a_dry_run_finds_the_same(line, code, words, messy, call):
    ended = call(*line.split(" "), "--dry-run")
    assert (ended.code, words.lower() in complaint(ended)) == (code, True)


@pytest.mark.parametrize(
    ("output", "words"),
    [("folder", "folder: not a results folder"), ("results/pair", "another question")],
)
def test_a_dry_run_refuses_the_folders_that_training_would(output, words, messy, call):
    ended = call("sweep", "tiny.yaml", "--dry-run", "--output", output)
    assert ended.code == 4
    assert words in complaint(ended)


def test_all_mistakes_are_told_at_once(call):
    arguments = ("--axis", "foo=1", "--set", "bar=2", "--weights", "abc", "--seeds", "0")
    lines = call("sweep", "tiny.yaml", *arguments).stderr.splitlines()
    assert [line.removeprefix("error: ").split(":")[0] for line in lines] == [
        "--set bar=2",
        "--axis foo=1",
        "--weights abc",
        "--seeds 0",
    ]


def test_plot_without_any_results(call):
    ended = call("plot")
    assert ended.code == 4
    assert "make some with `bnexp sweep --weights logspace`" in ended.stderr


CLASSES = [one for one in vars(errors).values() if isinstance(one, type)]


@pytest.mark.parametrize("kind", [one for one in CLASSES if one.__module__ == errors.__name__])
def test_every_expected_error_ends_with_its_code(kind, call, monkeypatch):
    error = (
        kind("what is wrong", 15) if kind is errors.InterruptedRunError else kind("what is wrong")
    )

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("bnexp.config.load_config", fail)
    ended = call("check", "tiny.yaml")
    assert (ended.code, ended.stdout) == (error.exit_code, "")
    assert ended.stderr == "error: what is wrong\n"


def test_an_interrupt_outside_of_training(call, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("bnexp.config.load_config", interrupt)
    ended = call("check", "tiny.yaml")
    assert (ended.code, ended.stderr.strip()) == (130, "interrupted")


def test_a_bug_is_not_hidden(room, call, monkeypatch):
    def bug(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("bnexp.config.load_config", bug)
    with pytest.raises(ZeroDivisionError):
        call("check", "tiny.yaml")


def test_failed_runs_are_told_and_end_with_code_1(call, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("no room for 8 units")
        yield

    monkeypatch.setattr("bnexp.engines.work.train_stack", fail)
    ended = call("run", "tiny.yaml", "--json")
    assert ended.code == 1
    assert ended.json["cells"][0]["status"] == "failed"
    assert "error: 1 of 1 runs failed and are tried again by the same command:" in ended.stderr
    assert "MemoryError: no room for 8 units" in ended.stderr


def test_say_survives_a_stderr_that_is_gone(monkeypatch):
    def gone(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr("click.echo", gone)
    say("nobody hears this")
