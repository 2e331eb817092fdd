"""What labels may be: whole numbers from 0, as many classes as the largest says."""

from __future__ import annotations

from collections.abc import Iterable

from bnexp.errors import DatasetError

#: More classes than this are a mistake: identifiers, or years.
MAX_CLASSES = 10_000

ALLOWED = f"labels are whole numbers from 0 to classes - 1, for at most {MAX_CLASSES:,} classes"


def is_label(value: float) -> bool:
    """Return whether a number may be a label."""
    return value == value // 1 and 0 <= value < MAX_CLASSES


def count_classes(where: str, labels: Iterable[Iterable[int]]) -> int:
    """Return the classes that labels of several parts make, the largest and one.

    Raises ``DatasetError`` if that is only one; ``where`` begins its message.
    """
    classes = 1 + max(max(part, default=0) for part in labels)
    if classes < 2:
        raise DatasetError(
            f"{where} is 0 for every example: there is nothing to learn; {ALLOWED}, and are in "
            "y_train, or in the column of a CSV file that a header names label (without a header, "
            "in the last)"
        )
    return classes
