"""Datasets as arrays: digits, MNIST, Fashion-MNIST, CIFAR-10, and a user's own.

``load_dataset`` finds the files of a dataset that has a name, or downloads them, verifies the
checksum of their content and gives a ``Dataset``. ``load_prepared`` does the same for what a config
asks for: a user's own files, a validation split, label noise, standardised numbers. All names load
NumPy when they are first used and not before, so that commands can find, verify and download files
without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnexp.lazy import lazy_names

if TYPE_CHECKING:
    from bnexp.data.dataset import Dataset
    from bnexp.data.load import load_dataset
    from bnexp.data.prepare import load_prepared

__all__ = ["Dataset", "load_dataset", "load_prepared"]

__getattr__ = lazy_names(
    __name__,
    {"dataset": ["Dataset"], "load": ["load_dataset"], "prepare": ["load_prepared"]},
)
