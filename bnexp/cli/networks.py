"""A network as a table: what ``bnexp check`` prints of it; no NumPy."""

from __future__ import annotations

from bnexp.describe import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Layer,
    NetworkSpec,
    Norm,
    Pool,
    Shape,
    norm_words,
)


def network_rows(spec: NetworkSpec) -> list[tuple[str, str, str, str]]:
    """Return the network as rows: layer, output, parameters, multiply-adds for one example.

    The output of an image is height x width x channels. A layer right before a centring norm has no
    bias: the norm would subtract it again.
    """
    rows = [("layer", "output", "parameters", "multiply-adds")]
    for layer in spec.layers:
        size = f"{layer.parameters:,}" if isinstance(layer, Dense | Conv | Norm) else ""
        work = f"{layer.multiply_adds:,}" if isinstance(layer, Dense | Conv) else ""
        rows.append((_name(layer), _size(layer.out_shape), size, work))
    rows.append(("total", str(spec.classes), f"{spec.parameters:,}", f"{spec.multiply_adds:,}"))
    return rows


def _size(shape: Shape) -> str:
    if len(shape) == 1:
        return str(shape[0])
    height, channels, width = shape
    return f"{height}x{width}x{channels}"


def _name(layer: Layer) -> str:
    if isinstance(layer, Dense):
        return f"dense {layer.units}" + _no_bias(layer)
    if isinstance(layer, Conv):
        stride = "" if layer.stride == 1 else f" stride {layer.stride}"
        return f"conv {layer.filters}, {layer.kernel}x{layer.kernel}{stride}" + _no_bias(layer)
    if isinstance(layer, Pool):
        return _pool_name(layer)
    if isinstance(layer, Norm):
        groups = f", {layer.groups} groups" if layer.kind == "group" else ""
        return norm_words(layer.kind) + groups
    if isinstance(layer, Dropout):
        return ("spatial " if layer.spatial else "") + (
            "dropout" if layer.rate is None else f"dropout {layer.rate:g}"
        )
    return layer.kind if isinstance(layer, Activation) else "flatten"


def _no_bias(layer: Dense | Conv) -> str:
    return "" if layer.bias else ", no bias"


def _pool_name(layer: Pool) -> str:
    if layer.is_global:
        return f"global {layer.kind} pool"
    stride = "" if layer.stride == layer.window else f" stride {layer.stride[0]}"
    return f"{layer.kind} pool {layer.window[0]}x{layer.window[1]}{stride}"
