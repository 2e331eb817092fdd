"""Layers in a config: their forms, what is written out, and mistakes at their places."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp.config import (
    Config,
    ConfigMistakesError,
    dump_config,
    load_text,
    network_spec,
    resolve,
    with_values,
)
from bnexp.config.schema import ConvLayer, DenseLayer, NetworkConfig, PoolLayer
from bnexp.config.schema.layers import layer_mapping

ALLOWED = (
    'allowed: 100, "conv 8", "pool 2", "average pool 2", "global pool", '
    "or a mapping such as {conv: 8, kernel: 5}"
)
UNITS = "allowed: a whole number from 1 to 100,000"


@pytest.mark.parametrize(
    ("forms", "short"),
    [
        (("100", "1e2", "dense 100", "{dense: 100}", "{dense: 1e2, bias: on}"), 100),
        (("conv 8", "{conv: 8}", "{conv: 8, kernel: 3, padding: same}", '"conv   8"'), "conv 8"),
        (("{conv: 8, kernel: 5}", "conv 8 kernel 5"), "conv 8 kernel 5"),
        (("{conv: 8, padding: 1}",), "conv 8 padding 1"),
        (("{conv: 8, norm: off, bias: no}",), "conv 8 bias off norm none"),
        (("{dense: 9, norm: on, dropout: 0}", "dense 9 dropout 0 norm on"),
         "dense 9 norm batch dropout 0.0"),
        (("pool 2", "max pool 2", "{pool: 2}", "{pool: 2, kind: max, stride: 2}"), "pool 2"),
        (("average pool 3", "{pool: 3, kind: average}"), "average pool 3"),
        (("{pool: 3, stride: 2}", "pool 3 stride 2"), "pool 3 stride 2"),
        (("global pool", "pool global", "{pool: global}", "{pool: global, kind: average}"),
         "global pool"),
        (("{pool: global, kind: max}",), "global pool kind max"),
    ],
)  # fmt: skip
def test_forms_of_a_layer(forms, short):
    found = [load_text(f"network: {{layers: [{form}]}}").network.layers[0] for form in forms]
    assert {layer.short for layer in found} == {short}
    assert all(layer == found[0] for layer in found)
    assert load_text(f"network: {{layers: [{short}]}}").network.layers == (found[0],)


def test_a_list_of_layers_keeps_its_order_and_kinds():
    config = load_text("network: {layers: [conv 8, pool 2, {conv: 4, stride: 2}, 10]}")
    assert config.network.layers == (
        ConvLayer(conv=8),
        PoolLayer.model_validate("pool 2"),
        ConvLayer(conv=4, stride=2),
        DenseLayer(dense=10),
    )
    dumped = config.model_dump(mode="json")["network"]["layers"]
    assert dumped == ["conv 8", "pool 2", "conv 4 stride 2", 10]
    assert Config.model_validate(config.model_dump(mode="json"), strict=False) == config


rates = st.none() | st.floats(0, 0.999999)
weighted = {
    "bias": st.booleans(),
    "activation": st.none() | st.sampled_from(["relu", "leaky_relu"]),
    "norm": st.none() | st.sampled_from(["none", "batch", "noisy_batch"]),
    "dropout": rates,
}
dense = st.builds(DenseLayer, dense=st.integers(1, 100_000), **weighted)
conv = st.builds(
    ConvLayer,
    conv=st.integers(1, 100_000),
    kernel=st.integers(1, 1000),
    stride=st.integers(1, 1000),
    padding=st.sampled_from(["same", "valid"]) | st.integers(0, 1000),
    **weighted,
)
pool = st.builds(
    lambda pool, kind, stride: PoolLayer.model_validate(
        {"pool": pool, "kind": kind} | ({"stride": stride} if pool != "global" else {})
    ),
    st.integers(1, 1000) | st.just("global"),
    st.sampled_from(["max", "average"]),
    st.integers(1, 1000),
)


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(dense | conv | pool, max_size=6))
def test_what_is_written_out_is_read_again(layers):
    network = NetworkConfig(layers=tuple(layers))
    written = network.model_dump()["layers"]
    assert NetworkConfig(layers=written) == network
    assert hash(NetworkConfig(layers=written)) == hash(network)
    assert all(layer_mapping(short) is not None for short in written)


def test_layers_are_values_of_an_axis():
    layers = "[[conv 8, {pool: 2, kind: average}], [{dense: 9, bias: off}], [5]]"
    text = f"sweep: {{axes: {{network.layers: {layers}}}}}"
    config = load_text(text)
    values = (("conv 8", "average pool 2"), ("dense 9 bias off",), (5,))
    assert config.sweep.axes == {"network.layers": values}
    assert load_text(dump_config(config)) == resolve(config)
    cell = with_values(config, {"network.layers": values[0]})
    assert [type(layer).__name__ for layer in network_spec(cell).layers] == [
        "Conv", "Activation", "Pool", "Flatten", "Dense",
    ]  # fmt: skip
    same = "sweep: {axes: {network.layers: [[conv 8], [{conv: 8, kernel: 3}]]}}"
    with pytest.raises(Exception, match="stands twice"):
        load_text(same)


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        ("cnov 8", f": cnov 8 is not a layer, did you mean conv 8?; {ALLOWED}"),
        ("conv8", f": conv8 is not a layer, did you mean conv 8?; {ALLOWED}"),
        ("Conv2D 16", f": Conv2D 16 is not a layer, did you mean conv 16?; {ALLOWED}"),
        ("maxpool 3", f": maxpool 3 is not a layer, did you mean pool 3?; {ALLOWED}"),
        ("globl pool", f": globl pool is not a layer, did you mean global pool?; {ALLOWED}"),
        ("conv", f": conv is not a layer, did you mean conv 8?; {ALLOWED}"),
        ("conv 8 kernel", ": conv 8 kernel is not a layer: kernel has no value; write "
         f"kernel 5; {ALLOWED}"),
        ("conv 8 conv 9", ": conv 8 conv 9 is not a layer: these are two layers; put a comma "
         f"between them; {ALLOWED}"),
        ("xyz", f": xyz is not a layer; {ALLOWED}"),
        ("on", f": on is not a layer; {ALLOWED}"),
        ("1.5", f": 1.5 is not a whole number; {UNITS}"),
        ("100_001", f": 100_001 is out of range; {UNITS}"),
        ("null", f": null is not a layer; {ALLOWED}"),
        ("[1]", f": a list is not a layer; {ALLOWED}"),
        ("{}", f": {{}} is not a layer; {ALLOWED}"),
        ("{convv: 3}", f": {{convv: ...}} is not a layer, did you mean conv?; {ALLOWED}"),
        ("{conv: 8, dense: 3}", f": a layer is one of conv and dense, not both; {ALLOWED}"),
        ("flatten", ": flattening is inserted where images meet dense layers; leave it out; "
         + ALLOWED),
        ("softmax", f": the output layer is added by the task; leave it out; {ALLOWED}"),
        ("{dropout: 0.5}", ": dropout follows each conv and dense layer by itself: leave it out, "
         f"or set it for one layer, {{dense: 100, dropout: 0.1}}; {ALLOWED}"),
        ("conv 8 kernle 5", ".kernle: unknown key; did you mean kernel?"),
        ("conv 8 kernel 0", ".kernel: 0 is out of range; allowed: a whole number from 1 to 1,000"),
        ("pool 2000", ".pool: 2000 is out of range; allowed: a whole number from 1 to 1,000 or "
         "global"),
        ("-5", f": -5 is out of range; {UNITS}"),
        ("conv 0", f".conv: 0 is out of range; {UNITS}"),
        ("conv -3", f".conv: -3 is out of range; {UNITS}"),
        ("conv eight", f".conv: eight is not a number; {UNITS}"),
        ("conv 08", f": conv 08 is not a layer, did you mean conv 8?; {ALLOWED}"),
        ("conv " + "9" * 5000, f".conv: {'9' * 37}... is not a finite number; {UNITS}"),
        ("pool 0", ".pool: 0 is out of range; allowed: a whole number from 1 to 1,000 or "
         "global"),
        ("conv 8 kernel 5 kernel 3", ": conv 8 kernel 5 kernel 3 is not a layer: kernel "
         f"stands twice; keep one; {ALLOWED}"),
        ("100 norm", ": 100 norm is not a layer: norm has no value; write norm batch; "
         f"{ALLOWED}"),
    ],
)  # fmt: skip
def test_a_layer_that_is_none(layer, what, mistakes_of):
    key, _, what = what.partition(": ")
    assert mistakes_of(f"network:\n  layers: [10, {layer}]") == [
        f"c.yaml:2:16: network.layers{key}: layer 2: {what}"
    ]


@pytest.mark.parametrize(
    ("layer", "meant"),
    [
        ("100 activation tanh", "dense 100 activation tanh"),
        ("100 ReLU", "dense 100 activation relu"),
        ("100 bn", "dense 100 norm batch"),
        ("fc 50 tanh dropout 0.1", "dense 50 activation tanh dropout 0.1"),
        ("pool 2 average", "average pool 2"),
        ("pool 2 max", "pool 2"),
        ("avg pool 2", "average pool 2"),
        ("average pool 3 2", "average pool 3 stride 2"),
        ("pool 2x2", "pool 2"),
        ("global average pool 2", "global pool"),
        ("global max pool", "global pool kind max"),
        ("conv 8 3x3", "conv 8 kernel 3"),
        ("conv 8 5 same relu", "conv 8 kernel 5 padding same activation relu"),
        ("conv 8 kernle 5 tanh", "conv 8 kernel 5 activation tanh"),
        ("conv relu", "conv 8 activation relu"),
    ],
)
def test_what_words_may_mean_is_a_layer(layer, meant, mistakes_of):
    (mistake,) = mistakes_of(f"network: {{layers: [{layer}]}}")
    assert f"{layer} is not a layer, did you mean {meant}?; {ALLOWED}" in mistake
    assert load_text(f"network: {{layers: [{meant}]}}").network.layers


WORDS = """conv pool dense average avg global max
8 0 -3 3x3 \u00b2 kernel stride relu norm bias same x"""


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=6))
def test_any_words_are_a_layer_or_explained(words):
    text = " ".join(words)
    try:
        load_text(f"network: {{layers: [{text}]}}")
    except ConfigMistakesError as error:
        for mistake in error.mistakes:
            assert "layer 1: " in mistake
            if meant := re.search(r"is not a layer, did you mean ([^?]+)\?", mistake):
                load_text(f"network: {{layers: [{meant[1]}]}}")


@pytest.mark.parametrize("word", ["average ", "global ", "conv ", "stride 1 ", "x", "8 ", "x "])
def test_endless_words_are_refused_in_time(word, mistakes_of):
    words = word * 25_000
    assert len(mistakes_of(f"network: {{layers: [pool 2 {words}, {words}]}}")) == 2


def test_mistakes_inside_layers_are_placed_and_told_at_once(mistakes_of):
    text = """\
