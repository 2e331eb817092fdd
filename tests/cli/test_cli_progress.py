"""Progress: one bar on a terminal, plain lines elsewhere, aligned lines for a single run."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import bnexp
from bnexp.cli.progress import BarWatcher, LineWatcher
from bnexp.config import load_config
from bnexp.engines import Progress
from bnexp.plan import plan_run, plan_sweep
from bnexp.records import Record, RunResult


def on_terminal(arguments, columns=100):
    """Run a command with stderr on a terminal of that width; return its frames and stdout."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    package = str(Path(bnexp.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "bnexp", *arguments],
        stdout=subprocess.PIPE,
        stderr=child,
        env={**os.environ, "PYTHONPATH": package, "TERM": "xterm"},
    )
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(parent)
    stdout = process.communicate()[0].decode()
    assert process.returncode == 0
    return [frame.strip("\n") for frame in shown.decode().split("\r")], stdout


def test_a_bar_on_a_terminal_ends_at_the_end(room):
    frames, stdout = on_terminal(["sweep", "pair.yaml", "--jobs", "1"])
    bars = [frame for frame in frames if "|" in frame]
    assert bars[0].startswith("0/4 runs |")
    assert bars[-1].startswith("4/4 runs |")
    assert "| 100% [" in bars[-1]
    assert all(len(bar) <= 100 for bar in bars)
    assert stdout.startswith("pair, running accuracy")

    frames, _ = on_terminal(["sweep", "pair.yaml", "--jobs", "1", "--seeds", "2"])
    assert frames[0] == "4 of 8 runs are finished already"
    bars = [frame for frame in frames if "|" in frame]
    assert bars[0].startswith("4/8 runs |")
    assert "|  50% [" in bars[0]
    assert bars[-1].startswith("8/8 runs |")
    assert "| 100% [" in bars[-1]


def test_no_bar_when_there_is_nothing_to_train(room, pair):
    frames, _ = on_terminal(["sweep", "pair.yaml", "--output", "results/pair"])
    assert [frame for frame in frames if frame] == [
        "4 of 4 runs are finished already",
        "draw the curves with: bnexp plot results/pair",
    ]


def test_plain_lines_on_a_terminal_without_a_width(room, pair):
    frames, _ = on_terminal(
        ["sweep", "pair.yaml", "--jobs", "1", "--seeds", "2", "--output", "results/pair"], columns=0
    )
    assert frames[:2] == ["4 of 8 runs are finished already", "8 of 8 runs are finished"]


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr("bnexp.cli.progress.time.monotonic", lambda: now[0])
    return now


def test_plain_lines_now_and_then(room, clock, capsys):
    axes = ["training.epochs=2,6"]  # runs of different length
    plan = plan_sweep(load_config("tiny.yaml", axes=axes))
    short, long = plan.runs
    watcher = BarWatcher()
    watcher.start(plan, 0, 0)
    watcher.progress(Progress(1, 1))
    watcher.ended(RunResult(short, "done", (), epoch=2, step=10))
    assert capsys.readouterr().err == ""
    clock[0] = 11.0
    watcher.progress(Progress(1, 1))
    clock[0] = 12.0
    watcher.progress(Progress(2, 1))
    assert capsys.readouterr().err == "1 of 2 runs are finished (38% of the work)\n"
    clock[0] = 30.0
    # Found in the evaluation at the end of its third epoch: no progress told of that one.
    watcher.ended(RunResult(long, "diverged", (), epoch=3, step=15))
    watcher.note("a note")
    watcher.close()
    assert capsys.readouterr().err.splitlines() == [
        "2 of 2 runs are finished (100% of the work)",
        "a note",
        "2 of 2 runs are finished",
    ]


def test_work_done_twice_does_not_pass_the_end(room, clock, capsys):
    plan = plan_sweep(load_config("tiny.yaml"))
    watcher = BarWatcher()
    watcher.start(plan, 0, 1)
    clock[0] = 11.0
    for epoch in (1, 2, 1, 2):
        watcher.progress(Progress(epoch, 1))
    assert capsys.readouterr().err == "0 of 1 runs are finished (100% of the work)\n"


