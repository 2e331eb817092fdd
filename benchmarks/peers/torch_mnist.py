"""keras-mnist in PyTorch: tensors sliced by hand, a fused optimizer; or whole steps compiled.

Several networks are trained one after another (``eager``, ``compiled``) or as one (``stacked``,
with ``bmm``; every network sees the same batches).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, cross_entropy, linear, relu

from benchmarks.contestant import Result, Task, serve
from benchmarks.workloads import (
    MNIST,
    MNIST_BATCH,
    MNIST_LR,
    NORM_EPS,
    NORM_KEPT,
    dense_shapes,
    gains,
    glorot,
    load,
)

Data = tuple[Tensor, Tensor, Tensor, Tensor]


def build(gain: float) -> nn.Sequential:
    """Return one network."""
    layers: list[nn.Module] = []
    for weights in glorot(dense_shapes(MNIST)):
        units, inputs = weights.shape
        layer = nn.Linear(inputs, units, bias=units == MNIST[-1])  # else batch norm has one
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights) * gain)
            if layer.bias is not None:
                layer.bias.zero_()
        norm = nn.BatchNorm1d(units, eps=NORM_EPS, momentum=1 - NORM_KEPT)
        layers += [layer, norm, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-2])


def train_one(gain: float, data: Data) -> tuple[float, float]:
    """Train one network for an epoch and return its test accuracy and running loss."""
    x, y, x_test, y_test = data
    network = build(gain)
    optimizer = torch.optim.SGD(network.parameters(), lr=MNIST_LR, fused=True)
    total = torch.zeros(())
    for chosen in torch.randperm(len(x)).split(MNIST_BATCH):
        optimizer.zero_grad()
        loss = cross_entropy(network(x[chosen]), y[chosen])
        loss.backward()
        optimizer.step()
        total += loss.detach()
    network.eval()
    with torch.inference_mode():
        logits = network(x_test)
        cross_entropy(logits, y_test).item()
        accuracy = float((logits.argmax(1) == y_test).float().mean())
    return accuracy, float(total) * MNIST_BATCH / len(x)


def functional_logits(params: list[Tensor], stats: list[Tensor], x: Tensor) -> Tensor:
    """Return logits; in training ``stats`` is empty and filled with the batch's moments."""
    W, b, gamma, beta = params[:3], params[3], params[4:6], params[6:]
    collects = not stats
    for i in range(2):
        x = linear(x, W[i])
        if collects:
            var, mean = torch.var_mean(x, 0, correction=0)
            stats += [mean, var]
        mean, var = stats[2 * i : 2 * i + 2]
        x = relu((x - mean) * (torch.rsqrt(var + NORM_EPS) * gamma[i]) + beta[i])
    return linear(x, W[2], b)


