"""What all runs of a figure have in common, in words: data, network, initial weights, norm.

A key that is swept is left out, since panels or arms show it. No matplotlib here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bnexp.config import facts_of, with_values
from bnexp.config.schema import Config, NetworkConfig, PoolLayer
from bnexp.describe import DatasetFacts
from bnexp.errors import BnexpError
from bnexp.plan import Cell, run_id
from bnexp.plots.layers import layers_text
from bnexp.plots.words import join_words, number_text, phrase
from bnexp.store.results import Results
from bnexp.trials.planning import trial_run

#: Most characters that the hidden layers take.
_LAYERS_WIDTH = 60


def fixed(results: Results, key: str) -> Any:
    """Return the value of a config key, or None where it is swept and so has many."""
    if key in results.axes:
        return None
    value: Any = results.config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def known_facts(results: Results) -> DatasetFacts | None:
    """Return the facts of the dataset, where there is one and it is still as it was.

    A user's own file may have gone since, or hold something else by now: None, as for a dataset
    that is swept.
    """
    data = results.config.data
    if results.axes.keys() & {"data.name", "data.path", "data.test_path"}:
        return None
    try:
        facts = facts_of(data)
        if data.is_own:
            for cell in (results.cells[0], results.cells[-1]):
                if _id_now(results.config, cell) != cell.run:
                    return None
    except BnexpError:
        return None
    return facts


def _id_now(config: Config, cell: Cell) -> str:
    """Return the id that a cell's run has with the files as they are."""
    if cell.trial is not None:
        return trial_run(config, dict(cell.values)).id
    return run_id(with_values(config, cell.values, cell.seed))


def data_words(
    results: Results, facts: DatasetFacts | None, metrics: Collection[str]
) -> tuple[str, ...]:
    """Name the dataset, how many examples of each part, and what was done to them."""
    data = results.config.data
    title = facts.title if facts else ""
    if not title and data.path and fixed(results, "data.path"):
        title = Path(data.path).name
    changes = []
    scaling = fixed(results, "data.standardize")
    if scaling is not None and scaling != ("none" if data.is_own else "unit"):
        changes.append(phrase("data.standardize", scaling))
    noise = fixed(results, "data.label_noise")
    if noise:
        changes.append(f"{number_text(100 * noise)} % of training labels wrong")
    if fixed(results, "augmentation.flip"):
        changes.append("random flips")
    shift = fixed(results, "augmentation.shift")
    if shift:
        changes.append(f"shifts of up to {shift} pixel" + ("s" if shift > 1 else ""))
    counts = _counts(results, facts, metrics)
    return ", ".join(filter(None, (title, counts))), ", ".join(changes)


def _counts(results: Results, facts: DatasetFacts | None, metrics: Collection[str]) -> str:
    """Say how many examples there are to train on, to validate with and to test on."""
    train, validation = fixed(results, "data.train"), fixed(results, "data.validation")
    test, tested = fixed(results, "data.test"), fixed(results, "evaluate.test")
    if train == "all":
        train = facts.train if facts else None
    if isinstance(validation, float):
        validation = None if train is None else max(1, round(validation * train))
    parts = []
    if train is not None and validation is not None:
        parts.append(f"{train - validation:,} training")
    if validation:
        parts.append(f"{validation:,} validation")
    if test == "all":
        test = facts.test if facts else None
    if isinstance(tested, int):
        test = tested
    if test is not None and tested is not None and any(m.startswith("test") for m in metrics):
        parts.append(f"{test:,} test")
    return f"{join_words(parts)} examples" if parts else ""


@dataclass(frozen=True)
class LayersOwn:
    """What layers have of their own that differs from the network's, in all networks of a figure.

    ``replaced`` says that no layer is left that has the network's.
    """

    others: tuple[Any, ...]
    replaced: bool


def layers_own(results: Results, name: Literal["norm", "dropout"]) -> LayersOwn:
    """Return the norms or the dropout rates that layers have of their own."""
    common = fixed(results, "norm.kind" if name == "norm" else "regularization.dropout")
    lists = results.axes.get("network.layers", (results.config.network.layers,))
    values = [
        getattr(layer, name)
        for layers in lists
        if isinstance(layers, tuple)
        for layer in NetworkConfig.model_validate({"layers": layers}).layers
        if not isinstance(layer, PoolLayer)
    ]
    others = dict.fromkeys(v for v in values if v is not None and v != common)
    kept = any(v is None or v == common for v in values)
    return LayersOwn(tuple(others), bool(others) and not kept)


def network_words(results: Results, facts: DatasetFacts | None) -> str:
    """Name the layers from input to output, in short, and the activation."""
    layers = fixed(results, "network.layers")
    if layers == ():
        return f"{facts.features}-{facts.classes}" if facts else "no hidden layers"
    words = ""
    if layers is not None:
        words = layers_text([layer.short for layer in layers], width=_LAYERS_WIDTH)
        if facts is not None:
            dense = all(str(layer.short).isdigit() for layer in layers)
            shape = (facts.features,) if dense else facts.shape
            join = "-" if dense else " – "
            words = join.join(("×".join(map(str, shape)), words, str(facts.classes)))
    activation = fixed(results, "network.activation")
    if activation is not None:
        words = f"{words} {phrase('network.activation', activation)}".strip()
    return words


def init_words(results: Results) -> str:
    """Say how weights start."""
    scheme, scale = fixed(results, "init.scheme"), fixed(results, "init.scale")
    if scheme is None:
        std = 0.01 if scale is None else scale
        is_needed = "normal" in results.axes["init.scheme"] and "init.scale" not in results.axes
        return f"normal init: std {number_text(std)}" if is_needed else ""
    words = phrase("init.scheme", scheme)
    if "init.scale" in results.axes:
        return f"{words}, W is its std" if scheme == "normal" else words
    scale = results.config.init.resolved_scale
    if scheme == "normal":
        return f"{words}, std {number_text(scale)}"
    return words if scale == 1 else f"{words}, gain {number_text(scale)}"


def norm_words(results: Results) -> str:
    """Name the norm and where it stands, or say that there is none; so too of layers' own norms."""
    kind, place = fixed(results, "norm.kind"), fixed(results, "norm.place")
    own = layers_own(results, "norm")
    kinds = {*results.axes.get("norm.kind", (kind,)), *own.others}
    if own.replaced:
        kinds = set(own.others)
        kind = own.others[0] if len(own.others) == 1 else None
    if kinds == {"none"}:
        return "no norm"
    where = f" {place} the activation" if place is not None else ""
    groups = fixed(results, "norm.groups")
    count = f"{groups} groups" if "group" in kinds and groups not in (None, "auto") else ""

    def named(kind: str) -> str:
        words = phrase("norm.kind", kind)
        return f"{words} ({count})" if count and kind == "group" else words

    others = ", ".join(map(named, own.others))
    words = named(kind) if kind else "norm" + (f" ({count} in group norm)" if count else "")
    if not others or kinds == {kind}:
        words += where
    elif own.replaced:
        words = f"each layer's own norm ({others}){where}"
    elif kind == "none":
        words += f" but where layers say otherwise ({others}{where})"
    else:
        words += f"{where} but where layers say otherwise ({others})"
    if fixed(results, "norm.statistics") == "population":
        words += ", evaluated with population statistics"
    return words if words != "norm" else ""
