"""What ``import bnexp`` offers: load a config, run it, sweep it, read the results, draw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, SupportsIndex

from bnexp.config import Config, load_run, load_search, load_sweep
from bnexp.config.given import spec_text
from bnexp.config.sweep import pairs_of
from bnexp.driver import Options, Watcher, train_plan
from bnexp.engines import EngineChoice, choose_engine
from bnexp.engines.crew import shared_crew
from bnexp.environment import available_cores
from bnexp.errors import ConfigError, not_known
from bnexp.plan import Plan, plan_run, plan_sweep, step_seconds
from bnexp.searching import train_search
from bnexp.store.find import folder_for
from bnexp.store.folder import RERUNS, Rerun, ResultsFolder
from bnexp.store.results import Results
from bnexp.store.search import SearchResults

#: Seconds; a signal is answered between two steps.
_LONG_STEP = 0.5


def run(
    config: Config | Mapping[str, Any] | str | PathLike[str],
    *,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    engine: str | None = None,
    address: str | None = None,
    output: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    fresh: bool = False,
    rerun: Rerun | None = None,
    strict: bool = False,
    watcher: Watcher | None = None,
) -> Results:
    """Train one config and return its results; what is finished is not repeated.

    It is trained in this process, or on a worker where a single step takes long; ``engine`` and
    ``address`` are as for ``sweep``.

    ``config`` is a ``Config``, the path of a YAML file, or a mapping of what such a file says; its
    sweep is left out. ``overrides`` are texts such as ``"optimizer.lr=0.1"``. Results go to
    ``output``, by default ``results/<name>-<hash>`` in the working folder; ``fresh`` sets an older
    folder aside under a numbered name. ``rerun`` ("failed", "diverged" or "all") trains such runs
    again, although they are finished; a run that failed is trained again anyway. ``data_dir`` is
    where datasets are looked for first. ``strict`` refuses to go on from work of other versions.
    ``watcher`` is told of progress; without one nothing is printed.

    A run that diverges, or fails, is in the results with that status. Raises ConfigError,
    DatasetError, ResultsError (the folder is in use, damaged, or another question's), OutputError,
    and InterruptedRunError after Ctrl-C or SIGTERM: nothing finished is lost, and the same call
    goes on from there.
    """
    plan = plan_run(load_run(config, overrides=_texts(overrides), seed=_number(seed)))
    # A step that takes long cannot be stopped in this process: a worker can.
    long = step_seconds(plan.config) > _LONG_STEP
    usual = EngineChoice("local", 1) if long else EngineChoice()
    jobs = None if engine is None or engine == "inline" or address else 1
    choice = choose_engine(engine, jobs, address, default=usual)
    options = Options(engine=choice, data_dir=_path(data_dir), strict=strict)
    return _train(plan, "run", options, output, watcher, fresh=fresh, rerun=rerun)


def sweep(
    config: Config | Mapping[str, Any] | str | PathLike[str] | None = None,
    *,
    axes: Mapping[str, str | Iterable[Any]] | None = None,
    weights: str | Iterable[float] | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    jobs: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    output: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    fresh: bool = False,
    rerun: Rerun | None = None,
    strict: bool = False,
    watcher: Watcher | None = None,
) -> Results:
    """Train all cells of a sweep on worker processes and return their results.

    ``config`` is as for ``run``, or None for the built-in one (initial scales on the embedded
    digits), whose own axes give way to those named here. ``axes`` maps config keys to their values
    (a list, an array, a list of lists of layers) or to a SPEC such as ``"logspace(0, -4, 16)"``.
    ``weights`` are the values of ``init.scale``; where that is the only axis, batch norm is
    compared with none. Every cell is trained with ``seeds`` seeds from ``seed`` on. ``jobs`` is the
    number of workers (default: the cores available; 0 trains in this process). No ``__main__``
    guard is needed, and workers are kept for a minute, for a sweep that follows. ``engine`` is
    "local" (worker processes), "inline" (this process) or "dask": the cluster whose scheduler is at
    ``address``, on all of it unless ``jobs`` says how many stacks at once, or without an address
    one made here for the purpose.

    The results are those of the whole folder: cells of earlier sweeps of the same question are
    among them. For the rest, and for what is raised, see ``run``; ClusterError, too, where a
    cluster does not answer or is gone.
    """
    loaded = load_sweep(
        config,
        axes=[f"{key}={spec_text(key, values)}" for key, values in pairs_of("axes", axes)],
        weights=None if weights is None else spec_text("weights", weights),
        seeds=_number(seeds),
        seed=_number(seed),
        overrides=_texts(overrides),
    )
    options = _options(engine, jobs, address, data_dir, strict)
    return _train(plan_sweep(loaded), "sweep", options, output, watcher, fresh=fresh, rerun=rerun)


def search(
    config: Config | Mapping[str, Any] | str | PathLike[str],
    *,
    space: Mapping[str, str | Iterable[Any]] | None = None,
    sampler: str | None = None,
    trials: int | None = None,
    pruner: str | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    jobs: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    output: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    fresh: bool = False,
    strict: bool = False,
    watcher: Watcher | None = None,
) -> SearchResults:
    """Search the ranges of a config for its best values and return all trials.

    ``space`` maps keys to ranges such as ``"loguniform(1e-4, 1)"``, or to lists of values; they
    replace or join those of the config's ``search``. ``sampler``, ``trials`` and ``pruner`` replace
    what it says. More ``trials`` of the same search extend it. ``results.ranked`` holds the trials
    in order, ``results.best`` the values of the best one. For the rest, and for what is raised, see
    ``sweep``.
    """
    loaded = load_search(
        config,
        space=space,
        overrides=_texts(overrides),
        seed=_number(seed),
        sampler=sampler,
        trials=_number(trials),
        pruner=pruner,
    )
    options = _options(engine, jobs, address, data_dir, strict)
    path = Path(output) if output else folder_for(loaded, "search")
    return train_search(loaded, path, options, watcher or Watcher(), fresh=fresh)


def _options(
    engine: str | None,
    jobs: int | None,
    address: str | None,
    data_dir: str | PathLike[str] | None,
    strict: bool,
) -> Options:
    """Return where runs are trained: on worker processes, unless something else is asked for."""
    usual = EngineChoice("local", available_cores())
    choice = choose_engine(engine, _number(jobs), address, default=usual)
    return Options(engine=choice, data_dir=_path(data_dir), strict=strict, crew=shared_crew())


def _train(
    plan: Plan,
    command: str,
    options: Options,
    output: str | PathLike[str] | None,
    watcher: Watcher | None,
    *,
    fresh: bool,
    rerun: Rerun | None,
) -> Results:
    if rerun not in (None, *RERUNS):
        raise ConfigError(f"rerun: {not_known(rerun, RERUNS)}")
    path = Path(output) if output else folder_for(plan.config, command)
    with ResultsFolder(path, plan, command, fresh=fresh, rerun=rerun) as folder:
        return train_plan(folder, options, watcher or Watcher())


def _path(path: str | PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path)


def _texts(overrides: Sequence[str]) -> Sequence[str]:
    """Take a single text for a list of one: its letters are never meant."""
    return [overrides] if isinstance(overrides, str) else overrides


def _number(value: int | None) -> int | None:
    """Turn a whole number of NumPy's, which arises in notebooks, into one of Python's."""
    return int(value) if isinstance(value, SupportsIndex) else value
