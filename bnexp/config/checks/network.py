"""Conflicts between layers: shapes that do not fit, norms that leave only zeros."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bnexp.config.checks.conflict import DATA_KEYS, Conflict, name_layer
from bnexp.config.network import network_spec
from bnexp.config.schema import Config, PoolLayer
from bnexp.describe import Conv, MisfitError, Norm, norm_words

_KEYS = ("network.layers", *DATA_KEYS)
#: Norms that subtract the mean of a group of one example's numbers.
_ALONE = ("group", "instance", "layer")


def find_network_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of layers, of norms with them, and of spatial dropout."""
    try:
        spec = network_spec(config)
    except MisfitError as misfit:
        what = f"{name_layer(config, misfit.index)}: {misfit.what}"
        yield Conflict(_KEYS, what, misfit.index)
        return
    norms = [layer for layer in spec.layers if isinstance(layer, Norm)]
    conflict = next(_norm_conflicts(config, norms), None)
    if conflict:
        yield conflict
    renorm = config.norm
    if renorm.renorm_start > renorm.renorm_end and any(n.kind == "batch_renorm" for n in norms):
        what = f"{renorm.renorm_end:g} is before norm.renorm_start, {renorm.renorm_start:g}"
        keys = ("norm.renorm_end", "norm.renorm_start", "norm.kind", "network.layers")
        yield Conflict(keys, what)
    has_conv = any(isinstance(layer, Conv) for layer in spec.layers)
    if config.regularization.spatial_dropout and not has_conv:
        what = "only conv layers have channels to drop; leave it out, or add a conv layer"
        yield Conflict(("regularization.spatial_dropout", "network.layers"), what)


def _norm_conflicts(config: Config, norms: Sequence[Norm]) -> Iterator[Conflict]:
    """Yield the conflicts of norms that work on one example: groups, and what they leave."""
    layers = config.network.layers
    places = [index for index, layer in enumerate(layers) if not isinstance(layer, PoolLayer)]
    for norm in norms:
        if norm.kind not in _ALONE:
            continue
        index = places[norm.ordinal]
        said = f"{name_layer(config, index)}: "
        keys: tuple[str, ...] = ("norm.kind", *_KEYS)
        if norm.kind == "group" and config.norm.groups != "auto":
            keys = ("norm.groups", *keys)
        if norm.units % norm.groups:
            what = f"{said}{norm.groups} groups do not divide {_units(norm)}"
            yield Conflict(keys, f"{what}; allowed: {_divisors(norm.units)}")
        elif math.prod(norm.shape) == norm.groups:
            own = getattr(layers[index], "norm", None) is not None
            what = said + _only_zeros(norm)
            yield Conflict(_KEYS, what, index) if own else Conflict(keys, what)


def _units(norm: Norm) -> str:
    return f"{norm.units:,} {'channels' if len(norm.shape) == 3 else 'units'}"


def _divisors(count: int) -> str:
    """Say which numbers of groups there may be, those that leave more than one in each."""
    found = [n for n in range(1, count) if count % n == 0]
    return ", ".join(map(str, found if len(found) <= 12 else [*found[:11], "..."])) or "none"


def _only_zeros(norm: Norm) -> str:
    """Say what a norm over single numbers does, and what to do instead."""
    what = f"{norm_words(norm.kind)} normalises each number alone here, which leaves only zeros"
    if norm.units == 1:
        return f"{what}; give this layer norm: none or more than one unit"
    if norm.kind == "group":
        return f"{what}; allowed for norm.groups: {_divisors(norm.units)}"
    return f"{what}; give this layer norm: layer or none, or choose another norm.kind"
