"""The data of runs, as the driver sees to them for all workers of its machine.

They are here before any worker starts, verified once, and decoded once where they are large.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bnexp.config.network import facts_of
from bnexp.config.schema import Config
from bnexp.data.files import ensure_data, verify_data
from bnexp.describe import DataSpec
from bnexp.engines.base import needed_examples
from bnexp.plan import Run, first_of_each


def get_data(runs: Sequence[Run], data_dir: Path | None, *, notify: Callable[[str], None]) -> None:
    """Have all files here that runs need: downloaded once, and with a bar.

    Raises DatasetError.
    """
    for _, spec in _wanted(runs):
        ensure_data(spec, data_dir=data_dir, notify=notify, progress=True)


def verifier(runs: Sequence[Run], data_dir: Path | None) -> Callable[[], None]:
    """Return what verifies the files that runs need, with DatasetError where they are others."""
    wanted = [(spec, facts_of(config.data)) for config, spec in _wanted(runs)]

    def verify() -> None:
        for spec, facts in wanted:
            verify_data(spec, facts, data_dir=data_dir)

    return verify


@contextlib.contextmanager
def shared_examples(runs: Sequence[Run], data_dir: Path | None) -> Iterator[Path | None]:
    """Decode examples that are too many for every worker to have its own; yield their folder."""
    # Here, since they take NumPy, which a driver with workers does without.
    from bnexp.data.prepare import is_large
    from bnexp.data.share import shared_rows

    configs = [run.config for run in first_of_each(runs).values()]
    asked = {(needed_examples(config), config.training.dtype) for config in configs}
    large = {spec for spec, dtype in asked if is_large(spec, dtype)}
    with shared_rows(large, data_dir=data_dir) as folder:
        yield folder


def _wanted(runs: Sequence[Run]) -> list[tuple[Config, DataSpec]]:
    """Return the datasets that runs need, each once, with test examples if any run needs them."""
    needs: dict[object, tuple[Config, DataSpec]] = {}
    for run in first_of_each(runs).values():
        config = run.config
        spec = needed_examples(config)
        key = (spec.name, spec.path, spec.test_path)
        if key not in needs or spec.test:
            needs[key] = config, spec
    return list(needs.values())
