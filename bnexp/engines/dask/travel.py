"""What changes on the way between the driver and workers elsewhere: paths, versions, errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bnexp.describe import DatasetFacts
from bnexp.engines.base import Workplace
from bnexp.engines.dask.books import Work
from bnexp.engines.dask.session import Task
from bnexp.environment import fingerprint
from bnexp.errors import BnexpError, ClusterError, ConfigError, ResultsError
from bnexp.plan.work import Run
from bnexp.store.checkpoints import read_states
from bnexp.version import __version__


def pack(work: Work, workplace: Workplace, facts: DatasetFacts) -> Task:
    """Return a stack as it is sent to a worker: with its latest states, and its data's facts."""
    stack, folder = work.stack, workplace.checkpoints
    ids = [run.id for run in stack.runs]
    states = read_states(folder, ids) if folder else {}
    for run in work.states.keys() & ids:
        if run not in states or states[run].epoch < work.states[run].epoch:
            states[run] = work.states[run]
    runs = tuple(anywhere(run) for run in stack.made().runs)
    # The worker verifies its own files.
    place = replace(workplace, checkpoints=None, verified=True)
    return Task(replace(stack, runs=runs), place, states, facts)


def anywhere(run: Run) -> Run:
    """Name a user's own data by absolute paths: a worker's working folder is another."""
    data = run.config.data
    if not data.is_own:
        return run
    paths = {"path": data.path, "test_path": data.test_path}
    here = {name: str(Path(path).absolute()) for name, path in paths.items() if path}
    config = run.config.model_copy(update={"data": data.model_copy(update=here)})
    return replace(run, base=config, values=None)


def other_versions(address: str, version: str, marks: str, *, strict: bool) -> str:
    """Return what to say of a worker's versions, nothing where they are those of the driver.

    Raises ConfigError for another bnexp, which may mean something else by the same run, and under
    ``strict`` ResultsError for whatever may change the last bits.
    """
    if version != __version__:
        raise ConfigError(
            f"the worker at {address} has bnexp {version}, this is {__version__}; install the "
            "same version on both"
        )
    here = fingerprint()
    if marks == here:
        return ""
    message = (
        f"the worker at {address} has {marks}; this is {here}. Runs trained there may differ from "
        "those trained here in the last bits"
    )
    if strict:
        raise ResultsError(message + ", which --strict refuses")
    return message + "; each run's line in the journal records its versions."


def of_worker(error: BnexpError, address: str) -> BnexpError:
    """Name the worker in an error that it reported."""
    return type(error)(f"on the worker at {address}: {error}")


def explain(error: BaseException, who: str) -> BnexpError:
    """Say what an error of Dask's, or of a worker without bnexp, means."""
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, ImportError):
        return ConfigError(
            f"{who} cannot load bnexp ({reason}); install bnexp {__version__} there, beside the "
            "same NumPy"
        )
    return ClusterError(f"{who} failed: {reason}")
