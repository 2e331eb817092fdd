"""Which engine trains: a name, and what each makes of the options.

Another engine is a file of its own with ``jobs`` and ``train`` as in ``Engine``, and a name here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bnexp.engines.base import Workplace
from bnexp.engines.names import ENGINES
from bnexp.environment import available_cores
from bnexp.errors import ConfigError, not_known

if TYPE_CHECKING:
    from bnexp.engines.base import Engine
    from bnexp.engines.crew import Crew

_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}")


@dataclass(frozen=True)
class EngineChoice:
    """An engine's name, for how many workers, and the address of a cluster that is there already.

    ``jobs`` is 0 in this process, and where a cluster is to be used as large as it is.
    """

    name: str = "inline"
    jobs: int = 0
    address: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether everything is trained on this machine, where the driver has the data."""
        return self.address is None


def choose_engine(
    name: str | None, jobs: int | None, address: str | None, *, default: EngineChoice
) -> EngineChoice:
    """Return what a user asked for, ``default`` where nothing was named. Raises ConfigError."""
    if name is not None and name not in ENGINES:
        raise ConfigError(f"engine: {not_known(name, ENGINES)}")
    if jobs is not None and (not isinstance(jobs, int) or jobs < 0):
        raise ConfigError(f"jobs: {jobs}; allowed: workers from 1 on, or 0: train in this process")
    if name == "dask" or address is not None:
        _check_cluster(name, address)
    if name is None and jobs is None:
        return default
    if name is None:
        name = "local" if jobs else "inline"
    if name == "inline":
        if jobs:
            raise ConfigError(
                f"jobs: {jobs}; the engine inline trains in this process, leave it out"
            )
        return EngineChoice(name)
    if jobs == 0:
        raise ConfigError(f"jobs: 0; allowed for the engine {name}: workers from 1 on")
    return EngineChoice(name, jobs or (0 if address else available_cores()), address)


def _check_cluster(name: str | None, address: str | None) -> None:
    """Refuse, before anything is written, what cannot be reached by any means."""
    if name != "dask":
        raise ConfigError(
            f"address: {address!r} is that of a Dask cluster; name the engine, too: dask"
        )
    if address is not None and not _ADDRESS.fullmatch(address):
        raise ConfigError(
            f"address: {address!r} is not allowed; allowed: the address of a Dask scheduler, such "
            "as tcp://127.0.0.1:8786"
        )
    if importlib.util.find_spec("distributed") is None:
        raise ConfigError(
            "the engine dask needs dask.distributed, which is not installed: "
            "pip install distributed"
        )


@contextlib.contextmanager
def open_engine(
    choice: EngineChoice,
    workplace: Workplace,
    stop: threading.Event,
    *,
    strict: bool,
    crew: Crew | None = None,
) -> Iterator[Engine]:
    """Have an engine ready to train while inside, or one that does nothing when ``stop`` is set.

    Worker processes on this machine come from ``crew``, where there is one. Raises ClusterError.
    """
    if choice.name == "inline":
        from bnexp.engines.inline import InlineEngine

        yield InlineEngine(workplace)
    elif choice.name == "local":
        from bnexp.engines.local import LocalEngine

        yield LocalEngine(workplace, jobs=choice.jobs, crew=crew)
    else:
        from bnexp.engines.dask.engine import open_dask

        with open_dask(
            workplace, stop, jobs=choice.jobs, address=choice.address, strict=strict
        ) as engine:
            yield engine
