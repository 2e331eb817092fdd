"""What follows from a config before any array exists: its examples, its network and its steps."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from bnexp import describe
from bnexp.config.schema import (
    Config,
    ConvLayer,
    DataConfig,
    Layer,
    NetworkConfig,
    NormConfig,
    PoolLayer,
)
from bnexp.describe import DatasetFacts, DataSpec, Hidden, NetworkSpec, Norm, Pooling, Shape


def facts_of(data: DataConfig) -> DatasetFacts:
    """Return the facts of the dataset that a config names.

    Those of a user's own files are read from their headers and labels. Raises DatasetError where
    that is not possible.
    """
    if not data.is_own:
        return describe.DATASETS[data.name]
    from bnexp.userdata import user_facts

    return user_facts(data.name, data.path or "", data.test_path)


def network_spec(config: Config) -> NetworkSpec:
    """Return the description of the network that ``config`` trains.

    Raises ``describe.MisfitError`` for a layer that does not fit, and DatasetError.
    """
    dataset, regularization = facts_of(config.data), config.regularization
    return _described(
        dataset.input_shape,
        dataset.classes,
        config.network,
        config.norm,
        regularization.dropout,
        regularization.spatial_dropout,
    )


@lru_cache(maxsize=256)
def _described(
    inputs: Shape,
    classes: int,
    network: NetworkConfig,
    norm: NormConfig,
    dropout: float,
    spatial: bool,
) -> NetworkSpec:
    """Describe a network; the cells of a sweep have few, and each is asked for often."""
    return describe.describe_network(
        inputs,
        classes,
        [_asked(layer, dropout) for layer in network.layers],
        activation=network.activation,
        norm=_norm(norm),
        norm_place=norm.place,
        dropout=dropout > 0,
        spatial=spatial,
    )


def _asked(layer: Layer, dropout: float) -> Hidden | Pooling:
    """Return a layer as it is asked for; a rate that is the network's own is the run's number."""
    if isinstance(layer, PoolLayer):
        return Pooling(None if layer.pool == "global" else layer.pool, layer.kind, layer.stride)
    rate = None if layer.dropout == dropout else layer.dropout
    asked = Hidden(1, None, 1, "same", layer.bias, layer.activation, layer.norm, rate)
    if isinstance(layer, ConvLayer):
        return replace(
            asked,
            size=layer.conv,
            kernel=layer.kernel,
            stride=layer.stride,
            padding=layer.padding,
        )
    return replace(asked, size=layer.dense)


def _norm(norm: NormConfig) -> Norm:
    """Return the template of the norm layers; its shape, groups and ordinal are set per layer."""
    return Norm(
        norm.kind,
        (),
        norm.gamma,
        norm.beta,
        float(norm.start_var),
        statistics=norm.statistics,
        groups=0 if norm.groups == "auto" else norm.groups,
        r_max=norm.r_max,
        d_max=norm.d_max,
        renorm_start=norm.renorm_start,
        renorm_end=norm.renorm_end,
        noise=(norm.noise_mean, norm.noise_std, norm.jitter_mean, norm.jitter_std),
    )


def data_spec(config: Config) -> DataSpec:
    """Return the examples that ``config`` asks for, all counts in numbers. Raises DatasetError."""
    data = config.data
    return DataSpec(
        name=data.name,
        path=data.path,
        test_path=data.test_path,
        train=train_size(config),
        validation=validation_size(config),
        split=data.split,
        test=test_size(config),
        seed=data.seed,
        standardize=data.resolved_standardize,
        label_noise=data.label_noise,
    )


def taken_size(config: Config) -> int:
    """Return how many examples of the training part are used, for training or validation."""
    count = config.data.train
    return facts_of(config.data).train if count == "all" else count


def validation_size(config: Config) -> int:
    """Return how many examples are held out for validation; of a share at least one."""
    asked = config.data.validation
    return asked if isinstance(asked, int) else max(1, round(asked * taken_size(config)))


def train_size(config: Config) -> int:
    """Return how many examples are trained on: those used but for the validation examples."""
    return taken_size(config) - validation_size(config)


def test_size(config: Config) -> int:
    """Return how many test examples the config uses."""
    count = config.data.test
    return facts_of(config.data).test if count == "all" else count


def evaluated_validation(config: Config) -> str | int:
    """Return ``evaluate.validation`` with its default filled in."""
    asked = config.evaluate.validation
    if asked is not None:
        return asked
    return "all" if config.data.validation else "none"


def weight_decay(config: Config) -> float:
    """Return ``regularization.weight_decay`` with its default filled in."""
    asked = config.regularization.weight_decay
    return config.optimizer.default_weight_decay if asked is None else asked


def steps_per_epoch(config: Config) -> int:
    """Return the updates of one epoch: ceil(examples / batch size).

    The floor of it with ``drop_last``, or with sampling by replacement.
    """
    size, batch = train_size(config), config.training.batch_size
    if config.training.drop_last or config.training.sampling == "replacement":
        return size // batch
    return -(-size // batch)


def total_steps(config: Config) -> int:
    """Return the updates of a whole run.

    Evaluated at ``first_step``, a run ends with the first step of its last epoch: nothing after it
    would be recorded.
    """
    epochs, steps = config.training.epochs, steps_per_epoch(config)
    return (epochs - 1) * steps + 1 if config.evaluate.at == "first_step" else epochs * steps
