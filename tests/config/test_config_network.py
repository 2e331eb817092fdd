import pytest

from bnexp.config import (
    load_text,
    network_spec,
    steps_per_epoch,
    total_steps,
    train_size,
)
from bnexp.config import test_size as count_tests
from bnexp.describe import Activation, Dense, Dropout, Norm


@pytest.mark.parametrize(
    ("text", "per_epoch", "total"),
    [
        ("data: {train: 1000}", 10, 200),
        ("data: {train: 1001}", 11, 220),
        ("{data: {train: 1001}, training: {drop_last: true}}", 10, 200),
        ("{data: {train: 1099}, training: {sampling: replacement}}", 10, 200),
        ("{data: {train: 1000}, evaluate: {at: first_step}}", 10, 191),
        ("{training: {epochs: 1}, evaluate: {at: first_step}}", 13, 1),
        ("{data: {name: mnist}, training: {epochs: 2, batch_size: 64}}", 938, 1876),
    ],
)
def test_steps(text, per_epoch, total):
    config = load_text(text)
    assert (steps_per_epoch(config), total_steps(config)) == (per_epoch, total)


def test_sizes():
    config = load_text("data: {train: 10, test: all}\ntraining: {batch_size: 5}")
    assert (train_size(config), count_tests(config)) == (10, 500)
    config = load_text("data: {name: fashion-mnist, test: 7}")
    assert (train_size(config), count_tests(config)) == (60_000, 7)


def test_network_of_a_config():
    config = load_text(
        "network: {layers: [30], activation: tanh}\n"
        "norm: {kind: batch, gamma: scalar, beta: off, start_var: 0}\n"
        "regularization: {dropout: 0.5}"
    )
    assert network_spec(config).layers == (
        Dense(64, 30, bias=False),
        Norm("batch", (30,), "scalar", "none", 0.0),
        Activation("tanh", (30,)),
        Dropout((30,), 0),
        Dense(30, 10, bias=True),
    )


def test_norm_after_the_activation():
    spec = network_spec(load_text("network: {layers: [30]}\nnorm: {kind: batch, place: after}"))
    assert [type(layer) for layer in spec.layers] == [Dense, Activation, Norm, Dense]


def test_no_hidden_layers_is_softmax_regression():
    spec = network_spec(load_text("network: {layers: []}"))
    assert spec.layers == (Dense(64, 10, bias=True),)
