"""``import bnexp`` for notebooks and scripts: every way to ask, and what comes back."""

from __future__ import annotations

import inspect
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import bnexp
from bnexp.cli import main
from bnexp.driver import Watcher
from bnexp.errors import ConfigError

TINY = """\
name: tiny
data: {name: digits, train: 100, test: 50}
network: {layers: [8]}
training: {epochs: 2, batch_size: 20}
"""
PAIR = TINY + "sweep: {axes: {norm.kind: [batch, none]}, seeds: 2}\n"


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BNEXP_DATA", raising=False)
    Path("tiny.yaml").write_text(TINY)
    Path("pair.yaml").write_text(PAIR)
    return tmp_path


@pytest.fixture
def config(room):
    return bnexp.load_config("tiny.yaml")


def outcomes(results):
    """What must be equal, however the same was asked: all but timings and places."""
    ends = {
        run: (end.status, end.epoch, end.step, end.records) for run, end in results.runs.items()
    }
    return ends, results.cells, dict(results.axes)


def test_everything_public_is_there_and_documented():
    public = {name: getattr(bnexp, name) for name in bnexp.__all__ if name != "__version__"}
    assert set(dir(bnexp)) == set(bnexp.__all__)
    assert {"load_config", "run", "sweep", "load_results", "plot_grid"} <= set(public)
    for name, thing in public.items():
        assert len(inspect.getdoc(thing) or "") > 40, name
    assert isinstance(bnexp.__version__, str)
    assert not hasattr(bnexp, "no_such_name")


@pytest.mark.parametrize("name", ["load_config", "run", "sweep", "load_results", "plot_grid"])
def test_functions_are_typed_and_say_what_they_raise(name):
    function = getattr(bnexp, name)
    assert "rais" in inspect.getdoc(function).lower()
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name


def test_methods_of_results_are_documented():
    methods = {name for name in vars(bnexp.Results) if not name.startswith("_")}
    assert {"rows", "cell_rows", "arrays", "curve", "to_pandas", "metrics", "finished"} <= methods
    for name in methods - set(bnexp.Results.__dataclass_fields__):
        assert inspect.getdoc(getattr(bnexp.Results, name)), name


