"""cifar10-cnn in Keras: ``fit`` with its validation; the backend is that of KERAS_BACKEND.

The model is compiled once; every run begins from the initial weights again.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import (
    CIFAR10_BATCH,
    CIFAR10_CONVS,
    CIFAR10_DENSE,
    CIFAR10_LR,
    images,
    load,
)


def build() -> keras.Model:
    """Return the compiled model."""
    layers = [keras.Input((32, 32, 3))]
    for _, filters, pool in CIFAR10_CONVS:
        layers += [keras.layers.Conv2D(filters, 3, padding="same", activation="relu")]
        layers += [keras.layers.BatchNormalization()]
        layers += [keras.layers.MaxPooling2D()] if pool else []
    layers += [keras.layers.Flatten(), keras.layers.Dense(CIFAR10_DENSE[1], activation="relu")]
    layers += [keras.layers.BatchNormalization(), keras.layers.Dense(CIFAR10_DENSE[-1])]
    model = keras.Sequential(layers)
    model.compile(
        optimizer=keras.optimizers.Adam(CIFAR10_LR),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains the network for one epoch."""
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(task.threads)
    data = load("cifar10", task.train)
    x, x_test = images(data.x_train), images(data.x_test)
    y, y_test = np.asarray(data.y_train), np.asarray(data.y_test)
    model = build()
    model.optimizer.build(model.trainable_variables)
    initial = model.get_weights()
    moments = [keras.ops.convert_to_numpy(value) for value in model.optimizer.variables]

    def run() -> Result:
        model.set_weights(initial)
        for variable, value in zip(model.optimizer.variables, moments, strict=True):
            variable.assign(value)
        history = model.fit(
            x,
            y,
            batch_size=CIFAR10_BATCH,
            epochs=1,
            validation_data=(x_test, y_test),
            validation_batch_size=1000,
            verbose=0,
        )
        values = history.history
        return {"accuracy": float(values["val_accuracy"][-1]), "loss": float(values["loss"][-1])}

    return run


if __name__ == "__main__":
    serve(prepare)
