"""cifar10-cnn in PyTorch: channels last, a fused Adam, tensors sliced by hand; or compiled too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import (
    CIFAR10_BATCH,
    CIFAR10_CONVS,
    CIFAR10_DENSE,
    CIFAR10_LR,
    NORM_EPS,
    NORM_KEPT,
    images,
    load,
)


def build() -> nn.Sequential:
    """Return the network, channels last."""
    layers: list[nn.Module] = []
    for channels, filters, pool in CIFAR10_CONVS:
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(inplace=True)]
        layers += [nn.BatchNorm2d(filters, eps=NORM_EPS, momentum=1 - NORM_KEPT)]
        layers += [nn.MaxPool2d(2)] if pool else []
    inputs, hidden, classes = CIFAR10_DENSE
    layers += [nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(inplace=True)]
    layers += [nn.BatchNorm1d(hidden, eps=NORM_EPS, momentum=1 - NORM_KEPT)]
    layers += [nn.Linear(hidden, classes)]
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains the network for one epoch."""
    torch.set_num_threads(task.threads)
    data = load("cifar10", task.train)
    x, x_test = (torch.from_numpy(images(rows)) for rows in (data.x_train, data.x_test))
    y, y_test = (torch.from_numpy(np.array(labels)) for labels in (data.y_train, data.y_test))
    network = build()
    initial = {name: value.clone() for name, value in network.state_dict().items()}

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(network(x), y)

    def logits_of(x: Tensor) -> Tensor:
        logits: Tensor = network(x)
        return logits

    if task.mode == "compiled":
        # Not dynamic: the last batch is smaller, and has a compiled function of its own.
        loss_of, logits_of = (torch.compile(f, dynamic=False) for f in (loss_of, logits_of))

    def run() -> Result:
        network.load_state_dict(initial)
        optimizer = torch.optim.Adam(network.parameters(), lr=CIFAR10_LR, fused=True)
        network.train()
        total = torch.zeros(())
        for chosen in torch.randperm(len(x)).split(CIFAR10_BATCH):
            optimizer.zero_grad()
            loss = loss_of(x[chosen].permute(0, 3, 1, 2), y[chosen])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(chosen)
        network.eval()
        right, tested = 0, torch.zeros(())
        with torch.inference_mode():
            for part, labels in zip(x_test.split(1000), y_test.split(1000), strict=True):
                logits = logits_of(part.permute(0, 3, 1, 2))
                tested += cross_entropy(logits, labels)
                right += int((logits.argmax(1) == labels).sum())
        return {"accuracy": right / len(y_test), "loss": float(total) / len(x)}

    return run


if __name__ == "__main__":
    serve(prepare)
