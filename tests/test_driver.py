"""The driver in this process: what it says, records, refuses and leaves behind."""

from __future__ import annotations

import contextlib
import csv
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeps import bits, config_text, make_plan, python, read_journal, reading, wait_until

from bnexp import driver
from bnexp.driver import Options, Watcher, train_plan
from bnexp.engines import EngineChoice, Progress
from bnexp.engines.base import Flags, Workplace
from bnexp.engines.shelf import DataShelf
from bnexp.engines.work import work_on
from bnexp.errors import DatasetError, InterruptedRunError, ResultsError
from bnexp.interrupts import signals
from bnexp.plan import cut_stacks
from bnexp.records import RunResult
from bnexp.store import folder as folder_module
from bnexp.store.checkpoints import read_epochs, write_states
from bnexp.store.folder import ResultsFolder
from bnexp.store.journal import NAME, encode_entry
from bnexp.store.results import load_results

_SCRIPT = """
import threading
import bnexp

def work():
    results = bnexp.sweep("config.yaml", jobs=2, output="out")
    print(results.finished)

{call}
"""


@pytest.mark.parametrize(
    "call",
    ["work()", "thread = threading.Thread(target=work); thread.start(); thread.join()"],
    ids=["plain", "thread"],
)
def test_a_plain_script_without_a_main_guard_can_sweep(tmp_path: Path, call: str) -> None:
    axes = {"training.epochs": [1, 2, 3]}
    (tmp_path / "config.yaml").write_text(config_text(axes))
    (tmp_path / "script.py").write_text(_SCRIPT.format(call=call))
    assert python("script.py", cwd=tmp_path) == (0, "(3, 3)\n", "")
    with ResultsFolder(tmp_path / "here", make_plan(axes), "sweep") as folder:
        train_plan(folder, Options(), Watcher())
    for name in ("metrics.csv", "runs.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_a_module_in_the_working_folder_does_not_get_into_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('the wrong queue')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    plan = make_plan()
    with ResultsFolder(tmp_path / "out", plan, "sweep") as folder:
        results = train_plan(folder, Options(EngineChoice("local", 1)), Watcher())
    assert [end.status for end in results.runs.values()] == ["done"]


class Notes(Watcher):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.ends: list[RunResult] = []
        self.closed = 0

    def note(self, message: str) -> None:
        self.notes.append(message)

    def ended(self, result: RunResult) -> None:
        self.ends.append(result)

    def close(self) -> None:
        self.closed += 1


def make_older(folder: Path) -> None:
    """Rewrite a journal as if another NumPy had trained what is in it."""
    entries = read_journal(folder / NAME)
    for entry in entries:
        if "result" in entry:
            entry["result"]["fingerprint"] = ["numpy 1.0, old BLAS"]
    (folder / NAME).write_bytes(b"".join(map(encode_entry, entries)))


def test_going_on_under_other_versions_is_said_recorded_and_refused_by_strict(
    tmp_path: Path,
) -> None:
    few, more = make_plan({"init.scale": [1.0]}), make_plan({"init.scale": [1.0, 0.1]})
    with ResultsFolder(tmp_path, few, "sweep") as folder:
        train_plan(folder, Options(strict=True), Watcher())
    make_older(tmp_path)
    with ResultsFolder(tmp_path, few, "sweep") as folder:
        train_plan(folder, Options(strict=True), notes := Notes())  # nothing is trained
        assert notes.notes == []
    with ResultsFolder(tmp_path, more, "sweep") as folder:
        with pytest.raises(ResultsError, match="which --strict refuses") as caught:
            train_plan(folder, Options(strict=True), Watcher())
        assert caught.value.exit_code == 4
        results = train_plan(folder, Options(), notes := Notes())
    assert len(notes.notes) == 1
    assert f"{tmp_path} was trained with numpy 1.0, old BLAS; this is numpy " in notes.notes[0]
    old, new = few.runs.keys(), more.runs.keys() - few.runs.keys()
    assert {results.runs[run].fingerprint for run in old} == {("numpy 1.0, old BLAS",)}
    ((mark,),) = {results.runs[run].fingerprint for run in new}
    assert f"this is {mark}." in notes.notes[0]


def test_strict_refuses_a_checkpoint_of_other_versions(tmp_path: Path) -> None:
    from bnexp.store.checkpoints import read_states

    plan = make_plan(training__epochs=3)

    class Stop(Watcher):
        def progress(self, event: Progress) -> None:
            raise KeyboardInterrupt

    with ResultsFolder(tmp_path, plan, "sweep") as folder:
        with pytest.raises(KeyboardInterrupt):
            train_plan(folder, Options(checkpoint_seconds=0), Stop())
        assert read_epochs(folder.checkpoints) == {}  # the news comes before the checkpoint
        with pytest.raises(KeyboardInterrupt):
            train_plan(folder, Options(EngineChoice("local", 1), checkpoint_seconds=0), Stop())
        states = wait_until(lambda: read_states(folder.checkpoints, plan.runs), "a checkpoint")
        for state in states.values():
            object.__setattr__(state, "fingerprint", ("numpy 1",))
        write_states(folder.checkpoints, states)
        with pytest.raises(ResultsError, match="was trained with numpy 1; this is"):
            train_plan(folder, Options(strict=True), Watcher())
        results = train_plan(folder, Options(), Watcher())
    (end,) = results.runs.values()
    assert end.fingerprint[0] == "numpy 1" and len(end.fingerprint) == 2


def test_views_are_current_and_whole_while_a_sweep_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "_VIEW_SECONDS", 0.0)
    monkeypatch.setattr(folder_module, "_VIEW_SHARE", 0.0)
    plan = make_plan({"training.epochs": list(range(1, 9))})
    epochs = {run.id: run.config.training.epochs for run in plan.runs.values()}

    class Look(Notes):
        looks = 0

        def progress(self, event: Progress) -> None:
            if not self.ends:
                return
            self.looks += 1
            rows = csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines())
            shown = Counter(row["run"] for row in rows)
            assert shown == {end.run: epochs[end.run] for end in self.ends}

    with (
        reading(tmp_path / "metrics.csv") as seen,
        ResultsFolder(tmp_path, plan, "sweep") as folder,
    ):
        train_plan(folder, Options(), look := Look())
    assert look.looks > 8
    for view in seen:
        rows = list(csv.DictReader(view.splitlines()))
        shown = Counter(row["run"] for row in rows)
        assert all(shown[run] == epochs[run] for run in shown)
        assert all(None not in row.values() for row in rows) and view.endswith("\n")


