"""Conflicts of a search: with what is recorded, between sampler, pruner and ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bnexp.config.checks.conflict import Conflict
from bnexp.config.checks.whole import recorded_metrics
from bnexp.config.network import evaluated_validation
from bnexp.config.ranges import range_of
from bnexp.config.schema import Config, DenseLayer

_SHAPE = ("network.depth", "network.width")


def find_search_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of the search of a config; of one that searches nothing there are few."""
    search = config.search
    if not search.space:
        return
    yield from _objective_conflicts(config)
    yield from _sampler_conflicts(config)
    yield from _halving_conflicts(config)
    yield from _shape_conflicts(config)


def grid_size(config: Config) -> int | None:
    """Return the number of points of the searched grid; None where a range is a continuum."""
    points = [range_of(said).points for said in config.search.space.values()]
    if any(values is None for values in points):
        return None
    return math.prod(len(values) for values in points if values is not None)


def _objective_conflicts(config: Config) -> Iterator[Conflict]:
    objective, recorded = config.search.objective, recorded_metrics(config)
    keys: tuple[str, ...] = ("search.objective", "data.validation", "evaluate.validation")
    if objective in recorded:
        return
    if objective.startswith("val") and not config.data.validation:
        what = (
            f"{objective} needs validation examples; set data.validation, such as 0.2 (or name "
            "another objective; the test set is for the final report, not for choosing)"
        )
        yield Conflict(keys, what)
        return
    what = f"{objective} is not recorded; allowed: {', '.join(recorded)} (evaluate decides)"
    yield Conflict((*keys, "evaluate.train", "evaluate.test"), what)


def _sampler_conflicts(config: Config) -> Iterator[Conflict]:
    search = config.search
    if search.sampler not in ("grid", "random-grid"):
        return
    for key, said in search.space.items():
        if range_of(said).points is None:
            what = (
                f"{key} has no grid: {said} is a continuum; give logspace, linspace, int or a "
                "list, or set search.sampler: random"
            )
            yield Conflict(("search.space", "search.sampler"), what)
            return
    size = grid_size(config) or 0
    if search.sampler == "grid" and search.trials is not None:
        what = "a grid tries all its points; leave it out, or set search.sampler: random-grid"
        yield Conflict(("search.trials", "search.sampler"), what)
    elif search.sampler == "grid" and size > 10_000:
        what = f"{size:,} points are too many; allowed: 10,000, or search.sampler: random-grid"
        yield Conflict(("search.space", "search.sampler"), what)
    elif search.sampler == "random-grid" and (search.trials or 0) > size:
        what = f"{search.trials:,} trials, but the grid has {size:,} points; allowed: 1 to {size:,}"
        yield Conflict(("search.trials", "search.space", "search.sampler"), what)


def _halving_conflicts(config: Config) -> Iterator[Conflict]:
    search, epochs = config.search, config.training.epochs
    if search.pruner == "none":
        return
    if search.sampler == "tpe":
        what = (
            "halving ranks all trials together, and tpe asks for them one after the other; "
            "set one of search.sampler: random and search.pruner: none"
        )
        yield Conflict(("search.pruner", "search.sampler"), what)
    asked = {
        "train": config.evaluate.train,
        "val": evaluated_validation(config),
        "test": config.evaluate.test,
    }
    part = search.objective.partition("_")[0]
    if asked.get(part) == "last":
        what = f"halving compares {search.objective} on the way; it is measured at the end only"
        keys = {"train": "evaluate.train", "val": "evaluate.validation", "test": "evaluate.test"}
        yield Conflict(("search.pruner", keys[part]), f"{what}; set {keys[part]}: all")
    if search.rungs == "auto":
        return
    rungs = list(search.rungs)
    if rungs != sorted(set(rungs)):
        yield Conflict(("search.rungs",), "epochs must rise from one rung to the next")
    elif rungs[-1] >= epochs:
        what = f"{rungs[-1]:,} leaves nothing to prune of {epochs:,} epochs"
        yield Conflict(("search.rungs", "training.epochs"), f"{what}; allowed: 1 to {epochs - 1:,}")


def _shape_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of depth and width with the layers that they stand for."""
    searched = [key for key in _SHAPE if key in config.search.space]
    if not searched:
        return
    if "network.layers" in config.search.space:
        what = f"{searched[0]} and network.layers are both searched; leave one of them out"
        yield Conflict(("search.space",), what)
        return
    layers = config.network.layers
    dense = all(isinstance(layer, DenseLayer) for layer in layers)
    keys = ("search.space", "network.layers")
    if not layers or not dense:
        what = f"{searched[0]} is for networks of dense layers; search network.layers, a list each"
        yield Conflict(keys, what)
    elif "network.depth" in searched and not _repeatable(config):
        what = "network.depth repeats one layer, and network.layers has different ones"
        yield Conflict(keys, f"{what}; make them alike, or search network.layers")


def _repeatable(config: Config) -> bool:
    """Whether all layers are alike, but for their units where the width is searched, too."""
    layers = config.network.layers
    if "network.width" in config.search.space:
        layers = tuple(layer.model_copy(update={"dense": 1}) for layer in layers)
    return len(set(layers)) == 1
