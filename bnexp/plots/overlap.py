"""Lines of one panel that would hide each other: the lower ones wider, the upper ones thinner.

Adam and AdamW with a little decay give nearly the same curve; of two lines drawn alike only the
last would be seen. No matplotlib here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bnexp.plots.limits import Scale
from bnexp.plots.lines import Line
from bnexp.plots.style import LINE_WIDTH, OVER_WIDTH, UNDER_WIDTH

#: Nearer than this share of a panel's height, one line covers another.
_NEAR = 0.015
#: A line is hidden if this share of its points is covered.
_COVERED = 0.9
_Key = TypeVar("_Key")


def line_widths(lines: Mapping[_Key, Line], scale: Scale) -> dict[_Key, float]:
    """Return the width in points of each line, drawn in this order on a panel with ``scale``."""
    bundles: list[list[_Key]] = []
    for key, line in lines.items():
        for bundle in bundles:
            if _is_hidden(lines[bundle[0]], line, scale):
                bundle.append(key)
                break
        else:
            bundles.append([key])
    widths = dict.fromkeys(lines, LINE_WIDTH)
    for bundle in bundles:
        last = len(bundle) - 1
        for place, key in enumerate(bundle):
            if last:
                widths[key] = UNDER_WIDTH + (OVER_WIDTH - UNDER_WIDTH) * place / last
    return widths


def _is_hidden(under: Line, over: Line, scale: Scale) -> bool:
    """Whether the median ``over`` covers nearly all of the median ``under``."""
    above = dict(zip(over.x, over.median, strict=True))
    covered = [
        x in above and abs(scale.share(above[x]) - scale.share(y)) < _NEAR
        for x, y in zip(under.x, under.median, strict=True)
    ]
    return bool(covered) and sum(covered) >= _COVERED * len(covered)