def test_the_package_says_that_it_is_typed():
    assert Path(bnexp.__file__).with_name("py.typed").exists()


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({"optimizer.lr": [0.1, 1]}, {"optimizer.lr": (0.1, 1.0)}),
        ({"optimizer.lr": np.array([0.1, 1.0])}, {"optimizer.lr": (0.1, 1.0)}),
        ({"optimizer.lr": [np.float64(0.1), np.int64(1)]}, {"optimizer.lr": (0.1, 1.0)}),
        ({"optimizer.lr": "logspace(0, -1, 2)"}, {"optimizer.lr": (1.0, 0.1)}),
        ({"optimizer.lr": [1e-7, 1e22]}, {"optimizer.lr": (1e-7, 1e22)}),
        ({"norm.kind": ["none", "batch"]}, {"norm.kind": ("none", "batch")}),
        ({"norm": [True, False]}, {"norm.kind": ("batch", "none")}),
        ({"norm": ["on", "off"]}, {"norm.kind": ("batch", "none")}),
        ({"norm": np.array(["off", "layer"])}, {"norm.kind": ("none", "layer")}),
        (
            {"optimizer.momentum": [0.9], "optimizer.nesterov": ("yes", "no")},
            {"optimizer.momentum": (0.9,), "optimizer.nesterov": (True, False)},
        ),
        ({"training.batch_size": np.array([10, 20])}, {"training.batch_size": (10, 20)}),
        ({"network.layers": [[8], [8, 4]]}, {"network.layers": ((8,), (8, 4))}),
        ({"network.layers": [np.array([8]), (4, 4)]}, {"network.layers": ((8,), (4, 4))}),
        ({"init.scale": [1], "norm": [False]}, {"init.scale": (1.0,), "norm.kind": ("none",)}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_axes_in_every_form(axes, expected, config):
    results = bnexp.sweep(config, axes=axes, jobs=0)
    assert dict(results.axes) == expected
    combinations = [values for cell in results.cells for values in [dict(cell.values)]]
    assert len(combinations) == np.prod([len(values) for values in expected.values()])
    assert {end.status for end in results.runs.values()} <= {"done", "diverged"}


def test_an_axis_may_be_a_generator(config):
    results = bnexp.sweep(config, axes={"optimizer.lr": (10.0**-i for i in (1, 2))}, jobs=0)
    assert results.axes["optimizer.lr"] == (0.1, 0.01)


@pytest.mark.parametrize(
    "weights", ["1,0.1", [1, 0.1], np.array([1, 0.1])], ids=["SPEC", "list", "array"]
)
def test_weights_compare_batch_norm_with_none(weights, config):
    results = bnexp.sweep(config, weights=weights, jobs=0)
    assert dict(results.axes) == {"init.scale": (1.0, 0.1), "norm.kind": ("batch", "none")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"axes": {"optimizer.lr": 0.1}}, "optimizer.lr: 0.1 is no list of values"),
        ({"axes": {"optimizer.lr": [object()]}}, "is no list of values (object is no such value)"),
        ({"axes": {"optimizer.lr": []}}, "optimizer.lr: 0 values; allowed: 1 to 10,000"),
        ({"axes": {"optimizer.lr": [float("nan")]}}, "NaN is not a finite number"),
        ({"axes": {"optimizer.lr": np.ones((2, 2))}}, "a list is not allowed here"),
        ({"axes": {"norm": [True], "norm.kind": ["none"]}}, "this axis is named before"),
        ({"axes": {"lr": [1]}}, "unknown key; did you mean optimizer.lr?"),
        ({"weights": 0.1}, "weights: 0.1 is no list of values"),
        ({"jobs": -1}, "jobs: -1; allowed: workers from 1 on, or 0: train in this process"),
        ({"jobs": 1.5}, "jobs: 1.5; allowed"),
        ({"seeds": 0}, "sweep.seeds: 0 is out of range"),
        ({"seed": 1.5}, "seed: 1.5 is not a whole number"),
        ({"overrides": "optimizer.lr=x"}, "optimizer.lr: x is not a number"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_wrong_arguments_are_told(arguments, words, config):
    with pytest.raises(ConfigError) as caught:
        bnexp.sweep(config, **arguments)
    assert words in str(caught.value)
    assert isinstance(caught.value, bnexp.BnexpError)
    assert not Path("results").exists()


def test_config_path_and_none(config, room):
    by_path = bnexp.run("tiny.yaml", output="a")
    assert outcomes(bnexp.run(config, output="b")) == outcomes(by_path)
    assert outcomes(bnexp.run(room / "tiny.yaml", output=room / "c")) == outcomes(by_path)
    small = ["training.epochs=1", "data.train=100", "network.layers=[8]"]
    results = bnexp.sweep(weights="1", overrides=small, jobs=0)
    assert results.config.name == "fig6-18-digits"
    assert results.finished == (2, 2)


def test_numbers_of_numpy_and_a_single_override(config):
    results = bnexp.sweep(
        config, seed=np.int64(5), seeds=np.int64(2), jobs=np.int64(0), overrides="optimizer.lr=0.5"
    )
    assert [cell.seed for cell in results.cells] == [5, 6]
    assert results.config.optimizer.lr == 0.5


def test_command_line_and_api_give_the_same(monkeypatch, capsys, room):
    for command, jobs in (("run", []), ("sweep", ["--jobs", "1"])):
        arguments = [command, "pair.yaml", "--set", "optimizer.lr=0.1", *jobs, "--json"]
        monkeypatch.setattr(sys, "argv", ["bnexp", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        folder = Path(json.loads(capsys.readouterr().out)["folder"])
        typed = bnexp.load_results(folder)
        metrics = (folder / "metrics.csv").read_bytes()

        options = {"jobs": 0} if command == "sweep" else {}
        function = getattr(bnexp, command)
        called = function("pair.yaml", overrides=["optimizer.lr=0.1"], output="other", **options)
        assert outcomes(called) == outcomes(typed)
        assert Path("other", "metrics.csv").read_bytes() == metrics
        Path("other").rename(f"other-{command}")

        # Asked without a place, the same question finds the same folder.
        again = function("pair.yaml", overrides=["optimizer.lr=0.1"], **options)
        assert again.folder == folder


def test_no_signal_handler_stays_behind(config):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    bnexp.run(config)
    bnexp.sweep(config, jobs=1)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_it_works_in_a_thread(config):
    found = []
    threads = [
        threading.Thread(
            target=lambda seed=seed: found.append(bnexp.run(config, seed=seed, output=f"s{seed}"))
        )
        for seed in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results.finished for results in found] == [(1, 1), (1, 1)]
    alone = bnexp.run(config, seed=1, output="alone")
    assert outcomes(alone) == outcomes(bnexp.load_results("s1"))


def test_nothing_is_printed(config, capfd):
    bnexp.run(config)
    bnexp.sweep(config, weights="1,0.1", jobs=1)
    assert capfd.readouterr() == ("", "")


def test_a_watcher_is_told(config):
    class Listener(Watcher):
        def __init__(self):
            self.heard = []

        def start(self, plan, finished, epochs):
            self.heard.append(("start", len(plan.runs), finished, epochs))

        def progress(self, event):
            self.heard.append(("epoch", event.epoch, len(event.records)))

        def ended(self, result):
            self.heard.append(("ended", result.status))

        def close(self):
            self.heard.append("closed")

    listener = Listener()
    bnexp.run(config, watcher=listener)
    assert listener.heard == [
        ("start", 1, 0, 0),
        ("epoch", 1, 1),
        ("ended", "done"),
        ("epoch", 2, 1),
        "closed",
    ]


def test_a_plain_script_needs_no_guard(room):
    Path("script.py").write_text(
        "import bnexp\n"
        "results = bnexp.sweep('pair.yaml', jobs=2)\n"
        "print(results.finished, len(results.rows()))\n"
    )
    package = str(Path(bnexp.__file__).parents[1])
    ended = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        env={"PYTHONPATH": package, "PATH": "", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("(4, 4) 8\n", "")
