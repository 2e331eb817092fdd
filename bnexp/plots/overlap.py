"""Lines of one panel that hide each other, which a reader has to be told.

Adam and AdamW with a little decay give nearly the same curve. Of two colours and two dash patterns
both are seen, the sparser one over the denser; of two that share either only the upper one is. All
lines have one width: what is thicker would look as if it meant something. No matplotlib here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from bnexp.plots.limits import Scale
from bnexp.plots.lines import Line
from bnexp.plots.style import LineStyle

#: Nearer than this share of a panel's height, one line covers another.
_NEAR = 0.008
#: A line is hidden if this share of its points is covered.
_COVERED = 0.9


def has_hidden(lines: Sequence[tuple[Line, LineStyle]], scale: Scale) -> bool:
    """Whether a line of a panel is hidden by another, so that a reader would look for it."""
    return any(
        _look_alike(one, other) and _is_hidden(one[0], other[0], scale)
        for one, other in combinations(lines, 2)
    )


def _look_alike(one: tuple[Line, LineStyle], other: tuple[Line, LineStyle]) -> bool:
    """Whether one drawn over the other does not let it through; single points never do."""
    is_point = len(one[0].x) == len(other[0].x) == 1
    return is_point or one[1].dash == other[1].dash or one[1].color == other[1].color


def _is_hidden(under: Line, over: Line, scale: Scale) -> bool:
    """Whether the median ``over`` covers nearly all of the median ``under``."""
    above = dict(zip(over.x, over.median, strict=True))
    seen, most = 0, (1 - _COVERED) * len(under.x)
    for x, y in zip(under.x, under.median, strict=True):
        seen += x not in above or abs(scale.share(above[x]) - scale.share(y)) >= _NEAR
        if seen > most:
            return False
    return bool(under.x)
