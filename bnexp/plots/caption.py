"""The caption of a figure: everything about its runs that no title and no legend says.

Dataset, network, optimizer, initial weights, seeds, what line and band are, and how much of the
sweep is there. A key that is swept is left out, since panels or arms show it. No matplotlib here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator

from bnexp.plots.choose import PARTS
from bnexp.plots.lines import QUANTILES
from bnexp.plots.panels import Selection, seed_counts
from bnexp.plots.recipe import loss_words, optimizer_words, regularization_words
from bnexp.plots.setting import (
    data_words,
    fixed,
    init_words,
    known_facts,
    network_words,
    norm_words,
)
from bnexp.plots.words import part_words
from bnexp.records import Status
from bnexp.store.results import Results


def caption_lines(
    results: Results,
    selection: Selection,
    width: int,
    *,
    metrics: Collection[str] = (),
    hidden: bool = False,
) -> list[str]:
    """Return the caption in lines of at most ``width`` characters.

    ``metrics`` are all that the figure draws, where that is more than the metric of ``selection``;
    ``hidden`` says that it has lines that hide others.
    """
    drawn = metrics or (selection.metric,)
    facts = known_facts(results)
    setting = [
        *data_words(results, facts, drawn),
        network_words(results, facts),
        optimizer_words(results),
        init_words(results),
        norm_words(results),
        regularization_words(results),
    ]
    reading = [
        _seeds(results, selection),
        "where lines coincide, one hides the other" if hidden else "",
        *_evaluation(results, drawn),
        loss_words(results, drawn),
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
    ends: tuple[Status, ...] = ("diverged", "stopped")
    gone = [status for status in ends if any(line.count(status) for line in selection.lines)]
    if gone:
        words += f", over the runs not {' or '.join(gone)} by then"
    if selection.panel_key is None and any(line.has_seed_lines for line in selection.lines):
        return f"{words}; thin: each seed"
    thin = (c for line in selection.lines if line.has_seed_lines for c in line.curves)
    if any(curve.status in gone and len(curve.x) > 1 for curve in thin):
        words += "; thin: those that had"
    return words


def _evaluation(results: Results, metrics: Collection[str]) -> Iterator[str]:
    """Say when metrics were measured, and on how many examples where that is not all."""
    if results.config.evaluate.at == "first_step":
        yield "evaluated after the first step of each epoch"
    for part in ("train", "val"):
        count = fixed(results, f"evaluate.{PARTS[part]}")
        if isinstance(count, int) and any(metric.startswith(part) for metric in metrics):
            yield f"{part_words(f'{part}_loss')} metrics on {count:,} examples"


def _progress(results: Results) -> str:
    ids = {cell.run for cell in results.cells}
    ended = [results.runs[run] for run in ids if run in results.runs]
    parts = [f"{len(ended)} of {len(ids)} runs"] if len(ended) < len(ids) else []
    for status, words in (("failed", "failed"), ("stopped", "stopped early")):
        count = sum(result.status == status for result in ended)
        if count:
            of = f" of {len(ended)} runs" if status == "stopped" else ""
            parts.append(f"{count}{of} {words}" if len(ids) > 1 else words)
    return ", ".join(parts)
