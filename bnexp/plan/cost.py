"""What runs cost: multiply-adds, counted, and seconds, roughly.

The estimates put stacks in order, cut them, say how long a plan takes and whether a step is long.
"""

from __future__ import annotations

import math

from bnexp.config.network import network_spec, total_steps, train_size
from bnexp.config.schema import Config
from bnexp.describe import BATCH_NORMS, Conv, Dense, Flatten, Layer, NetworkSpec, Norm
from bnexp.plan.evaluations import evaluations, in_evaluation_mode
from bnexp.plan.forms import knows_examples

#: Seconds of one core, fitted to the shipped configs and to larger networks, each alone and in
#: stacks, under AVX2 and AVX-512. For a multiply-add of a dense layer, and of a convolution:
_DENSE, _CONV = 1.05e-11, 1.55e-11
#: for a number that a norm, an activation, a pool or dropout hands on, forth and back:
_PASSED = 1.8e-9
#: for an update of a parameter, or of one of its moments:
_UPDATED = 5e-10
#: and for a layer of a whole stack in one step, beside what it computes.
_LAYER = 1.3e-5
#: Numbers of a layer of images, in the whole stack, from which on ``nn`` shares it among threads,
#: and how much of the time of one thread it takes on two.
_LARGE, _ON_TWO = 2**19, 0.73
#: Arrays as large as the parameters that each update rule keeps beside them and their gradients.
_MOMENTS = {"sgd": 0, "adagrad": 1, "rmsprop": 1, "adam": 2}


def moments(config: Config) -> int:
    """Return how many arrays as large as the parameters a run's update rule keeps."""
    return 1 if config.optimizer.resolved_momentum else _MOMENTS[config.optimizer.rule]


def run_multiply_adds(config: Config) -> int:
    """Return the multiply-adds of a whole run: its updates and its evaluations."""
    spec = network_spec(config)
    steps = total_steps(config) * spec.step_multiply_adds(config.training.batch_size)
    return steps + sum(_evaluated(config)) * spec.multiply_adds


def run_seconds(config: Config) -> float:
    """Return what a whole run takes beside ``layers_seconds``."""
    spec = network_spec(config)
    forth = sum(map(_forth, spec.weighted)) + _passed(spec) / 3
    own, others = _evaluated(config)
    evaluating = (own + others) * forth
    if knows_examples(config):
        evaluating -= own * _forth(spec.weighted[0])
    return total_steps(config) * _update_seconds(config) + evaluating


def layers_seconds(config: Config) -> float:
    """Return what one update takes for its layers, however many runs are in the stack."""
    return len(network_spec(config).layers) * _LAYER


def step_seconds(config: Config) -> float:
    """Return what one update of a run alone takes."""
    return _update_seconds(config) + layers_seconds(config)


def share_on_two_threads(config: Config, count: int) -> float:
    """Return how much of the time of one thread a stack of ``count`` runs takes on two."""
    spec, batch = network_spec(config), config.training.batch_size
    shared = 0.0
    for layer in spec.layers:
        numbers = count * batch * max(math.prod(layer.shape), math.prod(layer.out_shape))
        if len(layer.out_shape) == 3 and numbers >= _LARGE:
            shared += _update_of(layer, is_first=layer is spec.weighted[0])
    return 1 - (1 - _ON_TWO) * batch * shared / _update_seconds(config)


def _evaluated(config: Config) -> tuple[int, int]:
    """Return how many examples a run evaluates in all: of those it trains on, and others."""
    asked, size = evaluations(config), train_size(config)
    norms = {(n.kind, n.statistics) for n in network_spec(config).layers if isinstance(n, Norm)}
    if in_evaluation_mode(config) and any((kind, "population") in norms for kind in BATCH_NORMS):
        often = any(isinstance(what, int) for what in asked.values())
        asked["population"] = size if often else ["last", size]
    counts = {part: _examples(what, config.training.epochs) for part, what in asked.items()}
    others = counts["validation"] + counts["test"]
    return sum(counts.values()) - others, others


def _examples(what: str | int | list[int], epochs: int) -> int:
    """Return how many examples are evaluated in so many epochs; a list is evaluated once."""
    if isinstance(what, str):
        return 0
    return what * epochs if isinstance(what, int) else int(what[1])


def _update_seconds(config: Config) -> float:
    spec, parameters = network_spec(config), network_spec(config).parameters
    first, *others = spec.weighted
    products = 2 * _forth(first) + 3 * sum(map(_forth, others))
    if knows_examples(config):  # it has an output for each of them in place of its weights
        outputs = train_size(config) * first.units
        products += outputs * _DENSE - 2 * _forth(first)
        parameters += outputs - first.multiply_adds
    updated = parameters * (1 + moments(config)) * _UPDATED
    return config.training.batch_size * (products + _passed(spec)) + updated


def _update_of(layer: Layer, *, is_first: bool) -> float:
    """Return what a layer takes for one example of an update, forth and back."""
    if isinstance(layer, Dense | Conv):
        return (2 if is_first else 3) * _forth(layer)
    return _passed_by(layer)


def _forth(layer: Dense | Conv) -> float:
    """Return what the products of a layer take for one example, one way."""
    return layer.multiply_adds * (_CONV if isinstance(layer, Conv) else _DENSE)


def _passed(spec: NetworkSpec) -> float:
    """Return what the layers without weights take for one example, forth and back."""
    return sum(_passed_by(layer) for layer in spec.layers if not isinstance(layer, Dense | Conv))


def _passed_by(layer: Layer) -> float:
    return 0 if isinstance(layer, Flatten) else math.prod(layer.shape) * _PASSED