def test_an_error_keeps_what_is_finished_and_tells_the_watcher_to_close(tmp_path: Path) -> None:
    plan = make_plan({"data.name": ["digits", "mnist"]}, data__train=100)
    options = Options(data_dir=tmp_path / "no data")
    notes = Notes()
    folder = ResultsFolder(tmp_path / "out", plan, "sweep")
    with folder, pytest.raises(DatasetError, match="no data"):
        train_plan(folder, options, notes)
    assert notes.closed == 1
    assert (tmp_path / "out" / "metrics.csv").exists()


def test_every_run_is_told_of_once_and_equal_to_the_journal(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1.0, 0.5, 0.25]})
    with ResultsFolder(tmp_path, plan, "sweep") as folder:
        results = train_plan(folder, Options(EngineChoice("local", 2)), notes := Notes())
    assert {end.run: end for end in notes.ends} == results.runs == load_results(tmp_path).runs
    assert len(notes.ends) == 3
    assert bits(results.runs).keys() == plan.runs.keys()


def test_signals_set_the_flag_once_and_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    stop = threading.Event()
    with signals(stop) as caught:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            signal.raise_signal(number)
        assert stop.is_set()
        assert caught[0] == signal.SIGTERM
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_within_a_signal_does_not_wait_for_itself() -> None:
    class Impatient(threading.Event):
        entered = 0

        def set(self) -> None:
            self.entered += 1
            assert self.entered == 1, "the lock inside is held already"
            signal.raise_signal(signal.SIGINT)
            super().set()

    stop = Impatient()
    with signals(stop):
        signal.raise_signal(signal.SIGINT)
    assert stop.is_set()


