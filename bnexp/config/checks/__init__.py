"""The rules between the keys of one config: what each key allows alone is in the schema.

A conflict names the keys that make it, the one to change first, so that a file can show the place.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnexp.config.checks.conflict import Conflict
from bnexp.config.checks.data import find_data_conflicts, find_path_conflicts
from bnexp.config.checks.network import find_network_conflicts
from bnexp.config.checks.search import find_search_conflicts
from bnexp.config.checks.training import find_batch_conflicts, find_training_conflicts
from bnexp.config.checks.whole import find_whole_conflicts, recorded_metrics
from bnexp.config.network import facts_of, train_size
from bnexp.config.schema import Config
from bnexp.errors import DatasetError

__all__ = [
    "Conflict",
    "find_conflicts",
    "find_search_conflicts",
    "find_whole_conflicts",
    "recorded_metrics",
]


def find_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of what one config trains (not of its sweep or plot).

    A user's own files that cannot be read are no mistake of the config: rules that need them wait
    until it is planned.
    """
    yield from find_training_conflicts(config)
    paths = list(find_path_conflicts(config))
    yield from paths
    if paths:
        return
    try:
        facts_of(config.data)
    except DatasetError:
        return
    yield from find_data_conflicts(config)
    yield from find_network_conflicts(config)
    if train_size(config) > 0:
        yield from find_batch_conflicts(config)
