"""The caption of a figure: everything about its runs that no title and no legend says.

Dataset, network, optimizer, initial weights, seeds, what line and band are, and how much of the
sweep is there. A key that is swept is left out, since panels or arms show it. No matplotlib here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection
from typing import Any

from bnexp.describe import DATASETS
from bnexp.plots.lines import QUANTILES
from bnexp.plots.panels import Selection, seed_counts
from bnexp.plots.words import layers_text, number_text, phrase
from bnexp.store.results import Results


def caption_lines(
    results: Results, selection: Selection, width: int, *, metrics: Collection[str] = ()
) -> list[str]:
    """Return the caption in lines of at most ``width`` characters.

    ``metrics`` are all that the figure draws, where that is more than the metric of ``selection``.
    """
    drawn = metrics or (selection.metric,)
    setting = [
        _data(results, drawn),
        _network(results),
        _optimizer(results),
        _init(results),
        _norm(results),
        _regularization(results),
    ]
    reading = [
        _seeds(results, selection),
        _evaluation(results),
        _penalties(results, drawn),
        _progress(results),
    ]
    lines = _wrap(setting, width)
    if len(lines) > 1:
        return _wrap(setting + reading, width)
    return lines + _wrap(reading, width)


def _wrap(parts: list[str], width: int) -> list[str]:
    """Join parts to lines of at most ``width`` characters, broken inside a part only if it must."""
    lines: list[str] = []
    for part in filter(None, parts):
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and len(joined) <= width:
            lines[-1] = joined
        else:
            lines.extend(textwrap.wrap(part, width, break_on_hyphens=False))
    return lines


def _fixed(results: Results, key: str) -> Any:
    """Return the value of a config key, or None where it is swept and so has many."""
    if key in results.axes:
        return None
    value: Any = results.config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _data(results: Results, metrics: Collection[str]) -> str:
    name = _fixed(results, "data.name")
    if name is None:
        return ""
    parts = [DATASETS[name].title]
    for part, word in (("train", "training"), ("test", "test")):
        count = _fixed(results, f"data.{part}")
        if count is None:
            continue
        if part == "test" and not any(metric.startswith("test") for metric in metrics):
            continue
        known = getattr(DATASETS[name], part)
        parts.append(f"{known if count == 'all' else count:,} {word} examples")
    return ", ".join(parts)


def _network(results: Results) -> str:
    layers, name = _fixed(results, "network.layers"), _fixed(results, "data.name")
    words = ""
    if layers is not None:
        words = layers_text(results.config.model_dump()["network"]["layers"])
        if name is not None:
            facts = DATASETS[name]
            words = f"{facts.features}-{words}-{facts.classes}"
    activation = _fixed(results, "network.activation")
    if activation is not None:
        words = f"{words} {phrase('network.activation', activation)}".strip()
    return words


def _optimizer(results: Results) -> str:
    kind = _fixed(results, "optimizer.kind")
    parts = [phrase("optimizer.kind", kind)] if kind is not None else []
    for key, name in (("lr", "lr"), ("momentum", "momentum")):
        value = _fixed(results, f"optimizer.{key}")
        if value is not None and (value or key == "lr"):
            parts.append(f"{name} {number_text(value)}")
    if _fixed(results, "optimizer.nesterov"):
        parts.append("Nesterov")
    batch = _fixed(results, "training.batch_size")
    if batch is not None:
        parts.append(f"batch {batch}")
    return ", ".join(parts)


def _init(results: Results) -> str:
    scheme = _fixed(results, "init.scheme")
    if scheme is None:
        return ""
    words = f"init {phrase('init.scheme', scheme)}"
    if "init.scale" in results.axes:
        return f"{words}, W is its std" if scheme == "normal" else words
    scale = results.config.init.resolved_scale
    if scheme == "normal":
        return f"{words}, std {number_text(scale)}"
    return words if scale == 1 else f"{words}, gain {number_text(scale)}"


def _norm(results: Results) -> str:
    kind, place = _fixed(results, "norm.kind"), _fixed(results, "norm.place")
    if kind == "none" or place is None:
        return "no norm" if kind == "none" else ""
    words = "norm" if kind is None else phrase("norm.kind", kind)
    return f"{words} {place} the activation"


def _regularization(results: Results) -> str:
    parts = []
    for key in ("l1", "l2", "dropout"):
        value = _fixed(results, f"regularization.{key}")
        if value:
            parts.append(f"{key} {number_text(value)}")
    return ", ".join(parts)


def _seeds(results: Results, selection: Selection) -> str:
    seeds = sorted({cell.seed for cell in results.cells})
    counts = seed_counts(selection.lines)
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if counts in ([], [1]):
        return f"1 seed for each line, of seeds {', '.join(map(str, seeds))}"
    low, high = (round(100 * share) for share in QUANTILES)
    band = f"{low} % to {high} % quantiles" if selection.quantiles else "min to max"
    number = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    words = f"{number} seeds: line median, band {band}"
    if any(line.diverged for line in selection.lines):
        words += ", over the runs not diverged by then"
    if selection.panel_key is None and any(line.has_seed_lines for line in selection.lines):
        words += "; thin: each seed"
    return words


def _evaluation(results: Results) -> str:
    at = results.config.evaluate.at
    return "evaluated after the first step of each epoch" if at == "first_step" else ""


def _penalties(results: Results, metrics: Collection[str]) -> str:
    """Say that losses are more than the cross-entropy, where some run has a penalty."""
    if not any(metric.endswith("loss") for metric in metrics):
        return ""
    names = []
    for name in ("l1", "l2"):
        here = (getattr(results.config.regularization, name),)
        if any(results.axes.get(f"regularization.{name}", here)):
            names.append(name)
    word = "penalties" if len(names) > 1 else "penalty"
    return f"losses include the {' and '.join(names)} {word}" if names else ""


def _progress(results: Results) -> str:
    ids = {cell.run for cell in results.cells}
    ended = [results.runs[run] for run in ids if run in results.runs]
    failed = sum(result.status == "failed" for result in ended)
    parts = [f"{len(ended)} of {len(ids)} runs"] if len(ended) < len(ids) else []
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)
