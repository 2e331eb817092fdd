import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp.config import Config, dump_config, load_config, load_text, resolve
from bnexp.config.dump import dump_value
from bnexp.config.fields import LEAVES
from bnexp.config.scalars import read_scalar

STEADY = settings(derandomize=True, deadline=None, max_examples=100, database=None)

positive = st.floats(min_value=1e-300, max_value=1e300)
share = st.floats(min_value=0, max_value=0.999999)
non_negative = st.floats(min_value=0, max_value=1e300)
layers = st.lists(st.integers(2, 100_000), max_size=40)
affine = st.sampled_from(["vector", "scalar", "none"])
VALUES = {
    "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", fullmatch=True),
    "network.layers": layers,
    "network.activation": st.sampled_from(["relu", "tanh"]),
    "init.scheme": st.sampled_from(["normal", "he", "orthogonal"]),
    "init.scale": positive,
    "norm.kind": st.sampled_from(["none", "batch", "layer", "rms", "batch_renorm"]),
    "norm.statistics": st.sampled_from(["running", "population"]),
    "norm.groups": st.just("auto") | st.integers(1, 9),
    "norm.noise_mean": st.floats(-1e300, 1e300),
    "norm.momentum": share,
    "norm.eps": non_negative,
    "norm.start_var": st.sampled_from([0, 1]),
    "norm.gamma": affine,
    "regularization.l2": non_negative,
    "regularization.dropout": share,
    "regularization.weight_decay": non_negative,
    "regularization.p": st.floats(1, 1e300),
    "optimizer.kind": st.sampled_from(["sgd", "momentum", "rmsprop", "adamw"]),
    "optimizer.schedule": st.sampled_from(["constant", "cosine"]),
    "optimizer.warmup": non_negative,
    "optimizer.lr": positive,
    "data.validation": st.sampled_from([0, 100, 0.25, 0.1]),
    "data.standardize": st.sampled_from(["none", "pixel"]),
    "augmentation.flip": st.booleans(),
    "training.monitor": st.sampled_from(["val_loss", "val_accuracy"]),
    "training.epochs": st.integers(1, 1_000_000),
    "training.drop_last": st.booleans(),
    "evaluate.at": st.sampled_from(["epoch_end", "first_step"]),
    "evaluate.train": st.sampled_from(["all", "running", "last", "none", 5]),
    "seed": st.integers(0, 2**31),
    "sweep.seeds": st.integers(1, 10_000),
}
AXES = {
    "init.scale": st.lists(positive, min_size=1, max_size=30, unique=True),
    "init.scheme": st.just(["normal", "he"]),
    "norm.kind": st.permutations(["batch", "none"]),
    "optimizer.kind": st.permutations(["sgd", "adam"]),
    "data.name": st.permutations(["digits", "mnist"]),
    "data.validation": st.permutations([0.5, 200, 0]),
    "network.layers": st.lists(layers, min_size=1, max_size=5, unique_by=tuple)
    | st.just([["conv 8", {"pool": 2, "kind": "average"}, 10], ["conv 8"]]),
    "training.epochs": st.lists(st.integers(1, 100), min_size=1, unique=True),
    "training.drop_last": st.permutations([True, False]),
}


@STEADY
@given(st.fixed_dictionaries({}, optional=VALUES), st.fixed_dictionaries({}, optional=AXES))
def test_a_dump_is_the_resolved_config(values, axes):
    nested = {"sweep": {"axes": axes}}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[name] = value
    config = load_text(yaml.safe_dump(nested))
    text = dump_config(config)
    again = load_text(text)
    assert again == resolve(config)
    assert list(again.sweep.axes.items()) == list(resolve(config).sweep.axes.items())
    assert dump_config(again) == text


@STEADY
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_numbers_to_every_reader(number):
    text = dump_value(number)
    for value in (read_scalar(text), yaml.safe_load(text)):
        assert type(value) is float
        assert value == number
        assert math.copysign(1, value) == math.copysign(1, number)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-4, "0.0001"),
        (1e-6, "1.0e-6"),
        (1.5e-10, "1.5e-10"),
        (1e22, "1.0e+22"),
        (0.1, "0.1"),
        (1.0, "1.0"),
        (3, "3"),
        (True, "true"),
        ("none", "none"),
        ("on", '"on"'),
        ("1e-4", '"1e-4"'),
        ("2001-01-01", '"2001-01-01"'),
        (((50,), (50, 50)), "[[50], [50, 50]]"),
    ],
)
def test_values_as_text(value, text):
    assert dump_value(value) == text


def test_a_dump_names_every_key_in_order():
    nested = yaml.safe_load(dump_config(Config()))
    keys = []
    for name, value in nested.items():
        keys += [f"{name}.{inner}" for inner in value] if isinstance(value, dict) else [name]
    unset = ("plot.panel", "plot.arm", "data.path", "data.test_path")
    # Of a search only where there is one.
    assert keys == [key for key in LEAVES if key not in unset and not key.startswith("search.")]
    config = load_text("data: {validation: 0.2}\nsearch: {trials: 1, space: {optimizer.lr: [1]}}")
    searched = list(yaml.safe_load(dump_config(config))["search"])
    assert searched == [key[7:] for key in LEAVES if key.startswith("search.")]


def test_lines_are_short():
    text = dump_config(load_config(None, axes=["optimizer.lr=linspace(0.1, 0.9, 500)"]))
    assert max(map(len, text.splitlines())) <= 100
    assert len(load_text(text).sweep.axes["optimizer.lr"]) == 500
    assert "    norm.kind: [batch, none]\n" in text
