"""keras-mnist in Keras: ``fit`` with its validation, many steps per execution.

The backend is that of KERAS_BACKEND. The model is compiled once; every run begins from the initial
weights again.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import MNIST, MNIST_BATCH, MNIST_LR, gains, load


def build(steps: int) -> keras.Model:
    """Return the compiled model."""
    layers = [keras.Input((MNIST[0],))]
    for units in MNIST[1:-1]:
        layers += [keras.layers.Dense(units, use_bias=False), keras.layers.BatchNormalization()]
        layers += [keras.layers.ReLU()]
    model = keras.Sequential([*layers, keras.layers.Dense(MNIST[-1])])
    model.compile(
        optimizer=keras.optimizers.SGD(MNIST_LR),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=steps,
    )
    return model


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains this process' networks for one epoch."""
    is_torch = keras.backend.backend() == "torch"  # which makes one step at a time only
    if is_torch:
        import torch

        torch.set_num_threads(task.threads)
    data = load("mnist", task.train)
    x, y = np.asarray(data.x_train), np.asarray(data.y_train)
    test = np.asarray(data.x_test), np.asarray(data.y_test)
    model = build(steps=1 if is_torch else 125)
    initial = model.get_weights()
    factors = list(task.share(gains(task.networks)))

    def run() -> Result:
        accuracies, losses = [], []
        for factor in factors:
            model.set_weights([W * factor if W.ndim == 2 else W for W in initial])
            history = model.fit(
                x,
                y,
                batch_size=MNIST_BATCH,
                epochs=1,
                validation_data=test,
                verbose=0,
                validation_batch_size=1000,
            )
            accuracies.append(history.history["val_accuracy"][-1])
            losses.append(history.history["loss"][-1])
        return {"accuracy": float(min(accuracies)), "loss": float(max(losses))}

    return run


if __name__ == "__main__":
    serve(prepare)
