"""Where the counts of a panel ("2 of 3 diverged") stand: in the corner that hides least of it.

Works on shares of the panel, so it needs no drawing to know what a note would cover; the widths of
words are estimated on the generous side. No matplotlib here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bnexp.plots.limits import Scale
from bnexp.plots.lines import Line, count_note
from bnexp.plots.panels import Panel
from bnexp.plots.style import NOTE_SIZE

#: Estimated width of a character and height of a line, in shares of the font size.
_CHARACTER, _LINE = 0.62, 1.3
_INCH = 72.0
#: Distance from the panel's edge, in inches.
_PAD = 0.05
#: More notes than this in one panel are told as one.
_MOST = 3

Point = tuple[float, float]


@dataclass(frozen=True)
class Note:
    """Words in a panel, and the index of the arm whose colour they take (None for all arms)."""

    words: str
    arm: int | None


@dataclass(frozen=True)
class Spot:
    """Where notes start: x and y of the first line's top in shares of the panel, and the side."""

    x: float
    y: float
    side: str
    step: float


def panel_notes(panel: Panel, names: Sequence[str] = (), width: float = 0.0) -> list[Note]:
    """Return what has to be said about the runs of a panel, a note for each arm.

    It begins with the arm's name where there are ``names`` of several and it fits a panel ``width``
    inches wide. Runs that stopped early are not counted: each has its mark, where its line ends.
    """
    if panel.empty:
        return [Note("no runs yet", None)]
    words = {arm: count_note(line, stopped=False) for arm, line in panel.lines.items()}
    notes = [Note(_named(said, arm, names, width), arm) for arm, said in words.items() if said]
    if len(notes) <= _MOST:
        return notes
    lines = panel.lines.values()
    total = _sum_lines(tuple(lines))
    return [Note(words, None) for words in total]


def _named(words: str, arm: int, names: Sequence[str], width: float) -> str:
    """Return words that begin with the name of their arm, if there is room for it."""
    if len(names) < 2:
        return words
    named = f"{names[arm]}: {words}"
    return named if _inches(named) <= width - 2 * _PAD else words


def _inches(words: str) -> float:
    return len(words) * NOTE_SIZE * _CHARACTER / _INCH


def _sum_lines(lines: Sequence[Line]) -> list[str]:
    """Return one count over all arms for each way in which runs ended."""
    finished = sum(line.finished for line in lines)
    counts = {
        "diverged": sum(line.diverged for line in lines),
        "failed": sum(line.failed for line in lines),
        "pruned": sum(line.count("pruned") for line in lines),
    }
    words = [f"{count} of {finished} {word}" for word, count in counts.items() if count]
    missing = sum(line.missing for line in lines)
    if missing:
        words.append(f"{missing} of {sum(line.seeds for line in lines)} missing")
    return words


def place_notes(notes: Sequence[Note], points: Iterable[Point], size: tuple[float, float]) -> Spot:
    """Choose the spot where the notes cover fewest ``points``.

    ``points`` are shares of the panel (0 to 1); ``size`` is the panel's width and height in inches.
    """
    width, height = size
    step = NOTE_SIZE * _LINE / _INCH / height
    across = max(_inches(note.words) for note in notes) / width
    down = step * len(notes)
    pad_x, pad_y = _PAD / width, _PAD / height
    dots = list(points)
    best: tuple[int, Spot] | None = None
    for top in (1 - pad_y, 0.5 + down / 2, 0.78, 0.3 + down, pad_y + down):
        for side, x, left in (("right", 1 - pad_x, 1 - pad_x - across), ("left", pad_x, pad_x)):
            hidden = sum(
                left - pad_x <= px <= left + across + pad_x
                and top - down - pad_y <= py <= top + pad_y
                for px, py in dots
            )
            if best is None or hidden < best[0]:
                best = (hidden, Spot(x, top, side, step))
    assert best is not None
    return best[1]


def line_points(line: Line, xlim: tuple[float, float], scale: Scale) -> list[Point]:
    """Return points that stand for what a line and its marks cover, as shares of the panel."""
    span = (xlim[1] - xlim[0]) or 1.0
    points = []
    for ys in (line.low, line.median, line.high):
        dots = [((x - xlim[0]) / span, scale.share(y)) for x, y in zip(line.x, ys, strict=True)]
        points.extend(_fill_between(dots))
    for curve in line.curves:
        if curve.status in ("diverged", "stopped"):
            x, y = (curve.x[-1], scale.share(curve.y[-1])) if curve.x else (curve.epoch, 0.0)
            points.append(((x - xlim[0]) / span, y))
    return points


def _fill_between(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """Return ``points`` with ``steps`` - 1 more on each straight piece between two of them."""
    filled = list(points[:1])
    for (x0, y0), (x1, y1) in pairwise(points):
        filled.extend(
            (x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(1, steps + 1)
        )
    return filled