def test_a_signal_while_examples_are_decoded_tidies_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan({"init.scale": [1.0, 0.1]})
    tidied = []

    @contextlib.contextmanager
    def decoding(*_: Any) -> Iterator[None]:
        try:
            signal.raise_signal(signal.SIGTERM)
            yield
        finally:
            tidied.append(True)

    monkeypatch.setattr(driver, "shared_examples", decoding)
    with (
        ResultsFolder(tmp_path / "results", plan, "sweep") as folder,
        pytest.raises(InterruptedRunError, match="the same command again") as caught,
    ):
        train_plan(folder, Options(EngineChoice("local", 2)), Watcher())
    assert caught.value.exit_code == 143
    assert tidied == [True]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert (tmp_path / "results" / "runs.csv").exists()


def test_an_ignored_signal_stays_ignored() -> None:
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        stop = threading.Event()
        with signals(stop) as caught:
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
            assert not stop.is_set()
            signal.raise_signal(signal.SIGTERM)
        assert stop.is_set() and caught == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGINT, old)


def test_a_folder_set_aside_and_cells_of_earlier_sweeps_are_said_aloud(tmp_path: Path) -> None:
    said = []
    for scales, fresh in (([1.0, 0.1], False), ([0.5], False), ([0.5], True)):
        watcher = Notes()
        plan = make_plan({"init.scale": scales}, training__epochs=1)
        with ResultsFolder(tmp_path / "out", plan, "sweep", fresh=fresh) as folder:
            train_plan(folder, Options(), watcher)
        said.append(watcher.notes)
    assert said[0] == []
    assert said[1][0].startswith(f"{tmp_path / 'out'} holds 2 cells of earlier sweeps, too")
    assert said[2] == [f"older results were set aside as {tmp_path / 'out.1'}"]


def test_nothing_is_kept_of_data_that_turn_out_wrong(
    tmp_path: Path, mini_mnist: Any, data_cache: Path
) -> None:
    """The first examples are right, so training can begin; the last one is not."""
    mini_mnist.write(data_cache / "mnist", zipped=False)
    images = data_cache / "mnist" / "train-images-idx3-ubyte"
    content = images.read_bytes()
    images.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    plan = make_plan(
        data={"name": "mnist", "train": 2},
        network={"layers": [3]},
        training={"epochs": 1, "batch_size": 2},
        evaluate={"at": "epoch_end", "train": "all", "test": "none"},
    )
    with (
        ResultsFolder(tmp_path / "out", plan, "sweep") as folder,
        pytest.raises(DatasetError, match="its content has MD5"),
    ):
        train_plan(folder, Options(), Watcher())
    assert load_results(tmp_path / "out").runs == {}


def test_no_checkpoint_is_kept_of_data_that_turn_out_wrong(
    tmp_path: Path, mini_mnist: Any, data_cache: Path
) -> None:
    """As after a kill of the driver before it had verified them."""
    mini_mnist.write(data_cache / "mnist", zipped=False)
    images = data_cache / "mnist" / "train-images-idx3-ubyte"
    content = images.read_bytes()
    plan = make_plan(
        data={"name": "mnist", "train": 2},
        network={"layers": [3]},
        training={"epochs": 3, "batch_size": 2},
        evaluate={"at": "epoch_end", "train": "all", "test": "none"},
    )
    (stack,) = cut_stacks(plan.runs.values(), jobs=1)
    workplace = Workplace(None, tmp_path / "kept", checkpoint_seconds=0, verified=True)

    def train() -> None:
        for _ in work_on(stack, workplace, DataShelf(), Flags()):
            pass

    images.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DatasetError, match="its content has MD5"):
        train()
    assert read_epochs(tmp_path / "kept") == {}
    images.write_bytes(content)
    train()
    assert set(read_epochs(tmp_path / "kept")) == set(plan.runs)
