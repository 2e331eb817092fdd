"""Checkpoints: runs at the end of an epoch, so that a kill costs seconds.

One file holds what a stack's runs had at one moment, but each run can be read by itself: stacks may
be cut differently when work goes on. A file that is damaged is ignored: its runs start again from
an older checkpoint or from the beginning, with the same bits in the end.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.errors import OutputError
from bnexp.files import atomic_file, writing
from bnexp.records import Record, RunState

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUFFIX = ".npz"
_HEADER = "header.json"


def write_states(folder: Path, states: Mapping[str, RunState]) -> None:
    """Write the states of runs that are at the same epoch. Raises OutputError."""
    import numpy as np

    path = folder / (hashlib.sha256(" ".join(sorted(states)).encode()).hexdigest()[:16] + _SUFFIX)
    header = {run: _header(state) for run, state in states.items()}
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_HEADER, json.dumps(header))
            for run, state in states.items():
                for name, array in state.arrays.items():
                    with archive.open(f"{run}/{name}", "w") as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)


def read_epochs(folder: Path) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return for each run with a checkpoint the epochs it has completed and its fingerprints."""
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for _, header in _headers(folder):
        for run, facts in header.items():
            if run not in found or facts["epoch"] > found[run][0]:
                found[run] = (facts["epoch"], tuple(facts["fingerprint"]))
    return found


def read_states(folder: Path, runs: Collection[str]) -> dict[str, RunState]:
    """Return the latest state of each of these runs that has a checkpoint."""
    states: dict[str, RunState] = {}
    for path, header in _headers(folder):
        newer = [
            run
            for run in runs
            if run in header and (run not in states or header[run]["epoch"] > states[run].epoch)
        ]
        states.update(_read(path, header, newer))
    return states


def discard_finished(folder: Path, finished: Collection[str]) -> None:
    """Delete the checkpoints that no unfinished run needs."""
    for path, header in _headers(folder):
        if all(run in finished for run in header):
            path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _header(state: RunState) -> dict[str, Any]:
    return {
        "epoch": state.epoch,
        "seconds": state.seconds,
        "fingerprint": list(state.fingerprint),
        "records": [record.to_json() for record in state.records],
        "arrays": sorted(state.arrays),
    }


def _headers(folder: Path) -> Iterable[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.glob("*" + _SUFFIX)):
        try:
            with zipfile.ZipFile(path) as archive:
                yield path, json.loads(archive.read(_HEADER))
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError):
            continue
        except OSError as error:
            raise OutputError(f"{path}: cannot be read: {error.strerror}") from error


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    import numpy as np

    with archive.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _read(path: Path, header: Mapping[str, Any], runs: Iterable[str]) -> dict[str, RunState]:
    states: dict[str, RunState] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for run in runs:
                facts = header[run]
                arrays = {name: _array(archive, f"{run}/{name}") for name in facts["arrays"]}
                states[run] = RunState(
                    epoch=facts["epoch"],
                    arrays=arrays,
                    records=tuple(Record.from_json(row) for row in facts["records"]),
                    seconds=facts["seconds"],
                    fingerprint=tuple(facts["fingerprint"]),
                )
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError):
        return {}
    return states
