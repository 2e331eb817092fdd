"""The products of the training examples with each other, computed once per dataset."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from bnexp.data.dataset import Dataset

_KNOWN: WeakKeyDictionary[Dataset, NDArray[Any]] = WeakKeyDictionary()


def gram(dataset: Dataset) -> NDArray[Any]:
    """Return x_train x_train^T (N, N), in the dtype of the examples."""
    if dataset not in _KNOWN:
        x = dataset.rows("train")
        _KNOWN[dataset] = np.matmul(x, x.T)
    return _KNOWN[dataset]
