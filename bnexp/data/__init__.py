"""Datasets as arrays: the embedded digits, and MNIST and Fashion-MNIST from IDX files.

``load_dataset`` finds the files of a dataset, or downloads them, verifies the checksum of their
content and gives a ``Dataset``. Both names load NumPy when they are first used and not before, so
that commands can find, verify and download files without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnexp.data.load import Dataset, load_dataset

__all__ = ["Dataset", "load_dataset"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from bnexp.data import load

        return getattr(load, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
