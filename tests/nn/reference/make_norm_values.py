"""Write norm_values.npz: what PyTorch computes for norms, in float64, for the tests beside it.

Run by hand with PyTorch installed (2.13.0 made the present file). The tests do not need PyTorch.
Batch renorm and the noisy norm, which PyTorch has not, are written here as their papers' formulas
for its automatic differentiation, R and D detached. Arrays are stored batch last, as bnexp has
them: (features, batch) and (height, channels, width, batch).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch  # type: ignore[import-not-found,unused-ignore]
import torch.nn.functional as F  # type: ignore[import-not-found,unused-ignore]  # noqa: N812

EPS = 1e-3
NOISE = (0.5, 1.25, 0.1, 0.1)


def affine(h: Any, gamma: Any, beta: Any) -> Any:
    per_channel = (-1,) + (1,) * (h.dim() - 2)
    return h * gamma.view(per_channel) + beta.view(per_channel)


def batch(x: Any, gamma: Any, beta: Any, kept: dict[str, Any]) -> Any:
    mean, var = kept["running_mean"].clone(), kept["running_std"].clone()
    y = F.batch_norm(x, mean, var, gamma, beta, training=True, momentum=0.25, eps=EPS)
    kept["new_mean"], kept["new_var"] = mean, var
    kept["evaluated"] = F.batch_norm(x, mean, var, gamma, beta, training=False, eps=EPS)
    return y


def renorm(x: Any, gamma: Any, beta: Any, kept: dict[str, Any]) -> Any:
    """Take r_max = 1.5, d_max = 0.5 and alpha = 0.25."""
    others = [axis for axis in range(x.dim()) if axis != 1]
    mean = x.mean(dim=others)
    std = torch.sqrt(EPS + x.var(dim=others, unbiased=False))
    old_mean, old_std = kept["running_mean"], kept["running_std"]
    r = (std / old_std).clamp(1 / 1.5, 1.5).detach()
    d = ((mean - old_mean) / old_std).clamp(-0.5, 0.5).detach()
    kept["new_mean"] = old_mean + 0.25 * (mean - old_mean)
    kept["new_std"] = new_std = old_std + 0.25 * (std - old_std)
    evaluated = affine(x, 1 / new_std, -kept["new_mean"] / new_std)
    kept["evaluated"] = affine(evaluated, gamma, beta)
    return affine(affine(affine(x, 1 / std, -mean / std), r, d), gamma, beta)


def noisy(x: Any, gamma: Any, beta: Any, kept: dict[str, Any]) -> Any:
    """Draw as the stream (seed 5, role noise, layer 2, epoch 3) gives it, at its second step."""
    g = np.random.Generator(np.random.PCG64(np.random.SeedSequence((5, 3, 2, 3))))
    channels, examples = x.shape[1], x.shape[0]
    n_m, n_s, r_m, r_s = NOISE
    for _ in range(2):
        mean = [g.uniform(-n_m, n_m) for _ in range(channels)]
        std = [g.uniform(1, n_s) for _ in range(channels)]
        m = [[mean[j] + g.uniform(-r_m, r_m) for _ in range(examples)] for j in range(channels)]
        s = [[std[j] + r_s * g.standard_normal() for _ in range(examples)] for j in range(channels)]
    a = F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
    shape = (examples, channels, *(1,) * (x.dim() - 2))
    return a * torch.tensor(s).T.reshape(shape) + torch.tensor(m).T.reshape(shape)


def group(x: Any, gamma: Any, beta: Any, kept: dict[str, Any]) -> Any:
    return F.group_norm(x, 2, gamma, beta, eps=EPS)


def layer(x: Any, gamma: Any, beta: Any, kept: dict[str, Any]) -> Any:
    return affine(F.layer_norm(x, x.shape[1:], eps=EPS), gamma, beta)


def instance(x: Any, gamma: Any, beta: Any, kept: dict[str, Any]) -> Any:
    return F.instance_norm(x, weight=gamma, bias=beta, eps=EPS)


def rms(x: Any, gamma: Any, beta: Any, kept: dict[str, Any]) -> Any:
    return affine(F.rms_norm(x, x.shape[1:], eps=EPS), gamma, beta)


KINDS = {
    "batch": batch,
    "batch_renorm": renorm,
    "noisy_batch": noisy,
    "group": group,
    "layer": layer,
    "instance": instance,
    "rms": rms,
}


def batch_last(x: Any) -> Any:
    x = x.detach()
    return x.permute((2, 1, 3, 0) if x.dim() == 4 else (1, 0)).numpy()


def values_of(form: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Compute all kinds for a ``shape``: (batch, channels[, height, width])."""
    channels = shape[1]
    x = 2 * torch.randn(shape) + torch.linspace(-2, 5, channels).view(-1, *(1,) * (len(shape) - 2))
    dy = torch.randn(shape)
    inputs = {
        "gamma": torch.randn(channels),
        "beta": torch.randn(channels),
        "running_mean": torch.linspace(-2, 5, channels) + torch.randn(channels),
        "running_std": 0.5 + 3 * torch.rand(channels),
    }
    found = {f"{form}/{name}": value.numpy() for name, value in inputs.items()}
    found.update({f"{form}/x": batch_last(x), f"{form}/dy": batch_last(dy)})
    for kind, function in KINDS.items():
        if form == "dense" and kind == "instance":
            continue
        leaf = x.clone().requires_grad_()
        gamma, beta = (inputs[name].clone().requires_grad_() for name in ("gamma", "beta"))
        kept = dict(inputs)
        y = function(leaf, gamma, beta, kept)
        y.backward(dy)
        out = {"y": batch_last(y), "dx": batch_last(leaf.grad)}
        if "evaluated" in kept:
            out["evaluated"] = batch_last(kept["evaluated"])
        out.update({"dgamma": gamma.grad.numpy(), "dbeta": beta.grad.numpy()})
        new = {name: kept[name].detach().numpy() for name in kept if name.startswith("new_")}
        found.update({f"{form}/{kind}/{name}": value for name, value in {**out, **new}.items()})
    return found


def main() -> None:
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    values = {**values_of("dense", (5, 6)), **values_of("image", (3, 4, 3, 2))}
    np.savez_compressed(Path(__file__).with_name("norm_values.npz"), **values)


if __name__ == "__main__":
    main()