def lines_of(config, records, capsys, epochs=0):
    watcher = LineWatcher()
    plan = plan_run(config)
    watcher.start(plan, 0, epochs)
    (run,) = plan.runs
    for record in records:
        watcher.progress(Progress(record.epoch, 1, {run: record}))
    return capsys.readouterr().err.splitlines()


def test_lines_of_a_run_are_aligned(room, capsys):
    config = load_config("tiny.yaml", overrides=["training.epochs=100"])
    metrics = {"running_loss": 2.25, "running_accuracy": 0.5, "test_loss": 13.5}
    records = [
        Record(9, 45, metrics),
        Record(10, 50, {**metrics, "running_loss": 123456.0}),
        Record(100, 500, {**metrics, "running_accuracy": 1.0}),
    ]
    lines = lines_of(config, records, capsys, epochs=8)
    assert lines == [
        "going on after epoch 8 of 100",
        "epoch   9/100  step  45/500  running loss   2.2500  running accuracy 0.5000"
        "  test loss  13.5000",
        "epoch  10/100  step  50/500  running loss 1.23e+05  running accuracy 0.5000"
        "  test loss  13.5000",
        "epoch 100/100  step 500/500  running loss   2.2500  running accuracy 1.0000"
        "  test loss  13.5000",
    ]


def test_an_epoch_without_a_record_has_its_line(room, call):
    ended = call("run", "tiny.yaml", "--set", "evaluate={train: last, test: none}")
    first, second = ended.stderr.splitlines()
    assert first == "epoch 1/2"
    assert second.startswith("epoch 2/2  step 10/10  train loss   2.")


def test_a_run_that_stops_early_says_so_after_its_last_epoch(room, capsys):
    overrides = ["training.patience=1", "data.validation=20"]
    plan = plan_run(load_config("tiny.yaml", overrides=overrides))
    (run,) = plan.runs
    record = Record(1, 4, {"running_loss": 2.0, "val_loss": 1.5, "val_accuracy": 0.25})
    watcher = LineWatcher()
    watcher.start(plan, 0, 0)
    # The engine tells of the end first.
    watcher.ended(RunResult(run, "stopped", (record,), epoch=1, step=4))
    watcher.progress(Progress(1, 0, {run: record}))
    watcher.close()
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1/2  step 4/8  running loss   2.0000  val loss   1.5000  val accuracy 0.2500",
        "stopped early at epoch 1, step 4: the validation loss was no better for 1 epoch",
    ]


def test_a_run_that_stops_early_leaves_no_work(room, clock, capsys):
    overrides = ["training.patience=1", "data.validation=20", "training.epochs=10"]
    plan = plan_sweep(load_config("tiny.yaml", overrides=overrides, axes=["optimizer.lr=1,2"]))
    first, _ = plan.runs
    watcher = BarWatcher()
    watcher.start(plan, 0, 0)
    watcher.progress(Progress(1, 2))
    watcher.ended(RunResult(first, "stopped", (), epoch=2, step=8))
    clock[0] = 11.0
    watcher.progress(Progress(2, 1))
    assert capsys.readouterr().err == "1 of 2 runs are finished (60% of the work)\n"


def test_early_stopping_from_start_to_table(room, call):
    config = (
        "data: {train: 100, validation: 30}\ntraining: {epochs: 50, batch_size: 10, patience: 1}\n"
    )
    Path("stops.yaml").write_text(f"name: stops\n{config}optimizer: {{lr: 1}}\n")
    ended = call("run", "stops.yaml", "--output", "out")
    assert ended.code == 0
    *_, last, why = ended.stderr.splitlines()
    assert last.startswith("epoch ")
    assert "  val loss " in last
    assert "  val accuracy " in last
    assert why.startswith("stopped early at epoch ")
    table, *_ = ended.stdout.splitlines()
    assert table.startswith("seed = 0: stopped at epoch ")
    assert "  val accuracy " in table
    assert "stopped" in Path("out/runs.csv").read_text()
    again = call("run", "stops.yaml", "--output", "out")
    assert again.stderr.splitlines() == ["this run is finished already; --fresh trains it again"]
    swept = call("sweep", "stops.yaml", "--axis", "optimizer.lr=1,2", "--jobs", "1")
    _, names, first, *_ = swept.stdout.splitlines()
    assert names.split() == ["running", "val", "test"]
    assert "stopped at epoch " in first
