import pytest

from bnexp.config import Config, load_config
from bnexp.config.schema import DenseLayer


def units(config):
    return [layer.dense for layer in config.network.layers]


# What is accepted


def test_one_key_leaves_the_other_defaults(load):
    assert load("name: x") == Config(name="x")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("norm: on", "batch"),
        ("norm: off", "none"),
        ("norm: batch", "batch"),
        ("norm: none", "none"),
        ("norm: {kind: on}", "batch"),
        ("norm: {kind: off, eps: 0}", "none"),
    ],
)
def test_short_forms_of_norm(text, kind, load):
    assert load(text).norm.kind == kind


def test_short_forms_of_layers(load):
    text = 'network: {layers: [100, 1e2, dense 50, "dense 7", {dense: 3}]}'
    assert units(load(text)) == [100, 100, 50, 7, 3]
    assert units(load("network: {layers: []}")) == []


def test_short_forms_of_gamma_and_beta(load):
    norm = load("norm: {gamma: on, beta: off}").norm
    assert (norm.gamma, norm.beta) == ("vector", "none")
    assert load("norm: {gamma: scalar}").norm.gamma == "scalar"


def test_the_models_take_short_forms_too():
    assert Config.model_validate({"norm": True}).norm.kind == "batch"
    layers = Config.model_validate({"network": {"layers": [5, "dense 6"]}}).network.layers
    assert layers == (DenseLayer(dense=5), DenseLayer(dense=6))


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "0.0001", "+.0001", "1.0e-4"])
def test_a_small_number(text, load):
    assert load(f"optimizer: {{lr: {text}}}").optimizer.lr == 1e-4


def test_whole_numbers_and_numbers(load):
    config = load("training: {epochs: 1e3, batch_size: 1_000}\noptimizer: {lr: 1}")
    assert (config.training.epochs, config.training.batch_size) == (1000, 1000)
    assert type(config.training.epochs) is int
    assert type(config.optimizer.lr) is float


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfname: x\nseed: 3\n",
        b"name: x\r\nseed: 3\r\n",
        b"\xef\xbb\xbf---\r\nname: x\r\nseed: 3\r\n...\r\n",
        b"name: x\rseed: 3\r",
        "# größe\nname: x\nseed: 3".encode(),
    ],
)
def test_byte_order_marks_and_line_ends(content, load):
    assert load(content) == Config(name="x", seed=3)


def test_null_leaves_an_optional_key_unset(load):
    assert load("init: {scale: null}\nplot: {y: ~}") == Config()


# Arguments


def test_overrides_replace_values_and_keep_the_rest(load):
    config = load(
        "norm: {eps: 0.5}\noptimizer: {lr: wrong, momentum: 0.5}",
        overrides=[
            "norm=on",
            "optimizer.lr = 1e-3",
            "network.layers=[50, dense 20]",
            "optimizer={nesterov: true}",
            "name=a=b",
            "name=x",
            "seed=4",
        ],
        seeds=3,
    )
    assert (config.norm.kind, config.norm.eps) == ("batch", 0.5)
    assert (config.optimizer.lr, config.optimizer.momentum) == (1e-3, 0.5)
    assert config.optimizer.nesterov
    assert units(config) == [50, 20]
    assert (config.name, config.seed, config.sweep.seeds) == ("x", 4, 3)


def test_seed_and_seeds_have_the_last_word():
    config = load_config(None, overrides=["seed=4", "sweep.seeds=5"], seed=6, seeds=7)
    assert (config.seed, config.sweep.seeds) == (6, 7)


def test_axes_replace_or_follow_those_of_the_file(load):
    config = load(
        "sweep: {axes: {init.scale: [1, 2], norm: [on, off]}}",
        axes=["optimizer.lr=0.1,1e-2", "init.scale=3,4", "norm.kind=none"],
    )
    assert list(config.sweep.axes.items()) == [
        ("init.scale", (3.0, 4.0)),
        ("norm.kind", ("none",)),
        ("optimizer.lr", (0.1, 0.01)),
    ]


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("network.layers=[50],[50, 50],[]", ((50,), (50, 50), ())),
        ("network.layers=[[50], [dense 7]]", ((50,), (7,))),
        ("training.batch_size=logspace(0, 3, 4)", (1, 10, 100, 1000)),
        ("training.drop_last=on,off", (True, False)),
        ("norm.gamma=on,scalar,off", ("vector", "scalar", "none")),
        ("norm.start_var=0,1", (0, 1)),
        ("data.train=all,100", ("all", 100)),
        ("init.scale=0.5", (0.5,)),
        ("init.scheme=he, xavier_uniform", ("he", "xavier_uniform")),
    ],
)
def test_values_of_an_axis_are_the_schemas(axis, values, load):
    key = axis.partition("=")[0]
    found = load("name: x", axes=[axis]).sweep.axes[key]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize("spec", ["logspace(0, -1, 2)", "1,0.1", "[1, .1]", "'logspace:0:-1:2'"])
def test_specs_in_a_file(spec, load):
    config = load(f"sweep:\n  axes:\n    optimizer.lr: {spec}\n")
    assert config.sweep.axes == {"optimizer.lr": (1.0, 0.1)}
    assert [type(value) for value in config.sweep.axes["optimizer.lr"]] == [float, float]


def test_one_value_is_an_axis(load):
    config = load("sweep: {axes: {optimizer.lr: 1, norm: off}}")
    assert config.sweep.axes == {"optimizer.lr": (1.0,), "norm.kind": ("none",)}


def test_panel_and_arm_may_come_from_an_argument(load):
    config = load(
        "plot: {panel: optimizer.lr, arm: norm}", axes=["optimizer.lr=1,2", "norm=on,off"]
    )
    assert (config.plot.panel, config.plot.arm) == ("optimizer.lr", "norm.kind")
