"""Which files a dataset is kept in, by its form."""

from __future__ import annotations

from bnexp.data.cifar import cifar_files
from bnexp.data.content import DataFile
from bnexp.data.idx import idx_files
from bnexp.describe import DatasetFacts


def dataset_files(facts: DatasetFacts, *, test: bool = True) -> tuple[DataFile, ...]:
    """Return the files of a dataset that is downloaded; without ``test``, of its training part."""
    if facts.name == "cifar10":
        return cifar_files(facts, test=test)
    return idx_files(facts, test=test)
