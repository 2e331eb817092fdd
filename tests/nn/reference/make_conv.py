"""Write conv_values.npz: what PyTorch computes, in float64, for the tests of images.

Run by hand with PyTorch installed (2.13.0 made the present file). The tests do not need PyTorch.
Arrays are stored as PyTorch has them: images (B, C, H, W), weights (F, C, kernel, kernel). The
names are <case>.<array>; each case's settings are in its name or beside it as integers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch  # type: ignore[import-not-found,unused-ignore]
import torch.nn.functional as F  # type: ignore[import-not-found,unused-ignore]  # noqa: N812

# H, C, W, filters, kernel, stride, top, bottom, left, right
CONVOLUTIONS = {
    "same": (5, 3, 6, 4, 3, 1, 1, 1, 1, 1),
    "valid": (6, 2, 5, 3, 3, 1, 0, 0, 0, 0),
    "number": (4, 2, 5, 3, 3, 1, 2, 2, 2, 2),
    "even": (5, 2, 5, 2, 2, 1, 0, 1, 0, 1),
    "strided": (7, 2, 6, 3, 3, 2, 1, 1, 0, 1),
    "gaps": (7, 2, 8, 3, 2, 3, 0, 0, 0, 0),
    "pointwise": (4, 3, 3, 5, 1, 1, 0, 0, 0, 0),
    "wide_border": (3, 1, 3, 2, 2, 1, 3, 0, 0, 4),
}
# H, C, W, window height and width, stride down and across
POOLS = {
    "halves": (6, 2, 8, 2, 2, 2, 2),
    "leftover": (5, 2, 7, 2, 3, 2, 3),
    "overlapping": (7, 2, 6, 3, 3, 2, 1),
    "gaps": (8, 1, 7, 2, 1, 3, 2),
    "global": (4, 3, 5, 4, 5, 4, 5),
}
BATCH = 2


def draw(*shape: int) -> Any:
    """Draw eighths, which leave results short and files small."""
    return torch.round(8 * torch.randn(*shape)) / 8


def convolution(settings: tuple[int, ...]) -> dict[str, Any]:
    H, C, W, filters, kernel, stride, top, bottom, left, right = settings
    x = draw(BATCH, C, H, W).requires_grad_()
    weight = draw(filters, C, kernel, kernel).requires_grad_()
    bias = draw(filters).requires_grad_()
    y = F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, stride=stride)
    dy = draw(*y.shape)
    y.backward(dy)
    return {
        "settings": settings,
        "x": x,
        "W": weight,
        "b": bias,
        "y": y,
        "dy": dy,
        "dx": x.grad,
        "dW": weight.grad,
        "db": bias.grad,
    }


def pool(kind: str, settings: tuple[int, ...]) -> dict[str, Any]:
    H, C, W, high, wide, down, across = settings
    # Half of the pixels are 0, so that windows have ties, as behind a ReLU.
    x = torch.relu(draw(BATCH, C, H, W)).requires_grad_()
    function = F.max_pool2d if kind == "max" else F.avg_pool2d
    y = function(x, (high, wide), (down, across))
    dy = draw(*y.shape)
    y.backward(dy)
    return {"settings": settings, "x": x, "y": y, "dy": dy, "dx": x.grad}


def smoothed_cross_entropy(share: float) -> dict[str, Any]:
    logits = (3 * torch.randn(6, 4)).requires_grad_()
    labels = torch.randint(0, 4, (6,))
    total = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=share)
    F.cross_entropy(logits, labels, label_smoothing=share).backward()
    return {
        "share": share,
        "logits": logits,
        "labels": labels,
        "sum": total,
        "gradient_of_mean": logits.grad,
    }


def main() -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    cases = {f"conv_{name}": convolution(settings) for name, settings in CONVOLUTIONS.items()}
    for kind in ("max", "average"):
        cases |= {f"{kind}_{name}": pool(kind, settings) for name, settings in POOLS.items()}
    cases |= {f"smoothing_{n}": smoothed_cross_entropy(s) for n, s in enumerate((0.1, 0.5, 1.0))}
    arrays: dict[str, Any] = {
        f"{case}.{name}": np.asarray(value.detach() if torch.is_tensor(value) else value)
        for case, values in cases.items()
        for name, value in values.items()
    }
    np.savez_compressed(Path(__file__).with_name("conv_values.npz"), **arrays)


if __name__ == "__main__":
    main()
