"""What ``import bnexp`` offers: load a config, run it, sweep it, read the results, draw them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from bnexp.config import Config, load_sweep
from bnexp.driver import Options, Watcher, train_plan
from bnexp.environment import available_cores
from bnexp.errors import ConfigError
from bnexp.plan import Plan, plan_run, plan_sweep
from bnexp.store.folder import ResultsFolder, folder_for
from bnexp.store.results import Results


def run(
    config: Config | str | PathLike[str],
    *,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    output: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    fresh: bool = False,
    strict: bool = False,
    watcher: Watcher | None = None,
) -> Results:
    """Train one config in this process and return its results; what is finished is not repeated.

    ``overrides`` are texts such as ``"optimizer.lr=0.1"``. Results go to ``output``, by default
    ``results/<name>-<hash>`` in the working folder. Raises ConfigError, DatasetError, ResultsError,
    OutputError, and InterruptedRunError after Ctrl-C (nothing finished is lost).
    """
    loaded = load_sweep(config, overrides=overrides, seed=seed)
    options = Options(data_dir=_path(data_dir), strict=strict)
    return _train(plan_run(loaded), "run", options, output, fresh, watcher)


def sweep(
    config: Config | str | PathLike[str] | None = None,
    *,
    axes: Mapping[str, str | Sequence[Any]] | None = None,
    weights: str | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    jobs: int | None = None,
    output: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    fresh: bool = False,
    strict: bool = False,
    watcher: Watcher | None = None,
) -> Results:
    """Train all cells of a sweep on worker processes and return their results.

    ``axes`` maps config keys to values or to a SPEC such as ``"logspace(0, -4, 16)"``; ``weights``
    is the SPEC of ``init.scale``. ``jobs`` is the number of workers (default: the cores available;
    0 trains in this process). No ``__main__`` guard is needed. For the rest, and for what is
    raised, see ``run``.
    """
    texts = [f"{key}={_spec(values)}" for key, values in (axes or {}).items()]
    loaded = load_sweep(
        config, axes=texts, weights=weights, seeds=seeds, seed=seed, overrides=overrides
    )
    workers = available_cores() if jobs is None else jobs
    options = Options(jobs=workers, data_dir=_path(data_dir), strict=strict)
    return _train(plan_sweep(loaded), "sweep", options, output, fresh, watcher)


def _train(
    plan: Plan,
    command: str,
    options: Options,
    output: str | PathLike[str] | None,
    fresh: bool,
    watcher: Watcher | None,
) -> Results:
    path = Path(output) if output else folder_for(plan.config, command)
    with ResultsFolder(path, plan, command, fresh=fresh) as folder:
        return train_plan(folder, options, watcher or Watcher())


def _path(path: str | PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path)


def _spec(values: str | Sequence[Any]) -> str:
    """Write values as the SPEC that the command line would have."""
    if isinstance(values, str):
        return values
    try:
        return json.dumps([_plain(value) for value in values])
    except TypeError as error:
        raise ConfigError(f"axis values {values!r}: {error}") from None


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's."""
    return value.item() if hasattr(value, "item") else value
