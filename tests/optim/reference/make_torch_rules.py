"""Write torch_rules.json: what PyTorch's optimizers do, in float64, for the tests beside it.

Run by hand with PyTorch installed (2.13.0 made the present file). The tests do not need PyTorch.
Each case has runs with numbers of their own, each of which is an optimizer of its own here. The
first WEIGHTS parameters decay, and the learning rate of each update is lr times its factor.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found,unused-ignore]

WEIGHTS, OTHERS, STEPS, RUNS = 4, 2, 6, 3
FACTORS = [0.5, 1.0, 1.0, 0.7, 0.3, 0.01]

NUMBERS = {
    "lr": [0.1, 0.02, 0.003],
    "momentum": [0.9, 0.0, 0.5],
    "beta1": [0.9, 0.0, 0.5],
    "beta2": [0.999, 0.9, 0.0],
    "rho": [0.9, 0.99, 0.0],
    "eps": [1e-8, 1e-3, 0.1],
    "weight_decay": [0.0, 0.0, 0.0],
}
DECAY = [0.01, 0.0, 0.5]


def torch_optimizer(kind: str, groups: list[dict[str, Any]], n: dict[str, float]) -> Any:
    optim = torch.optim
    lr, eps, betas = n["lr"], n["eps"], (n["beta1"], n["beta2"])
    if kind == "sgd":
        return optim.SGD(groups, lr=lr)
    if kind == "momentum":
        return optim.SGD(groups, lr=lr, momentum=n["momentum"])
    if kind == "nesterov":
        nesterov = n["momentum"] > 0  # PyTorch refuses it without a momentum
        return optim.SGD(groups, lr=lr, momentum=n["momentum"], nesterov=nesterov)
    if kind == "adagrad":
        return optim.Adagrad(groups, lr=lr, eps=eps)
    if kind == "rmsprop":
        return optim.RMSprop(groups, lr=lr, alpha=n["rho"], eps=eps)
    if kind == "adam":
        return optim.Adam(groups, lr=lr, betas=betas, eps=eps)
    return optim.AdamW(groups, lr=lr, betas=betas, eps=eps)


def run(kind: str, n: dict[str, float], theta: torch.Tensor, grads: torch.Tensor) -> Any:
    """Return theta after every update."""
    w = theta[:WEIGHTS].clone().requires_grad_()
    b = theta[WEIGHTS:].clone().requires_grad_()
    groups: list[dict[str, Any]] = [{"params": [w]}, {"params": [b]}]
    if kind == "adamw":
        groups[0]["weight_decay"], groups[1]["weight_decay"] = n["weight_decay"], 0.0
    optimizer = torch_optimizer(kind, groups, n)
    path = []
    for gradient, factor in zip(grads, FACTORS, strict=True):
        w.grad, b.grad = gradient[:WEIGHTS].clone(), gradient[WEIGHTS:].clone()
        for group in optimizer.param_groups:
            group["lr"] = n["lr"] * factor
        optimizer.step()
        path.append([*w.tolist(), *b.tolist()])
    return path


def main() -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    theta = torch.randn(RUNS, WEIGHTS + OTHERS)
    grads = torch.randn(STEPS, RUNS, WEIGHTS + OTHERS)
    grads[:, :, 1] *= 1e-6
    grads[:2, :, 2] = 0
    cases = {}
    for kind in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"):
        numbers = dict(NUMBERS)
        if kind == "adamw":
            numbers["weight_decay"] = DECAY
        if kind == "sgd":
            numbers["momentum"] = [0.0] * RUNS
        paths = [
            run(kind, {name: v[k] for name, v in numbers.items()}, theta[k], grads[:, k])
            for k in range(RUNS)
        ]
        cases[kind] = {"numbers": numbers, "path": paths}
    values = {
        "weights": WEIGHTS,
        "factors": FACTORS,
        "theta": theta.tolist(),
        "grads": grads.tolist(),
        "cases": cases,
    }
    target = Path(__file__).with_name("torch_rules.json")
    target.write_text(json.dumps(values) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
