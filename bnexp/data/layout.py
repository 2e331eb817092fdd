"""Features in the order that saves work: those that are zero in every training example go last.

Their products with the weights are zeros, and so are their weights' gradients, so the trainer can
leave both out and stay exact. Of the 784 pixels of MNIST 609 are ever used by the first 1000
images. Weights belong to features, not to places, so a result does not depend on the order.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bnexp.data.load import Dataset


def drop_unused_features(dataset: Dataset) -> Dataset:
    """Return the dataset with unused features left out of x_train and put last in x_test.

    ``order`` (features,) then says where each feature was. Test examples keep all features, since
    what no training example uses may well occur there.
    """
    used = dataset.x_train.any(axis=0)
    if used.all():
        return dataset
    order = np.concatenate([np.flatnonzero(used), np.flatnonzero(~used)])
    return dataclasses.replace(
        dataset,
        x_train=np.ascontiguousarray(dataset.x_train[:, used]),
        x_test=np.ascontiguousarray(dataset.x_test[:, order]),
        order=order,
    )
