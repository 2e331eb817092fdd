"""The examples that a Dask worker has read: for all slots of a sweep, and for the next sweep."""

from __future__ import annotations

import threading

from bnexp.config.network import facts_of
from bnexp.data import Dataset
from bnexp.describe import DatasetFacts
from bnexp.engines.base import Workplace, needed_examples
from bnexp.engines.shelf import DataShelf
from bnexp.errors import DatasetError
from bnexp.plan.work import Stack

#: How long the examples of a sweep stay for the next one.
_KEPT_SECONDS = 60.0


class Shelf(DataShelf):
    """Examples for all slots of a worker, read once; whose they are is checked here."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self.expected: dict[object, DatasetFacts] = {}
        self._checked: set[object] = set()

    @property
    def is_lasting(self) -> bool:
        """Whether what is here is known by its name: a user's own files may change."""
        return self.is_verified and not self._checked

    def load(self, stack: Stack, workplace: Workplace) -> Dataset:
        """See ``DataShelf``; nobody else has verified the data that are here.

        A user's own must be those that the driver has seen.
        """
        with self._guard:
            spec = needed_examples(stack.runs[0].config)
            place = (spec.path, spec.test_path)
            if spec.path is not None and place not in self._checked:
                found = facts_of(stack.runs[0].config.data)
                if found.content != self.expected[place].content:
                    files = " or ".join(path for path in place if path)
                    raise DatasetError(
                        f"{files}: not the data that the sweep was planned with; put a copy of "
                        "those there"
                    )
                self._checked.add(place)
            dataset = super().load(stack, workplace)
            self.verify(stack.runs[0], workplace)
            return dataset


class Rest:
    """The examples of a sweep that is over, kept a while for the one that follows."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._shelf: Shelf | None = None
        self._end = threading.Timer(0, self.take)

    def take(self) -> Shelf:
        """Return the shelf that is here, else an empty one."""
        with self._guard:
            self._end.cancel()
            shelf, self._shelf = self._shelf or Shelf(), None
            return shelf

    def keep(self, shelf: Shelf) -> None:
        """Keep a shelf, where the next sweep may take what is on it for its own."""
        with self._guard:
            self._end.cancel()
            self._shelf = shelf if shelf.is_lasting else None
            self._end = threading.Timer(_KEPT_SECONDS, self.take)
            self._end.daemon = True
            self._end.start()


#: Where the shelves of this process rest.
rest = Rest()
