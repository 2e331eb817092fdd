"""The kinds of lines in a figure's panels: one for each arm, or for each arm and metric.

With several metrics an arm keeps its colour and the dashes say the metric, training solid and test
dashed; the arm's marker tells arms apart in a black and white print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bnexp.plots import style
from bnexp.plots.choose import metric_kind
from bnexp.plots.lines import Line
from bnexp.plots.panels import Selection
from bnexp.plots.style import LineStyle
from bnexp.plots.words import METRIC_WORDS, part_words


@dataclass(frozen=True)
class Stroke:
    """One kind of line: the index of its arm, that of its metric, its words and its look."""

    arm: int
    metric: int
    label: str
    look: LineStyle


@dataclass(frozen=True)
class Entry:
    """A line of the legend: its words, and the look of its sample."""

    label: str
    look: LineStyle


def plan_strokes(selections: Sequence[Selection]) -> list[Stroke]:
    """Return the kinds of lines of a figure that draws these metrics of the same panels."""
    arms = selections[0].arms
    if len(selections) == 1:
        looks = style.line_styles([arm.values for arm in arms])
        words = METRIC_WORDS[selections[0].metric]
        return [Stroke(i, 0, arm.label or words, looks[i]) for i, arm in enumerate(arms)]
    strokes = []
    looks = arm_looks(selections)
    for place, selection in enumerate(selections):
        look = style.PART_LOOKS[selection.metric.partition("_")[0]]
        for index, arm in enumerate(arms):
            own = replace(looks[index], dash=look.dash) if len(arms) > 1 else look
            label = ", ".join(filter(None, (arm.label, part_words(selection.metric))))
            strokes.append(Stroke(index, place, label, own))
    return strokes


def arm_looks(selections: Sequence[Selection]) -> list[LineStyle]:
    """Return the look of each arm: as words take it, and as its lines have it but for dashes."""
    values = [arm.values for arm in selections[0].arms]
    if len(selections) == 1:
        return style.line_styles(values)
    return style.solid_styles(values)


def legend_entries(selections: Sequence[Selection], strokes: Sequence[Stroke]) -> list[Entry]:
    """Return what the legend says: every arm and, where there are several, every metric."""
    arms = selections[0].arms
    if len(selections) == 1:
        return [Entry(one.label, one.look) for one in strokes if arms[one.arm].label]
    if len(arms) == 1:
        return [Entry(one.label, one.look) for one in strokes]
    looks = arm_looks(selections)
    named = [Entry(arm.label, look) for arm, look in zip(arms, looks, strict=True)]
    dashes = {one.metric: one.look.dash for one in strokes}
    metrics = [
        Entry(part_words(selection.metric), LineStyle(style.TEXT, dashes[place]))
        for place, selection in enumerate(selections)
    ]
    return named + metrics


def panel_lines(
    selections: Sequence[Selection], strokes: Sequence[Stroke], place: int
) -> dict[int, Line]:
    """Return the lines of one panel by the index of their stroke, in the order of drawing."""
    found = {}
    for index, stroke in enumerate(strokes):
        lines = selections[stroke.metric].panels[place].lines
        if stroke.arm in lines:
            found[index] = lines[stroke.arm]
    return found


def panel_strokes(
    selections: Sequence[Selection], strokes: Sequence[Stroke], place: int
) -> list[tuple[Line, LineStyle]]:
    """Return the lines of one panel, each with its look."""
    lines = panel_lines(selections, strokes, place)
    return [(line, strokes[index].look) for index, line in lines.items()]


def axis_words(selections: Sequence[Selection]) -> str:
    """Return what the y axis says: the metric, or what several have in common."""
    metric = selections[0].metric
    return METRIC_WORDS[metric] if len(selections) == 1 else metric_kind(metric)
