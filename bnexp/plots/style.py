"""How figures look: colours, line styles, sizes in inches and points, and matplotlib's parameters.

Every number that decides about looks stands here, so that a figure is changed at one place. The
colours are those of Okabe and Ito (2008), told apart by colour-blind readers; the line style
differs too, so that a black and white print still tells the arms apart. No matplotlib here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
BLACK = "#333333"
GREY = "#8C8C8C"

#: Colours of arms, in the order in which they are given out.
COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
#: matplotlib's names of dash patterns, which are in ``RC``, or a pattern in line widths.
Dash = Literal["-", "--", "-.", ":"] | tuple[float, tuple[float, ...]]
SOLID: Dash = "-"
DASHED: Dash = "--"
DASH_DOT: Dash = "-."
DOTTED: Dash = ":"
LONG_DASHED: Dash = (0.0, (8.0, 1.8))
DASH_DOT_DOT: Dash = (0.0, (5.0, 1.3, 1.2, 1.3, 1.2, 1.3))
DASH_DASH_DOT: Dash = (0.0, (3.4, 1.2, 3.4, 1.2, 1.2, 1.2))
SPACED_DOTS: Dash = (0.0, (1.2, 3.2))
DASHES: tuple[Dash, ...] = (
    SOLID,
    DASHED,
    DASH_DOT,
    DOTTED,
    LONG_DASHED,
    DASH_DOT_DOT,
    DASH_DASH_DOT,
    SPACED_DOTS,
)
#: A scale from dark to light for many arms that are ordered numbers.
RAMP = ("#440154", "#3B528B", "#21918C", "#5EC962")

#: Markers of arms whose dashes say something else (not those of how runs end), each with the share
#: of a step at which its first stands: those of few arms are far apart.
MARKERS: Mapping[str, float] = MappingProxyType(
    {"o": 0.1, "^": 0.6, "D": 0.35, "v": 0.85, "P": 0.22, "<": 0.72, "*": 0.47, ">": 0.97}
)

TEXT = "#262626"
MUTED = "#6E6E6E"
GRID = "#E4E4E4"
AXIS = "#A0A0A0"

#: Most arms that colours and dashes tell apart, and most that a scale of colours does.
MAX_ARMS = 8
MAX_RAMP_ARMS = 24
#: Most panels that one page shows legibly.
MAX_PANELS = 64

TITLE_SIZE = 11.0
LABEL_SIZE = 8.5
PANEL_TITLE_SIZE = 8.5
TICK_SIZE = 7.5
NOTE_SIZE = 7.0
CAPTION_SIZE = 7.5
LEGEND_SIZE = 9.0

LINE_WIDTH = 1.6
SEED_WIDTH = 0.7
SEED_ALPHA = 0.55
BAND_ALPHA = 0.18
MARK_SIZE = 5.5
STOP_SIZE = 3.6
POINT_SIZE = 4.0
ARM_MARK_SIZE = 4.2
#: From one marker of an arm to its next, as a share of the panel's diagonal.
ARM_MARK_STEP = 0.24

#: Heights above the panel: of solid lines, of markers along lines, and of marks.
SOLID_ORDER, MARKER_ORDER, MARK_ORDER = 2.1, 4.0, 5.0

#: How runs may end before their last epoch, each with its mark.
Marked = Literal["diverged", "stopped"]
MARKS: Mapping[Marked, Mapping[str, Any]] = MappingProxyType(
    {
        "diverged": {"marker": "x", "markersize": MARK_SIZE, "markeredgewidth": 1.4},
        "stopped": {"marker": "s", "markersize": STOP_SIZE, "markeredgewidth": 0.0},
    }
)

#: Dots per inch of PNG files.
DPI = 160
#: Salt of the ids in SVG files: fixed, so that the same figure gives the same bytes.
SVG_SALT = "bnexp"

#: matplotlib's parameters, on top of its own defaults (never on top of the user's file).
RC: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": ["DejaVu Sans"],
        "font.size": LABEL_SIZE,
        "text.color": TEXT,
        "axes.labelcolor": TEXT,
        "axes.labelsize": LABEL_SIZE,
        "axes.titlesize": PANEL_TITLE_SIZE,
        "axes.titlepad": 4.0,
        "axes.edgecolor": AXIS,
        "axes.linewidth": 0.7,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "xtick.color": AXIS,
        "ytick.color": AXIS,
        "xtick.labelcolor": TEXT,
        "ytick.labelcolor": TEXT,
        "xtick.labelsize": TICK_SIZE,
        "ytick.labelsize": TICK_SIZE,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "lines.dashed_pattern": [3.6, 1.8],
        "lines.dashdot_pattern": [5.0, 1.5, 1.2, 1.5],
        "lines.dotted_pattern": [1.2, 1.4],
        "legend.frameon": False,
        "legend.fontsize": LEGEND_SIZE,
        "figure.dpi": 100.0,
        "savefig.dpi": DPI,
        "svg.hashsalt": SVG_SALT,
        "svg.fonttype": "path",
        "pdf.fonttype": 42,
    }
)


@dataclass(frozen=True)
class LineStyle:
    """The colour and the dash pattern of one arm, and the marker along its lines if it has one."""

    color: str
    dash: Dash
    marker: str | None = None


#: How curves of the parts of the data look beside each other: solid is what is trained on.
PART_LOOKS: Mapping[str, LineStyle] = {
    "train": LineStyle(BLUE, SOLID),
    "running": LineStyle(BLUE, SOLID),
    "val": LineStyle(GREEN, DASH_DOT),
    "test": LineStyle(VERMILLION, DASHED),
}

#: Each kind of norm looks the same in every figure, whatever it is compared with.
_NORM_LOOKS: Mapping[Any, LineStyle] = {
    "batch": LineStyle(BLUE, SOLID),
    "none": LineStyle(VERMILLION, DASHED),
    "layer": LineStyle(GREEN, DASH_DOT),
    "group": LineStyle(PURPLE, DOTTED),
    "batch_renorm": LineStyle(ORANGE, LONG_DASHED),
    "instance": LineStyle(SKY, DASH_DOT_DOT),
    "rms": LineStyle(BLACK, DASH_DASH_DOT),
    "noisy_batch": LineStyle(GREY, SPACED_DOTS),
}


def line_styles(arms: Sequence[Mapping[str, Any]]) -> list[LineStyle]:
    """Give each arm (its values by key) a style: batch norm solid, no norm dashed.

    Where another key is compared along with the norm, the colour is that key's and the dashes are
    the norm's. More than ``MAX_ARMS`` arms are taken for ordered and get a scale of colours.
    """
    if len(arms) > MAX_ARMS:
        return [LineStyle(_ramp(i / (len(arms) - 1)), SOLID) for i in range(len(arms))]
    plain = [LineStyle(COLORS[i], DASHES[i]) for i in range(len(arms))]
    norms = [_NORM_LOOKS.get(arm.get("norm.kind")) for arm in arms]
    rests = [tuple((k, v) for k, v in arm.items() if k != "norm.kind") for arm in arms]
    distinct = list(dict.fromkeys(rests))
    if len(distinct) == 1:
        styles = [norm or other for norm, other in zip(norms, plain, strict=True)]
    else:
        styles = [
            LineStyle(COLORS[distinct.index(rest)], norm.dash if norm else other.dash)
            for norm, other, rest in zip(norms, plain, rests, strict=True)
        ]
    return styles if len(set(styles)) == len(arms) else plain


def solid_styles(arms: Sequence[Mapping[str, Any]]) -> list[LineStyle]:
    """Give each arm a colour and a marker, where dashes say something else than the arm."""
    looks = line_styles(arms)
    if len(arms) > MAX_ARMS:
        return looks
    colors = [look.color for look in looks]
    if len(set(colors)) < len(arms):
        colors = list(COLORS[: len(arms)])
    return [LineStyle(color, SOLID, marker) for color, marker in zip(colors, MARKERS, strict=False)]


def line_order(dash: Dash) -> float:
    """Return how high a line is drawn: the less of it is ink, the higher, so that both are seen."""
    names = {DASHED: "dashed", DASH_DOT: "dashdot", DOTTED: "dotted"}
    if dash == SOLID:
        return SOLID_ORDER
    pattern = dash[1] if isinstance(dash, tuple) else RC[f"lines.{names[dash]}_pattern"]
    return SOLID_ORDER + 1 - sum(pattern[::2]) / sum(pattern)


def _ramp(share: float) -> str:
    """Return the colour at ``share`` (0 to 1) of the scale, as ``#RRGGBB``."""
    position = share * (len(RAMP) - 1)
    index = min(int(position), len(RAMP) - 2)
    weight = position - index
    pairs = zip(_rgb(RAMP[index]), _rgb(RAMP[index + 1]), strict=True)
    return "#" + "".join(f"{round(low + weight * (high - low)):02X}" for low, high in pairs)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
