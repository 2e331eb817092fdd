"""keras-mnist without batch norm, which it does not have, in scikit-learn: ``MLPClassifier``."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import MNIST, MNIST_BATCH, MNIST_LR, load


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains this process' networks for one epoch."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch is what was asked for
    threadpool_limits(limits=task.threads)
    data = load("mnist", task.train)
    x, y = np.asarray(data.x_train), np.asarray(data.y_train)
    x_test, y_test = np.asarray(data.x_test), np.asarray(data.y_test)

    def run() -> Result:
        accuracies, losses = [], []
        for seed in task.share(range(task.networks)):
            network = MLPClassifier(
                MNIST[1:-1],
                solver="sgd",
                alpha=0,
                batch_size=MNIST_BATCH,
                learning_rate_init=MNIST_LR,
                momentum=0,
                max_iter=1,
                random_state=seed,
            )
            network.fit(x, y)
            accuracies.append(network.score(x_test, y_test))
            losses.append(network.loss_)
        return {"accuracy": float(min(accuracies)), "loss": float(max(losses))}

    return run


if __name__ == "__main__":
    serve(prepare)
