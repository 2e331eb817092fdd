"""A network and its training in another way: one run, examples first, float64, plain loops.

For comparison with records and states: nothing here comes from ``bnexp.nn`` or ``bnexp.optim``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp import describe

Array = NDArray[np.float64]
#: Mean and variance of each channel, for each norm of a network.
Moments = list[tuple[Array, Array]]


def split_theta(spec: describe.NetworkSpec, theta: Array) -> list[dict[str, Array]]:
    """Return the parameters of each layer; all weights come first, then what each layer has."""
    found: list[dict[str, Array]] = [{} for _ in spec.layers]
    rest = iter(theta.astype(np.float64))

    def take(*shape: int) -> Array:
        return np.array([next(rest) for _ in range(math.prod(shape))]).reshape(shape)

    for own, layer in zip(found, spec.layers, strict=True):
        if isinstance(layer, describe.Dense):
            own["W"] = take(layer.units, layer.inputs)
        elif isinstance(layer, describe.Conv):
            # Stored by column of the kernel, row of the kernel, channel.
            stored = take(layer.filters, layer.kernel, layer.kernel, layer.shape[1])
            own["W"] = stored.transpose(0, 3, 2, 1)
    for own, layer in zip(found, spec.layers, strict=True):
        if isinstance(layer, describe.Dense | describe.Conv) and layer.bias:
            own["b"] = take(layer.units)
        elif isinstance(layer, describe.Norm):
            own |= {"gamma": take(layer.units), "beta": take(layer.units)}
    assert next(rest, None) is None
    return found


def logits_of(
    spec: describe.NetworkSpec,
    theta: Array,
    x: Array,
    *,
    eps: float = 1e-5,
    moments: Moments | None = None,
) -> tuple[Array, Moments]:
    """Return logits (B, classes) of rows x, and the moments that each batch norm saw.

    ``moments`` are what the norms use; None for those of these examples.
    """
    y: Array = x.astype(np.float64)
    if len(spec.input_shape) == 3:
        y = y.reshape(len(y), *spec.input_shape).transpose(0, 2, 1, 3)
    seen: Moments = []
    for layer, own in zip(spec.layers, split_theta(spec, theta), strict=True):
        if isinstance(layer, describe.Norm):
            axes = (0, 2, 3) if y.ndim == 4 else (0,)
            seen.append((y.mean(axis=axes), y.var(axis=axes)))
            mean, var = seen[-1] if moments is None else moments[len(seen) - 1]
            shape = (1, -1, 1, 1) if y.ndim == 4 else (1, -1)
            h = (y - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
            y = own["gamma"].reshape(shape) * h + own["beta"].reshape(shape)
        else:
            y = _apply(layer, own, y)
    return y, seen


def _apply(layer: describe.Layer, own: dict[str, Array], y: Array) -> Array:
    if isinstance(layer, describe.Dense):
        return y @ own["W"].T + own.get("b", 0.0)
    if isinstance(layer, describe.Conv):
        return _convolve(layer, own, y)
    if isinstance(layer, describe.Pool):
        reduce = np.max if layer.kind == "max" else np.mean
        return _windows(y, layer.window, layer.stride, reduce)
    if isinstance(layer, describe.Activation):
        assert layer.kind == "relu"
        return y * (y > 0)
    if isinstance(layer, describe.Dropout):
        return y  # off, but in training
    return y.transpose(0, 2, 1, 3).reshape(len(y), -1)


def _convolve(layer: describe.Conv, own: dict[str, Array], y: Array) -> Array:
    padded = np.pad(y, ((0, 0), (0, 0), *layer.padding))
    height, _, width = layer.out_shape
    size, step = layer.kernel, layer.stride
    out = np.empty((len(y), layer.filters, height, width))
    for i in range(height):
        for j in range(width):
            window = padded[:, :, i * step : i * step + size, j * step : j * step + size]
            out[:, :, i, j] = np.einsum("bcij,fcij->bf", window, own["W"])
    return out + own["b"].reshape(1, -1, 1, 1) if "b" in own else out


def _windows(y: Array, window: tuple[int, int], stride: tuple[int, int], reduce: Any) -> Array:
    (high, wide), (down, right) = window, stride
    rows = [
        [
            reduce(y[:, :, i : i + high, j : j + wide], axis=(2, 3))
            for j in range(0, y.shape[3] - wide + 1, right)
        ]
        for i in range(0, y.shape[2] - high + 1, down)
    ]
    return np.array(rows).transpose(2, 3, 0, 1)


def measure(logits: Array, labels: Any, *, smoothing: float = 0.0) -> tuple[float, float]:
    """Return the mean cross-entropy with smoothed targets, and the share of right answers."""
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        log_sum = math.log(sum(math.exp(z - row.max()) for z in row)) + row.max()
        target = [smoothing / len(row) + (1 - smoothing) * (c == label) for c in range(len(row))]
        total -= sum(t * (z - log_sum) for t, z in zip(target, row, strict=True))
    return total / len(logits), float(np.mean(logits.argmax(axis=1) == labels))


class TwoLayers:
    """tanh hidden units and softmax, with all penalties, trained by any rule and any factors.

    ``W`` are the two weight matrices; biases start at 0.
    """

    def __init__(self, W: Sequence[Array], n: dict[str, float]) -> None:
        self.p = [W[0].copy(), np.zeros(len(W[0])), W[1].copy(), np.zeros(len(W[1]))]
        self.n = n
        self.first: list[Any] = [0.0] * 4  # velocity, or the average of gradients
        self.second: list[Any] = [0.0] * 4  # what is known of squared gradients
        self.steps = 0

    def loss(self, x: Array, y: Any) -> float:
        """Return the mean loss with penalties."""
        W1, b1, W2, b2 = self.p
        data, _ = measure(
            np.tanh(x @ W1.T + b1) @ W2.T + b2, y, smoothing=self.n["label_smoothing"]
        )
        n, sizes = self.n, np.abs(np.concatenate([W1.ravel(), W2.ravel()]))
        return float(
            data
            + n["l1"] * sizes.sum()
            + n["l2"] / 2 * (sizes**2).sum()
            + n["lp"] / n["p"] * (sizes ** n["p"]).sum()
        )

    def gradients(self, x: Array, y: Any) -> list[Array]:
        """Return the gradient of the loss for W1, b1, W2, b2, clipped."""
        W1, b1, W2, b2 = self.p
        n = self.n
        h = np.tanh(x @ W1.T + b1)
        z = h @ W2.T + b2
        share = np.exp(z - z.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        target = (1 - n["label_smoothing"]) * np.eye(len(b2))[y] + n["label_smoothing"] / len(b2)
        dz = (share - target) / len(x)
        dh = dz @ W2 * (1 - h**2)
        found = [dh.T @ x, dh.sum(axis=0), dz.T @ h, dz.sum(axis=0)]
        for k in (0, 2):
            W = self.p[k]
            found[k] += n["l1"] * np.sign(W) + n["l2"] * W
            found[k] += n["lp"] * np.sign(W) * np.abs(W) ** (n["p"] - 1)
        length = math.sqrt(sum(float((g**2).sum()) for g in found))
        if n["clip"] and length > n["clip"]:
            found = [g * n["clip"] / length for g in found]
        return found

    def step(self, kind: str, x: Array, y: Any, lr: float) -> None:
        """Make one update by the textbook."""
        grads, n = self.gradients(x, y), self.n
        self.steps += 1
        for k, g in enumerate(grads):
            if k in (0, 2):
                self.p[k] *= 1 - lr * n["weight_decay"]
            if kind in ("sgd", "momentum", "nesterov"):
                v = self.first[k] = n["momentum"] * self.first[k] + g
                move = g + n["momentum"] * v if kind == "nesterov" else v
            elif kind == "adagrad":
                self.second[k] = self.second[k] + g**2
                move = g / (np.sqrt(self.second[k]) + n["eps"])
            elif kind == "rmsprop":
                self.second[k] = n["rho"] * self.second[k] + (1 - n["rho"]) * g**2
                move = g / (np.sqrt(self.second[k]) + n["eps"])
            else:
                m = self.first[k] = n["beta1"] * self.first[k] + (1 - n["beta1"]) * g
                v = self.second[k] = n["beta2"] * self.second[k] + (1 - n["beta2"]) * g**2
                m_hat, v_hat = (
                    m / (1 - n["beta1"] ** self.steps),
                    v / (1 - n["beta2"] ** self.steps),
                )
                move = m_hat / (np.sqrt(v_hat) + n["eps"])
            self.p[k] = self.p[k] - lr * move


def batches_of(order: Any, size: int) -> Iterator[Any]:
    """Cut an epoch's order into batches."""
    for start in range(0, len(order), size):
        yield order[start : start + size]
