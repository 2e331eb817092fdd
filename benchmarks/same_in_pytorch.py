"""The networks of keras-mnist.yaml and cifar10-cnn.yaml in PyTorch: do they learn as much as ours?

A plain training loop with the same layers, initial distributions, update rule, batches and epochs;
only the random numbers differ. It prints a line per epoch and is compared by eye, over several
seeds, with ``bnexp sweep``. It needs PyTorch, which bnexp itself does not:

    python benchmarks/same_in_pytorch.py cifar10-cnn --norm --seed 0
"""

from __future__ import annotations

import time

import click
import numpy as np
import torch
from torch import nn

from bnexp.data import load_dataset

SHAPES = {"keras-mnist": (1, 28, 28), "cifar10-cnn": (3, 32, 32)}


def build(config: str, norm: bool) -> nn.Sequential:
    """Build the network of a config, with Glorot's uniform weights and zero biases."""
    if config == "keras-mnist":
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, units in ((784, 50), (50, 20)):
            layers += [nn.Linear(inputs, units)]
            layers += [nn.BatchNorm1d(units, eps=1e-3, momentum=0.01)] if norm else []
            layers += [nn.ReLU()]
        layers += [nn.Linear(20, 10)]
    else:
        layers = []
        for channels, filters, pool in ((3, 8, 0), (8, 8, 1), (8, 16, 0), (16, 16, 1)):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            layers += [nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)] if norm else []
            layers += [nn.MaxPool2d(2)] if pool else []
        layers += [nn.Flatten(), nn.Linear(1024, 256), nn.ReLU()]
        layers += [nn.BatchNorm1d(256, eps=1e-3, momentum=0.01)] if norm else []
        layers += [nn.Linear(256, 10)]
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def load(config: str) -> list[torch.Tensor]:
    """Return training images and labels, then those of the test, as PyTorch wants them."""
    data = load_dataset("mnist" if config == "keras-mnist" else "cifar10")
    channels, height, width = SHAPES[config]
    tensors = []
    for part in ("train", "test"):
        images = np.asarray(data.rows(part)).reshape(-1, height, channels, width)
        tensors += [torch.tensor(images.transpose(0, 2, 1, 3).copy())]
        tensors += [torch.tensor(np.array(data.labels(part)))]
    return tensors


@click.command()
@click.argument("config", type=click.Choice(list(SHAPES)))
@click.option("--norm/--no-norm", default=True, help="With batch norm, or without.")
@click.option("--seed", default=0, show_default=True)
@click.option("--epochs", default=10, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(config: str, norm: bool, seed: int, epochs: int, threads: int) -> None:
    """Train one network and print its metrics after every epoch."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    x, y, x_test, y_test = load(config)
    network = build(config, norm)
    batch = 32 if config == "keras-mnist" else 256
    if config == "keras-mnist":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    else:
        network = network.to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for epoch in range(1, epochs + 1):
        started, total, right = time.perf_counter(), 0.0, 0
        network.train()
        for chosen in torch.randperm(len(x)).split(batch):
            logits = network(x[chosen])
            loss = nn.functional.cross_entropy(logits, y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
            right += int((logits.argmax(1) == y[chosen]).sum())
        network.eval()
        with torch.no_grad():
            parts = zip(x_test.split(1000), y_test.split(1000), strict=True)
            tested = sum(int((network(part).argmax(1) == labels).sum()) for part, labels in parts)
        click.echo(
            f"{config} norm={norm} seed={seed} epoch {epoch}: running loss {total / len(x):.4f}, "
            f"running accuracy {right / len(x):.4f}, test accuracy {tested / len(x_test):.4f}, "
            f"{time.perf_counter() - started:.1f} s"
        )


if __name__ == "__main__":
    main()
