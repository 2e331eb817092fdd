"""The networks of Fig. 6-18 in PyTorch: one after another, or a process' networks stacked.

``eager`` is the ordinary loop. ``stacked`` trains all networks of an arm as one, written with
``baddbmm`` and the batch last, so that PyTorch's own batch norm takes the stack for one layer of
many channels and the first layer is one wide product. ``compiled`` compiles the stacked step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, cross_entropy, relu

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import (
    FIG6_18,
    FIG6_18_EVERY,
    FIG6_18_LR,
    FIG6_18_SCALES,
    fig6_18_batches,
    fig6_18_data,
    unit_normals,
)

Loss = Callable[[Tensor, Tensor], Tensor]


def build(normals: Sequence[Tensor], scale: float, norm: bool) -> nn.Sequential:
    """Return one network."""
    layers: list[nn.Module] = []
    for i, weights in enumerate(normals):
        units, inputs = weights.shape
        # In front of batch norm a bias has no effect.
        layer = nn.Linear(inputs, units, bias=not norm or i == len(normals) - 1)
        with torch.no_grad():
            layer.weight.copy_(weights * scale)
            if layer.bias is not None:
                layer.bias.zero_()
        layers.append(layer)
        if i < len(normals) - 1:
            layers += [nn.BatchNorm1d(units, eps=1e-6, momentum=0.1)] if norm else []
            layers += [nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def train_one(network: nn.Sequential, x: Tensor, y: Tensor, batches: Tensor) -> float:
    """Train one network and return its last accuracy."""
    optimizer = torch.optim.SGD(network.parameters(), lr=FIG6_18_LR, fused=True)
    for step, chosen in enumerate(batches):
        optimizer.zero_grad()
        cross_entropy(network(x[chosen]), y[chosen]).backward()
        optimizer.step()
        if step % FIG6_18_EVERY == 0:
            network.eval()
            with torch.inference_mode():
                logits = network(x)
                cross_entropy(logits, y).item()
                accuracy = float((logits.argmax(1) == y).float().mean())
            network.train()
    return accuracy


class Stack:
    """Networks of one arm as one; activations are (networks, units, examples)."""

    def __init__(self, normals: Sequence[Tensor], scales: Tensor, norm: bool) -> None:
        self.networks, self.norm = len(scales), norm
        self.W, self.b = [], []
        for weights in normals:
            W = scales[:, None, None] * weights
            self.W.append(W.requires_grad_())
            self.b.append(torch.zeros(self.networks, len(weights), 1, requires_grad=True))
        hidden = [self.networks * len(weights) for weights in normals[:-1]] if norm else []
        self.gamma = [torch.ones(width, requires_grad=True) for width in hidden]
        self.beta = [torch.zeros(width, requires_grad=True) for width in hidden]
        self.mean = [torch.zeros(width) for width in hidden]
        self.var = [torch.ones(width) for width in hidden]
        # In front of batch norm a bias has no effect.
        b = self.b[-1:] if norm else self.b
        self.parameters = [*self.W, *b, *self.gamma, *self.beta]
        self.everything = [*self.parameters, *self.mean, *self.var]
        self.initial = [tensor.detach().clone() for tensor in self.everything]

    def begin(self) -> None:
        """Go back to the initial numbers."""
        with torch.no_grad():
            for tensor, value in zip(self.everything, self.initial, strict=True):
                tensor.copy_(value)

    def forward(self, x: Tensor, train: bool) -> Tensor:
        """Return the logits (networks, 10, examples) of examples (784, examples)."""
        first = self.W[0].flatten(0, 1)
        z = first @ x if self.norm else torch.addmm(self.b[0].flatten(0, 1), first, x)
        z = z.view(self.networks, -1, x.shape[1])
        for i in range(1, len(self.W)):
            if self.norm:
                z = batch_norm(
                    z.flatten(0, 1)[None],
                    self.mean[i - 1],
                    self.var[i - 1],
                    self.gamma[i - 1],
                    self.beta[i - 1],
                    train,
                    0.1,
                    1e-6,
                ).view_as(z)
            has_bias = not self.norm or i == len(self.W) - 1
            h = relu(z)
            z = torch.baddbmm(self.b[i], self.W[i], h) if has_bias else torch.bmm(self.W[i], h)
        return z

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum over networks of the mean loss of a mini-batch."""
        losses = cross_entropy(self.forward(x, True), y.expand(self.networks, -1), reduction="sum")
        return losses / x.shape[1]

    def measure(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses and accuracies (networks,) on all examples."""
        logits, labels = self.forward(x, False), y.expand(self.networks, -1)
        losses = cross_entropy(logits, labels, reduction="none").mean(1)
        return losses, (logits.argmax(1) == labels).float().mean(1)


def train_stack(stack: Stack, loss: Loss, x: Tensor, y: Tensor, batches: Tensor) -> float:
    """Train a stack from its beginning and return the best of its last accuracies."""
    stack.begin()
    optimizer = torch.optim.SGD(stack.parameters, lr=FIG6_18_LR, fused=True)
    columns = x.T.contiguous()
    for step, chosen in enumerate(batches):
        optimizer.zero_grad()
        loss(x[chosen].T, y[chosen]).backward()
        optimizer.step()
        if step % FIG6_18_EVERY == 0:
            with torch.inference_mode():
                losses, accuracies = stack.measure(columns, y)
                losses.tolist()
    return float(accuracies.max())


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains this process' networks."""
    torch.set_num_threads(task.threads)
    torch.set_flush_denormal(True)
    data, labels = fig6_18_data()
    x, y = torch.from_numpy(np.array(data)), torch.from_numpy(np.array(labels))
    batches = torch.from_numpy(fig6_18_batches())
    normals = [torch.from_numpy(weights) for weights in unit_normals(FIG6_18)]
    scales = list(task.share(FIG6_18_SCALES))

    def run_each() -> Result:
        accuracies = [
            train_one(build(normals, scale, norm), x, y, batches)
            for scale in scales
            for norm in (True, False)
        ]
        return {"accuracy": max(accuracies), "networks": len(accuracies)}

    stacks = [Stack(normals, torch.tensor(scales), norm) for norm in (True, False)]
    losses: list[Loss] = [stack.loss for stack in stacks]
    if task.mode == "compiled":
        losses = [torch.compile(loss) for loss in losses]

    def run_stacks() -> Result:
        pairs = zip(stacks, losses, strict=True)
        accuracies = [train_stack(stack, loss, x, y, batches) for stack, loss in pairs]
        return {"accuracy": max(accuracies), "networks": 2 * len(scales)}

    return run_each if task.mode == "eager" else run_stacks


if __name__ == "__main__":
    serve(prepare)