network:
  layers:
  - {conv: 0, kernal: 3, padding: smae, bais: on}
  - {dense: 8, kernel: 3}
  - conv: 8
    stride: [1]
    norm: btach
    dropout: 1
    bias: maybe
  - {pool: global, stride: 2}
  - {pool: half, kind: avg}
"""
    dense = "dense, bias, activation, norm, dropout"
    assert mistakes_of(text) == [
        "c.yaml:3:12: network.layers.conv: layer 1: 0 is out of range; "
        "allowed: a whole number from 1 to 100,000",
        "c.yaml:3:15: network.layers.kernal: layer 1: unknown key; did you mean kernel?",
        "c.yaml:3:35: network.layers.padding: layer 1: smae is not allowed, did you mean same?; "
        "allowed: same, valid or a whole number from 0 to 1,000",
        "c.yaml:3:41: network.layers.bais: layer 1: unknown key; did you mean bias?",
        f"c.yaml:4:16: network.layers.kernel: layer 2: unknown key; "
        f"allowed in a dense layer: {dense}",
        "c.yaml:6:13: network.layers.stride: layer 3: a list is not allowed here; "
        "allowed: a whole number from 1 to 1,000",
        "c.yaml:7:11: network.layers.norm: layer 3: btach is not known, did you mean batch?; "
        "allowed: none, batch, batch_renorm, layer, group, instance, rms, noisy_batch",
        "c.yaml:8:14: network.layers.dropout: layer 3: 1 is out of range; "
        "allowed: a number from 0 to 0.999999",
        "c.yaml:9:11: network.layers.bias: layer 3: maybe is neither on nor off; "
        "allowed: on, off (true, false)",
        "c.yaml:10:20: network.layers.stride: layer 4: a global pool has one window and no stride; "
        "leave it out",
        "c.yaml:11:12: network.layers.pool: layer 5: half is not allowed; "
        "allowed: a whole number from 1 to 1,000 or global",
        "c.yaml:11:24: network.layers.kind: layer 5: avg is not known, did you mean average?; "
        "allowed: max, average",
    ]


def test_mistakes_in_layers_of_an_axis(mistakes_of):
    text = "sweep: {axes: {network.layers: [[conv 8, x], [{conv: 8, kernal: 3}]]}}"
    assert mistakes_of(text, overrides=["network.layers=[conv 8, {pool: 2, knd: max}]"]) == [
        f"c.yaml:1:42: sweep.axes.network.layers: layer 2: x is not a layer; {ALLOWED}",
        "c.yaml:1:57: sweep.axes.network.layers.kernal: layer 1: unknown key; did you mean kernel?",
        "--set network.layers=[conv 8, {pool: 2, knd: max}]: network.layers.knd: layer 2: "
        "unknown key; did you mean kind?",
    ]