def functional_step(
    params: list[Tensor], running: list[Tensor], total: Tensor, x: Tensor, y: Tensor
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return parameters, running averages and the sum of losses after one update."""

    def loss_of(params: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        stats: list[Tensor] = []
        return cross_entropy(functional_logits(params, stats, x), y), stats

    grads, (loss, stats) = torch.func.grad_and_value(loss_of, has_aux=True)(params)
    params = [p - MNIST_LR * g for p, g in zip(params, grads, strict=True)]
    running = [NORM_KEPT * r + (1 - NORM_KEPT) * s for r, s in zip(running, stats, strict=True)]
    return params, running, total + loss


def train_functional(
    gain: float, data: Data, step: Callable[..., tuple[list[Tensor], list[Tensor], Tensor]]
) -> tuple[float, float]:
    """Train one network by whole compiled steps; return test accuracy and running loss."""
    x, y, x_test, y_test = data
    W = [torch.from_numpy(weights) * gain for weights in glorot(dense_shapes(MNIST))]
    hidden = MNIST[1:-1]
    params = [*W, torch.zeros(MNIST[-1])]
    params += [*(torch.ones(units) for units in hidden), *(torch.zeros(units) for units in hidden)]
    running = [value for units in hidden for value in (torch.zeros(units), torch.ones(units))]
    total = torch.zeros(())
    with torch.no_grad():
        for chosen in torch.randperm(len(x)).split(MNIST_BATCH):
            params, running, total = step(params, running, total, x[chosen], y[chosen])
        logits = functional_logits(params, running, x_test)
        cross_entropy(logits, y_test).item()
        accuracy = float((logits.argmax(1) == y_test).float().mean())
    return accuracy, float(total) * MNIST_BATCH / len(x)


class Stack:
    """Networks as one; activations are (networks, units, examples)."""

    def __init__(self, factors: Sequence[float]) -> None:
        self.networks = len(factors)
        scales = torch.tensor(factors)[:, None, None]
        weights = [torch.from_numpy(W) for W in glorot(dense_shapes(MNIST))]
        self.W = [(scales * W).requires_grad_() for W in weights]
        self.b = torch.zeros(self.networks, MNIST[-1], 1, requires_grad=True)
        hidden = [self.networks * len(W) for W in weights[:-1]]
        self.gamma = [torch.ones(width, requires_grad=True) for width in hidden]
        self.beta = [torch.zeros(width, requires_grad=True) for width in hidden]
        self.mean = [torch.zeros(width) for width in hidden]
        self.var = [torch.ones(width) for width in hidden]
        self.parameters = [*self.W, self.b, *self.gamma, *self.beta]

    def forward(self, x: Tensor, train: bool) -> Tensor:
        """Return the logits (networks, 10, examples) of examples (784, examples)."""
        z = self.W[0].flatten(0, 1) @ x
        for i in range(len(self.W) - 1):
            stats = self.mean[i], self.var[i], self.gamma[i], self.beta[i]
            flat = z.view(1, -1, x.shape[1])
            z = relu(batch_norm(flat, *stats, train, 1 - NORM_KEPT, NORM_EPS))
            h = z.view(self.networks, -1, x.shape[1])
            z = torch.bmm(self.W[i + 1], h)
        return z + self.b


def train_stack(factors: Sequence[float], data: Data) -> tuple[float, float]:
    """Train networks as one for an epoch; return the worst accuracy and their mean loss."""
    x, y, x_test, y_test = data
    stack = Stack(factors)
    optimizer = torch.optim.SGD(stack.parameters, lr=MNIST_LR, fused=True)
    total = torch.zeros(())
    for chosen in torch.randperm(len(x)).split(MNIST_BATCH):
        optimizer.zero_grad()
        labels = y[chosen].expand(stack.networks, -1)
        logits = stack.forward(x[chosen].T, True)
        loss = cross_entropy(logits, labels, reduction="sum") / len(chosen)
        loss.backward()
        optimizer.step()
        total += loss.detach()
    with torch.inference_mode():
        logits = stack.forward(x_test.T, False)
        cross_entropy(logits, y_test.expand(stack.networks, -1), reduction="none").mean(1)
        accuracy = float((logits.argmax(1) == y_test).float().mean(1).min())
    return accuracy, float(total) * MNIST_BATCH / len(x) / len(factors)


def prepare(task: Task) -> Callable[[], Result]:
    """Return a function that trains this process' networks for one epoch."""
    torch.set_num_threads(task.threads)
    data = load("mnist", task.train)
    arrays = data.x_train, data.y_train, data.x_test, data.y_test
    x, y, x_test, y_test = (torch.from_numpy(np.array(array)) for array in arrays)
    tensors = x, y, x_test, y_test
    factors = list(task.share(gains(task.networks)))

    step = torch.compile(functional_step) if task.mode == "compiled" else None

    def run() -> Result:
        if task.mode == "stacked":
            pairs = [train_stack(factors, tensors)]
        elif step is not None:
            pairs = [train_functional(gain, tensors, step) for gain in factors]
        else:
            pairs = [train_one(gain, tensors) for gain in factors]
        accuracies, losses = zip(*pairs, strict=True)
        return {"accuracy": min(accuracies), "loss": max(losses)}

    return run


if __name__ == "__main__":
    serve(prepare)
