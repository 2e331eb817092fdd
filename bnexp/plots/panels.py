"""What a figure shows, before anything is drawn: panels by one axis, arms by the others.

The grid of ``plot`` and the grid for terminals draw the same ``Selection``. No matplotlib here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq

from bnexp.plan import AxisValue, Cell
from bnexp.plots.choose import choose_axes, choose_metric
from bnexp.plots.lines import QUANTILE_SEEDS, Line, make_line
from bnexp.plots.words import value_labels
from bnexp.store.results import Results


@dataclass(frozen=True)
class Arm:
    """One kind of line: its words, and its value on each axis that is compared in a panel."""

    label: str
    values: Mapping[str, AxisValue]


@dataclass(frozen=True)
class Panel:
    """One panel: its title, and a line for each arm that has cells here, by the arm's index."""

    title: str
    lines: Mapping[int, Line]

    @property
    def empty(self) -> bool:
        """Whether no run of this panel has ended yet."""
        return all(line.missing == line.seeds for line in self.lines.values())


@dataclass(frozen=True)
class Selection:
    """All that a figure of one metric shows; ``arm_keys`` and ``panel_key`` are config keys.

    ``seeds`` is the largest number of seeds behind one line, ``quantiles`` whether bands are
    between quantiles instead of min and max.
    """

    metric: str
    panel_key: str | None
    arm_keys: tuple[str, ...]
    arms: tuple[Arm, ...]
    panels: tuple[Panel, ...]
    seeds: int
    quantiles: bool

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every line of every panel."""
        return tuple(line for panel in self.panels for line in panel.lines.values())


def seed_counts(lines: Iterable[Line]) -> list[int]:
    """Return the numbers of seeds that there are behind a line, each once, smallest first."""
    return sorted({line.seeds for line in lines})


def select_panels(
    results: Results,
    *,
    y: str | None = None,
    panel: str | None = None,
    arm: str | None = None,
    plain: bool = False,
) -> Selection:
    """Choose metric and axes and summarise the runs of each arm in each panel.

    ``y`` is one of ``METRICS``; ``panel`` and ``arm`` are swept keys. ``plain`` keeps labels within
    ASCII. Without axes there is one panel, untitled, with one arm.

    Raises:
        ConfigError: a metric that is not recorded, or a key that is not swept.
    """
    metric = choose_metric(results, y)
    panel_key, arm_keys = choose_axes(results, panel, arm)
    groups = _group_cells(results, panel_key, arm_keys)
    seeds = max((len(cells) for cells in groups.values()), default=0)
    quantiles = seeds >= QUANTILE_SEEDS
    shown = arm_keys if panel_key is None else (*arm_keys, panel_key)
    labels = {key: value_labels(results.config, results.axes, key, plain=plain) for key in shown}
    places = (None,) if panel_key is None else results.axes[panel_key]
    combos = _distinct_combos(results, arm_keys, groups)
    arms = tuple(_make_arm(arm_keys, same, labels) for same in combos)
    panels = []
    for value in places:
        title = "" if panel_key is None else labels[panel_key][value]
        lines = {
            index: make_line(groups[value, same[0]], results.runs, metric, quantiles=quantiles)
            for index, same in enumerate(combos)
            if (value, same[0]) in groups
        }
        panels.append(Panel(title, lines))
    return Selection(metric, panel_key, arm_keys, arms, tuple(panels), seeds, quantiles)


_Combo = tuple[AxisValue, ...]
_Group = tuple[AxisValue | None, _Combo]


def _distinct_combos(
    results: Results, keys: tuple[str, ...], groups: Mapping[_Group, Sequence[Cell]]
) -> list[list[_Combo]]:
    """Return the arms' values in the order of the axes, those that are the same runs together.

    The momentum of a norm that is ``none`` has no effect: its values are one run, and drawn apart
    they would hide each other. Values that have nothing in common stay apart.
    """
    order = [{value: i for i, value in enumerate(results.axes[key])} for key in keys]
    ranked = sorted(
        {combo for _, combo in groups},
        key=lambda combo: [order[i][value] for i, value in enumerate(combo)],
    )
    runs: dict[_Combo, dict[AxisValue | None, list[str]]] = {combo: {} for combo in ranked}
    for (place, combo), cells in groups.items():
        runs[combo][place] = [cell.run for cell in cells]
    merged: list[list[_Combo]] = []
    for combo in ranked:
        for same in merged:
            if runs[same[0]] == runs[combo] and any(map(eq, same[0], combo)):
                same.append(combo)
                break
        else:
            merged.append([combo])
    return merged


def _make_arm(
    keys: tuple[str, ...], same: Sequence[_Combo], labels: Mapping[str, Mapping[AxisValue, str]]
) -> Arm:
    """Make an arm of combinations that are the same runs, named by what they have in common."""
    values = {
        key: same[0][i] for i, key in enumerate(keys) if all(c[i] == same[0][i] for c in same)
    }
    return Arm(", ".join(labels[key][value] for key, value in values.items()), values)


def _group_cells(
    results: Results, panel_key: str | None, arm_keys: tuple[str, ...]
) -> dict[_Group, list[Cell]]:
    """Gather the cells that differ in nothing but the seed, by panel value and arm values."""
    groups: dict[_Group, list[Cell]] = defaultdict(list)
    for cell in results.cells:
        value = None if panel_key is None else cell.values[panel_key]
        groups[value, tuple(cell.values[key] for key in arm_keys)].append(cell)
    return dict(groups)
