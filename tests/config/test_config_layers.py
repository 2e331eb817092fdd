"""Layers in a config: their forms, what is written out, and mistakes at their places."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp.config import Config, dump_config, load_text, network_spec, resolve, with_values
from bnexp.config.schema import ConvLayer, DenseLayer, NetworkConfig, PoolLayer
from bnexp.config.schema.layers import layer_mapping

ALLOWED = (
    'allowed: 100, "conv 8", "pool 2", "average pool 2", "global pool", '
    "or a mapping such as {conv: 8, kernel: 5}"
)


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
        ("conv 8 kernel", f": conv 8 kernel is not a layer; {ALLOWED}"),
        ("conv 8 conv 9", f": conv 8 conv 9 is not a layer; {ALLOWED}"),
        ("xyz", f": xyz is not a layer; {ALLOWED}"),
        ("on", f": on is not a layer; {ALLOWED}"),
        ("1.5", f": 1.5 is not a layer; {ALLOWED}"),
        ("100_001", f": 100_001 is not a layer; {ALLOWED}"),
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
    ],
)  # fmt: skip
def test_a_layer_that_is_none(layer, what, mistakes_of):
    assert mistakes_of(f"network:\n  layers: [10, {layer}]") == [
        f"c.yaml:2:16: network.layers{what}"
    ]


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
        "c.yaml:3:12: network.layers.conv: 0 is out of range; "
        "allowed: a whole number from 1 to 100,000",
        "c.yaml:3:15: network.layers.kernal: unknown key; did you mean kernel?",
        "c.yaml:3:35: network.layers.padding: smae is not allowed, did you mean same?; "
        "allowed: same, valid or a whole number from 0 to 1,000",
        "c.yaml:3:41: network.layers.bais: unknown key; did you mean bias?",
        f"c.yaml:4:16: network.layers.kernel: unknown key; allowed in a dense layer: {dense}",
        "c.yaml:6:13: network.layers.stride: a list is not allowed here; "
        "allowed: a whole number from 1 to 1,000",
        "c.yaml:7:11: network.layers.norm: btach is not known, did you mean batch?; allowed: none, "
        "batch, batch_renorm, layer, group, instance, rms, noisy_batch",
        "c.yaml:8:14: network.layers.dropout: 1 is out of range; "
        "allowed: a number from 0 to 0.999999",
        "c.yaml:9:11: network.layers.bias: maybe is neither on nor off; "
        "allowed: on, off (true, false)",
        "c.yaml:10:20: network.layers.stride: a global pool has one window and no stride; "
        "leave it out",
        "c.yaml:11:12: network.layers.pool: half is not allowed; "
        "allowed: a whole number from 1 to 1,000 or global",
        "c.yaml:11:24: network.layers.kind: avg is not known, did you mean average?; "
        "allowed: max, average",
    ]


def test_mistakes_in_layers_of_an_axis(mistakes_of):
    text = "sweep: {axes: {network.layers: [[conv 8, x], [{conv: 8, kernal: 3}]]}}"
    assert mistakes_of(text, overrides=["network.layers=[conv 8, {pool: 2, knd: max}]"]) == [
        f"c.yaml:1:42: sweep.axes.network.layers: x is not a layer; {ALLOWED}",
        "c.yaml:1:57: sweep.axes.network.layers.kernal: unknown key; did you mean kernel?",
        "--set network.layers=[conv 8, {pool: 2, knd: max}]: network.layers.knd: unknown key; "
        "did you mean kind?",
    ]
