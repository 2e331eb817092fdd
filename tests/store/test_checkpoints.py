from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnexp.errors import OutputError
from bnexp.records import Record, RunState
from bnexp.store.checkpoints import discard_finished, read_epochs, read_states, write_states


def make_state(seed: int, epoch: int = 3, dtype: Any = np.float32, size: int = 40) -> RunState:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(size).astype(dtype)
    theta[:4] = [np.nan, -np.inf, -0.0, np.finfo(dtype).tiny / 8]
    return RunState(
        epoch=epoch,
        arrays={"theta": theta, "stats": theta[:0], "running": rng.random(3), "velocity": -theta},
        records=(Record(1, 6, {"train_loss": 0.1}), Record(2, 12, {"train_loss": 1 / 3})),
        seconds=0.1 + seed,
        fingerprint=("numpy 1, here", "numpy 2, there"),
    )


def exact(state: RunState) -> object:
    arrays = {name: (a.dtype, a.shape, a.tobytes()) for name, a in state.arrays.items()}
    return replace(state, arrays={}), arrays


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_states_come_back_bit_for_bit(tmp_path: Path, dtype: Any) -> None:
    states = {f"run{seed}": make_state(seed, dtype=dtype) for seed in range(3)}
    write_states(tmp_path / "new" / "folder", states)
    back = read_states(tmp_path / "new" / "folder", [*states, "unknown"])
    assert {run: exact(state) for run, state in back.items()} == {
        run: exact(state) for run, state in states.items()
    }
    assert all(array.flags.writeable for state in back.values() for array in state.arrays.values())


def test_each_run_is_read_by_itself_and_the_latest_counts(tmp_path: Path) -> None:
    write_states(tmp_path, {"a": make_state(1, epoch=2), "b": make_state(2, epoch=2)})
    write_states(tmp_path, {"a": make_state(3, epoch=4)})
    write_states(tmp_path, {"b": make_state(4, epoch=1)})
    assert {run: epoch for run, (epoch, _) in read_epochs(tmp_path).items()} == {"a": 4, "b": 2}
    states = read_states(tmp_path, ["a", "b"])
    assert exact(states["a"]) == exact(make_state(3, epoch=4))
    assert exact(states["b"]) == exact(make_state(2, epoch=2))
    assert read_epochs(tmp_path)["a"][1] == ("numpy 1, here", "numpy 2, there")


def test_a_stack_replaces_its_own_checkpoint(tmp_path: Path) -> None:
    for epoch in (1, 2):
        write_states(tmp_path, {"a": make_state(1, epoch), "b": make_state(2, epoch)})
    assert len(list(tmp_path.iterdir())) == 1
    assert read_states(tmp_path, ["a"])["a"].epoch == 2


def test_a_file_damaged_at_any_place_is_ignored(tmp_path: Path) -> None:
    states = {run: make_state(seed, size=5) for seed, run in enumerate("ab")}
    write_states(tmp_path, states)
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    flipped = [
        data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :] for place in range(len(data))
    ]
    torn = [data[:end] for end in range(0, len(data), 4)]
    for damaged in [*flipped, *torn, b"\0" * len(data)]:
        path.write_bytes(damaged)
        assert read_states(tmp_path, states) == {}
        assert {epoch for epoch, _ in read_epochs(tmp_path).values()} <= {3}


def test_where_the_newest_file_is_damaged_an_older_one_counts(tmp_path: Path) -> None:
    write_states(tmp_path, {"a": make_state(1, epoch=2), "b": make_state(2, epoch=2)})
    old = set(tmp_path.iterdir())
    write_states(tmp_path, {"a": make_state(3, epoch=4)})
    (new,) = set(tmp_path.iterdir()) - old
    new.write_bytes(new.read_bytes()[:-9] + b"\0" * 9)
    assert read_states(tmp_path, ["a"])["a"].epoch == 2


def test_files_are_discarded_when_nobody_needs_or_can_read_them(tmp_path: Path) -> None:
    write_states(tmp_path, {"a": make_state(1), "b": make_state(2)})
    write_states(tmp_path, {"c": make_state(3)})
    (tmp_path / "0000.checkpoint").write_bytes(b"rubbish")
    discard_finished(tmp_path, {"a", "c"})
    assert read_states(tmp_path, "abc").keys() == {"a", "b"}
    assert len(list(tmp_path.iterdir())) == 1
    discard_finished(tmp_path, {"a", "b"})
    assert list(tmp_path.iterdir()) == []
    discard_finished(tmp_path / "missing", {"a"})


def test_a_file_that_the_driver_deletes_meanwhile_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_states(tmp_path, {"a": make_state(1)})
    found = [*tmp_path.iterdir(), tmp_path / "gone.checkpoint"]
    monkeypatch.setattr(Path, "glob", lambda *_: iter(found))
    assert read_states(tmp_path, ["a"]).keys() == {"a"}
    assert read_epochs(tmp_path).keys() == {"a"}
    discard_finished(tmp_path, {"a"})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_states(tmp_path / "file", {"a": make_state(1)})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
