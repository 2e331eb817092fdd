"""What a stack is built from: the numbers of its runs' configs as arrays, one entry per run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bnexp.config.network import facts_of, network_spec, steps_per_epoch, total_steps, weight_decay
from bnexp.config.schema import Config
from bnexp.data import Dataset
from bnexp.data.augment import Augmentation
from bnexp.data.batches import Batches
from bnexp.data.gram import gram
from bnexp.nn import Network, SoftmaxCrossEntropy
from bnexp.nn.build import Numbers
from bnexp.nn.examples import Examples
from bnexp.optim import Optimizer, RuleNumbers, Schedule, WeightPenalty, make_optimizer
from bnexp.plan.evaluations import evaluations
from bnexp.plan.forms import knows_examples

Configs = Sequence[Config]


def build_network(
    configs: Configs, dataset: Dataset, threads: int = 1, *, resumed: bool = False
) -> Network:
    """Build and initialise the networks of a stack; they have dropout layers if any run drops.

    Where all are ``resumed`` they will be given their parameters, and only what is none is made.
    """
    config = next((c for c in configs if c.regularization.dropout), configs[0])
    numbers = Numbers(
        seeds=[c.seed for c in configs],
        scale=each(configs, lambda c: c.init.resolved_scale),
        dropout=each(configs, lambda c: c.regularization.dropout),
        eps=each(configs, lambda c: c.norm.eps),
        momentum=each(configs, lambda c: c.norm.momentum),
    )
    known = _examples(configs, dataset)
    network = Network(network_spec(config), numbers, config.training.dtype, known, threads)
    if not resumed or (known is not None and known.others):
        network.initialize(config.init.scheme, dataset.order)
    return network


def build_loss(configs: Configs) -> SoftmaxCrossEntropy:
    """Build the loss, with the label smoothing of each run."""
    return SoftmaxCrossEntropy(each(configs, lambda c: c.regularization.label_smoothing))


def build_penalty(configs: Configs, network: Network) -> WeightPenalty:
    """Build the weight penalties of each run."""
    return WeightPenalty(
        l1=each(configs, lambda c: c.regularization.l1),
        l2=each(configs, lambda c: c.regularization.l2),
        lp=each(configs, lambda c: c.regularization.lp),
        p=each(configs, lambda c: c.regularization.p),
        weights=network.weight_count,
        dtype=network.dtype,
    )


def build_optimizer(configs: Configs, network: Network) -> Optimizer:
    """Build the update rule with the numbers of each run."""
    numbers = RuleNumbers(
        lr=each(configs, lambda c: c.optimizer.resolved_lr),
        momentum=each(configs, lambda c: c.optimizer.resolved_momentum),
        beta1=each(configs, lambda c: c.optimizer.beta1),
        beta2=each(configs, lambda c: c.optimizer.beta2),
        rho=each(configs, lambda c: c.optimizer.rho),
        eps=each(configs, lambda c: c.optimizer.eps),
        weight_decay=each(configs, weight_decay),
    )
    rule = configs[0].optimizer
    return make_optimizer(
        rule.rule,
        network.theta,
        numbers,
        weights=network.weight_count,
        nesterov=any(c.optimizer.is_nesterov for c in configs),
    )


def build_schedule(configs: Configs) -> Schedule:
    """Build the schedule of the learning rate with the numbers of each run."""
    config = configs[0]
    return Schedule(
        config.optimizer.schedule,
        warmup=each(configs, lambda c: c.optimizer.warmup),
        decay=each(configs, lambda c: c.optimizer.decay),
        step_epochs=config.optimizer.step_epochs,
        steps_per_epoch=steps_per_epoch(config),
        total_steps=total_steps(config),
    )


def build_batches(configs: Configs, dataset: Dataset) -> Batches:
    """Build the mini-batches that each run sees."""
    config = configs[0]
    asked, augmentation = config.augmentation, None
    if asked.flip or asked.shift:
        height, channels, width = facts_of(config.data).input_shape
        augmentation = Augmentation((height, channels, width), flip=asked.flip, shift=asked.shift)
    return Batches(
        dataset.x_train,
        dataset.y_train,
        [c.seed for c in configs],
        batch_size=config.training.batch_size,
        sampling=config.training.sampling,
        drop_last=config.training.drop_last,
        augmentation=augmentation,
    )


def each(configs: Configs, number: Callable[[Config], float]) -> NDArray[np.float64]:
    """Collect one number of each run as a (K,) array."""
    return np.array([number(config) for config in configs], np.float64)


def _examples(configs: Configs, dataset: Dataset) -> Examples | None:
    """Return the training examples where the first layer may work on them; see ``ExampleDense``."""
    known = {knows_examples(config) for config in configs}
    if len(known) > 1:
        raise ValueError("these runs share no stack: plan.stack_key says which do")
    if known == {False}:
        return None
    held_out = (evaluations(config)[part] for config in configs for part in ("validation", "test"))
    others = any(what != "none" for what in held_out)
    return Examples(dataset.rows("train"), gram(dataset), others=others)
