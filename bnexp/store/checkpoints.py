"""Checkpoints: runs at the end of an epoch, so that a kill costs seconds.

One file holds what a stack's runs had at one moment, but each run can be read by itself: stacks may
be cut differently when work goes on. The first line is an entry as in the journal: facts and
records of each run, and where its arrays stand in the bytes that follow, each with a checksum. A
file that is damaged is ignored: its runs start again from an older checkpoint or from the
beginning, with the same bits in the end.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.errors import OutputError
from bnexp.files import atomic_file, writing
from bnexp.records import Record, RunState
from bnexp.store.journal import decode_entry, encode_entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUFFIX = ".checkpoint"
_Header = dict[str, dict[str, Any]]


def write_states(folder: Path, states: Mapping[str, RunState]) -> None:
    """Write the states of runs that are at the same epoch. Raises OutputError."""
    path = folder / (_checksum(" ".join(sorted(states)).encode()) + _SUFFIX)
    header: _Header = {}
    contents: list[bytes] = []
    place = 0
    for run, state in states.items():
        arrays = {}
        for name, array in state.arrays.items():
            contents.append(array.tobytes())
            arrays[name] = [array.dtype.str, place, len(contents[-1]), _checksum(contents[-1])]
            place += len(contents[-1])
        header[run] = {
            "epoch": state.epoch,
            "seconds": state.seconds,
            "fingerprint": list(state.fingerprint),
            "records": [record.to_json() for record in state.records],
            "arrays": arrays,
        }
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            file.write(encode_entry({"runs": header}))
            file.writelines(contents)


def read_epochs(folder: Path) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return for each run with a checkpoint the epochs it has completed and its fingerprints."""
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for _, header in _files(folder):
        for run, facts in header.items():
            if run not in found or facts["epoch"] > found[run][0]:
                found[run] = (facts["epoch"], tuple(facts["fingerprint"]))
    return found


def read_states(folder: Path, runs: Collection[str]) -> dict[str, RunState]:
    """Return the latest state of each of these runs that has a checkpoint.

    The states need not be at the same epoch.
    """
    states: dict[str, RunState] = {}
    for path, header in _files(folder):
        newer = [
            run
            for run in runs
            if run in header and (run not in states or header[run]["epoch"] > states[run].epoch)
        ]
        if newer:
            states.update(_read_arrays(path, newer))
    return states


def discard_finished(folder: Path, finished: Collection[str]) -> None:
    """Delete the checkpoints that no unfinished run needs, and those that cannot be read."""
    for path, header in _files(folder):
        if all(run in finished for run in header):
            path.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[Path, _Header]]:
    """Yield every file with its header, empty when it is damaged."""
    for path in sorted(folder.glob("*" + _SUFFIX)):
        line = None
        with _reading(path), path.open("rb") as file:
            line = file.readline()
        if line is not None:
            yield path, _header(line)


def _header(line: bytes) -> _Header:
    header: _Header = (decode_entry(line) or {}).get("runs", {})
    return header


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError, but for a file that the driver has just deleted."""
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error


def _read_arrays(path: Path, runs: Sequence[str]) -> dict[str, RunState]:
    """Read these runs of a file; none when any of them is damaged, for they belong together."""
    line = data = b""
    with _reading(path):
        line, _, data = path.read_bytes().partition(b"\n")
    header = _header(line)  # again, for the file may be another by now
    states: dict[str, RunState] = {}
    for run in runs:
        if run not in header:
            return {}
        facts = header[run]
        arrays = {name: _array(data, *where) for name, where in facts["arrays"].items()}
        if any(array is None for array in arrays.values()):
            return {}
        states[run] = RunState(
            epoch=facts["epoch"],
            arrays={name: array for name, array in arrays.items() if array is not None},
            records=tuple(Record.from_json(row) for row in facts["records"]),
            seconds=facts["seconds"],
            fingerprint=tuple(facts["fingerprint"]),
        )
    return states


def _array(data: bytes, dtype: str, place: int, size: int, checksum: str) -> NDArray[Any] | None:
    import numpy as np

    content = data[place : place + size]
    if _checksum(content) != checksum:
        return None
    array: NDArray[Any] = np.frombuffer(content, dtype).copy()
    return array


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
