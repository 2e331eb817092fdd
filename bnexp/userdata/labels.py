"""What labels may be: whole numbers from 0, as many classes as the largest to train on says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bnexp.errors import DatasetError

#: More classes than this are a mistake: identifiers, or years.
MAX_CLASSES = 10_000

ALLOWED = f"labels are whole numbers from 0 to classes - 1, for at most {MAX_CLASSES:,} classes"


def is_label(value: float) -> bool:
    """Return whether a number may be a label."""
    return value == value // 1 and 0 <= value < MAX_CLASSES


def first_of_classes(where: str, labels: Sequence[int]) -> tuple[int | None, ...]:
    """Return where each class stands first among the labels to train on, None where nowhere.

    There are as many classes as the largest label says. Raises ``DatasetError`` if that is only
    one; ``where`` begins its message.
    """
    classes = 1 + max(labels, default=0)
    if classes < 2:
        raise DatasetError(
            f"{where} is 0 for every example: there is nothing to learn; {ALLOWED}, and are in "
            "y_train, or in the column of a CSV file that a header names label (without a header, "
            "in the last)"
        )
    first: dict[int, int] = {}
    for place, label in enumerate(labels):
        first.setdefault(label, place)
    return tuple(map(first.get, range(classes)))


def refuse_unlearned(
    first_of: Sequence[int | None], home: str, labels: Sequence[int], where: Callable[[int], str]
) -> None:
    """Raise ``DatasetError`` for the first test label that no example in ``home`` trains.

    ``where`` says where the label of a test example stands.
    """
    known = [label for label, place in enumerate(first_of) if place is not None]
    unknown = set(labels).difference(known)
    for place, label in enumerate(labels):
        if label in unknown:
            raise DatasetError(
                f"{where(place)} is {label}, a label that no training example has: {home} has "
                f"{spell(known)}. It cannot be learned; number the classes of both alike, from 0, "
                "give it examples to train on, or leave its test examples out"
            )


def spell(labels: Sequence[int]) -> str:
    """Return labels as a message shows them: ``0 to 9``, ``0, 2, 5``, not too many."""
    if len(labels) > 2 and labels[-1] - labels[0] == len(labels) - 1:
        return f"{labels[0]} to {labels[-1]}"
    more = [] if len(labels) <= 10 else [f"... ({len(labels):,} of them)"]
    return ", ".join([*map(str, labels[:10]), *more])
