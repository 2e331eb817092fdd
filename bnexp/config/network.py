"""What follows from a config before any array exists: its network, its examples and its steps."""

from __future__ import annotations

from bnexp.config.schema import Config
from bnexp.describe import DATASETS, NetworkSpec, Norm, describe_network


def network_spec(config: Config) -> NetworkSpec:
    """Return the description of the network that ``config`` trains."""
    dataset = DATASETS[config.data.name]
    norm = config.norm
    return describe_network(
        dataset.features,
        dataset.classes,
        [layer.dense for layer in config.network.layers],
        activation=config.network.activation,
        norm=None
        if norm.kind == "none"
        else Norm(norm.kind, 0, norm.gamma, norm.beta, float(norm.start_var)),
        norm_place=norm.place,
        dropout=config.regularization.dropout > 0,
    )


def train_size(config: Config) -> int:
    """Return how many training examples the config uses."""
    count = config.data.train
    return DATASETS[config.data.name].train if count == "all" else count


def test_size(config: Config) -> int:
    """Return how many test examples the config uses."""
    count = config.data.test
    return DATASETS[config.data.name].test if count == "all" else count


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
