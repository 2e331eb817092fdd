import pytest

from bnexp.config import Config

#: The keys of sections, as messages list them.
DATA = "name, train, test, path, test_path, validation, split, seed, standardize, label_noise"
NORM = (
    "kind, place, momentum, eps, start_var, gamma, beta, statistics, groups, r_max, d_max, "
    "renorm_start, renorm_end, noise_mean, noise_std, jitter_mean, jitter_std"
)
OPTIMIZER = (
    "kind, lr, momentum, nesterov, beta1, beta2, rho, eps, clip, schedule, warmup, decay, "
    "step_epochs"
)
LAYER = (
    'allowed: 100, "conv 8", "pool 2", "average pool 2", "global pool", '
    "or a mapping such as {conv: 8, kernel: 5}"
)
KINDS = "none, batch, batch_renorm, layer, group, instance, rms, noisy_batch (off: none, on: batch)"


def test_all_mistakes_of_a_file_at_once_in_its_order(mistakes_of):
    text = """\
name: my exp
lr: 0.1
data: {name: minst, shuffle: true}
network:
  layers: [100, conv8, {pol: 2}, -3, 012]
  activation: Relu
init: {scale: 1:30}
norm: {kind: btach, eps: "1e-5", momentum: 1, start_var: true}
regularization:
optimizer:
  learning_rate: 0.1
  momentun: 0.9
  nesterov: maybe
  lr: .nan
training: {epochs: 2.5, batch_size: 0}
training: {drop_last: 1}
evaluate: {test: off, train: [1]}
seed: -1
plot: {y: test_acc}
"""
    assert mistakes_of(text) == [
        'c.yaml:1:7: name: "my exp" is not allowed; allowed: letters, digits, ".", "_" and "-", '
        "at most 60, the first a letter or digit",
        "c.yaml:2:1: lr: unknown key; did you mean optimizer.lr?",
        "c.yaml:3:14: data.name: minst is not known, did you mean mnist?; "
        "allowed: digits, mnist, fashion-mnist, cifar10, npz, csv",
        f"c.yaml:3:21: data.shuffle: unknown key; allowed: {DATA}",
        "c.yaml:5:17: network.layers: layer 2: conv8 is not a layer, did you mean conv 8?; "
        f"{LAYER}",
        "c.yaml:5:24: network.layers: layer 3: {pol: ...} is not a layer, did you mean "
        f"pool?; {LAYER}",
        "c.yaml:5:34: network.layers: layer 4: -3 is out of range; "
        "allowed: a whole number from 1 to 100,000",
        "c.yaml:5:38: network.layers: layer 5: 012 begins with 0, which some readers take for "
        f"base 8; write 12; {LAYER}",
        "c.yaml:6:15: network.activation: Relu is not known, did you mean relu?; allowed: relu, "
        "leaky_relu, elu, gelu, softplus, sigmoid, tanh",
        "c.yaml:7:15: init.scale: 1:30 is a number in base 60 to some readers and text to others; "
        "write it in base 10; allowed: a number > 0",
        f"c.yaml:8:14: norm.kind: btach is not known, did you mean batch?; allowed: {KINDS}",
        'c.yaml:8:26: norm.eps: "1e-5" is text; write 1e-5 without quotes; allowed: a number >= 0',
        "c.yaml:8:44: norm.momentum: 1 is out of range; allowed: a number from 0 to 0.999999",
        "c.yaml:8:58: norm.start_var: true is not a number; allowed: 0, 1",
        "c.yaml:9:16: regularization: there is no value; leave the key out for the defaults; "
        "allowed: a mapping of l1, l2, dropout, lp, p, weight_decay, spatial_dropout, "
        "label_smoothing",
        "c.yaml:11:3: optimizer.learning_rate: unknown key; did you mean optimizer.lr?",
        "c.yaml:12:3: optimizer.momentun: unknown key; did you mean optimizer.momentum?",
        "c.yaml:13:13: optimizer.nesterov: maybe is neither on nor off; "
        "allowed: on, off (true, false)",
        "c.yaml:14:7: optimizer.lr: .nan is not a finite number; allowed: a number > 0",
        "c.yaml:15:20: training.epochs: 2.5 is not a whole number; "
        "allowed: a whole number from 1 to 1,000,000",
        "c.yaml:15:37: training.batch_size: 0 is out of range; allowed: a whole number >= 1",
        "c.yaml:16:1: training: this key stands twice, first at line 15, column 1; keep one",
        "c.yaml:16:23: training.drop_last: 1 is neither on nor off; allowed: on, off (true, false)",
        "c.yaml:17:18: evaluate.test: off is not allowed, did you mean none?; "
        "allowed: all, last, none or a whole number >= 1",
        "c.yaml:17:30: evaluate.train: a list is not allowed here; "
        "allowed: all, running, last, none or a whole number >= 1",
        "c.yaml:18:7: seed: -1 is out of range; allowed: a whole number from 0 to 4,294,967,295",
        "c.yaml:19:11: plot.y: test_acc is not known, did you mean test_accuracy?; allowed: "
        "train_loss, train_accuracy, running_loss, running_accuracy, val_loss, val_accuracy, "
        "test_loss, test_accuracy, or a list of some of one kind",
    ]


def test_all_mistakes_of_axes_at_once(mistakes_of):
    text = """\
sweep:
  axes:
    init.scale: [0.1, 1e-1, -1, abc]
    norm: [on, off, batch]
    optimizer: [1]
    seed: [1, 2]
    optimzer.lr: 1
    momentum: [0.1]
    plot.y: [a]
    network.layers: [50, [50, x]]
    optimizer.lr: logspce(0, -4, 3)
    training.epochs: logspace(0, 1, 3)
    regularization.l2: []
    regularization.l1: {a: 1}
    norm.kind: [none]
    norm.eps: [null]
  seeds: 0
"""
    forms = "logspace(0, -4, 16), linspace(0, 1, 11), or values with commas: 1, 0.1, 0.01"
    assert mistakes_of(text) == [
        "c.yaml:3:23: sweep.axes.init.scale: 1e-1 stands twice; give each value once",
        "c.yaml:3:29: sweep.axes.init.scale: -1 is out of range; allowed: a number > 0",
        "c.yaml:3:33: sweep.axes.init.scale: abc is not a number; allowed: a number > 0",
        "c.yaml:4:21: sweep.axes.norm.kind: batch stands twice; give each value once",
        "c.yaml:5:5: sweep.axes.optimizer: a section is not swept; name one of its keys: "
        + ", ".join(f"optimizer.{key}" for key in OPTIMIZER.split(", ")),
        "c.yaml:6:5: sweep.axes.seed: seeds are no axis; allowed: sweep.seeds, or --seeds N",
        "c.yaml:7:5: sweep.axes.optimzer.lr: unknown key; did you mean optimizer.lr?",
        "c.yaml:8:5: sweep.axes.momentum: unknown key; "
        "did you mean norm.momentum or optimizer.momentum?",
        "c.yaml:9:5: sweep.axes.plot.y: keys of plot are not swept; they change nothing in a run",
        "c.yaml:10:22: sweep.axes.network.layers: 50 is not a list; write [50]; "
        "allowed: a list of at most 1,000 layers, such as [100, 100] or [conv 8, pool 2, 100]",
        f"c.yaml:10:31: sweep.axes.network.layers: layer 2: x is not a layer; {LAYER}",
        "c.yaml:11:19: sweep.axes.optimizer.lr: logspce(0, -4, 3) is not understood, "
        f"did you mean logspace?; allowed: {forms}",
        "c.yaml:12:22: sweep.axes.training.epochs: 3.16227766017 is not a whole number; "
        "allowed: a whole number from 1 to 1,000,000",
        "c.yaml:13:24: sweep.axes.regularization.l2: 0 values; allowed: 1 to 10,000",
        "c.yaml:14:24: sweep.axes.regularization.l1: a mapping is no list of values; "
        f"allowed: a list, {forms}",
        "c.yaml:15:5: sweep.axes.norm.kind: the same axis as norm at line 4, column 5; keep one",
        "c.yaml:16:16: sweep.axes.norm.eps: null is no value; allowed: a number >= 0",
        "c.yaml:17:10: sweep.seeds: 0 is out of range; allowed: a whole number from 1 to 10,000",
    ]


def test_an_unquoted_logspace_in_braces(mistakes_of):
    text = "sweep: {axes: {init.scale: logspace(0, -4, 16), optimizer.lr: linspace(0, -4, 16)}}"
    what = "a comma ends the value here; put it in quotes"
    assert mistakes_of(text + "\nplot: {panel: init.scale}") == [
        f'c.yaml:1:28: sweep.axes.init.scale: {what}: "logspace(0, -4, 16)"',
        f'c.yaml:1:63: sweep.axes.optimizer.lr: {what}: "linspace(0, -4, 16)"',
    ]


def test_conflicts_between_keys(mistakes_of):
    text = """\
data: {name: digits, train: 301, test: 501}
norm: on
optimizer: {nesterov: true}
evaluate: {train: 500, test: 1}
plot: {panel: norm, arm: init.scale, y: running_loss}
seed: 4294967295
sweep: {seeds: 2, axes: {init.scale: [1, 2]}}
"""
    assert mistakes_of(text) == [
        "c.yaml:1:29: training.batch_size: the last batch of 301 examples in batches of 100 holds "
        "one example, which batch norm cannot use; set training.drop_last to true or change "
        "batch_size",
        "c.yaml:1:40: data.test: 501 examples, but digits has 500; allowed: 1 to 500, or all",
        "c.yaml:3:23: optimizer.nesterov: Nesterov's form needs a momentum; "
        "set optimizer.momentum above 0, such as 0.9",
        "c.yaml:4:19: evaluate.train: 500 examples, but data.train is 301; "
        "allowed: 1 to 301, or all",
        "c.yaml:5:15: plot.panel: norm.kind is not a swept key; allowed: init.scale",
        "c.yaml:5:41: plot.y: running_loss is not recorded; allowed: train_loss, train_accuracy, "
        "test_loss, test_accuracy (evaluate decides)",
        "c.yaml:6:7: seed: the last of 2 seeds would be too large; allowed: up to 2^32 - 1",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "training: {batch_size: 50}\ndata: {train: 49}",
            "c.yaml:1:24: training.batch_size: 50 is more than the 49 training examples; "
            "allowed: 1 to 49",
        ),
        (
            "training: {batch_size: 2000}\ndata: {train: 0}",  # no word of 2000 against the default
            "c.yaml:2:15: data.train: 0 is out of range; allowed: all or a whole number >= 1",
        ),
        (
            "norm: on\ntraining: {batch_size: 1}",
            "c.yaml:2:24: training.batch_size: batch norm needs at least 2 examples in a batch; "
            "raise batch_size, or norm: off",
        ),
        (
            "evaluate: {train: none, test: none}",
            "c.yaml:1:19: evaluate.train: nothing would be recorded; "
            "set evaluate.train or evaluate.test to all",
        ),
        (
            "plot: {panel: norm}",
            "c.yaml:1:15: plot.panel: norm.kind is not a swept key; "
            "this config sweeps none: see sweep.axes",
        ),
        (
            "sweep: {axes: {norm: [on, off]}}\nplot: {panel: norm, arm: norm.kind}",
            "c.yaml:2:26: plot.arm: norm.kind is plot.panel already; "
            "give another swept key, or leave it out",
        ),
        ("optimizer.lr: 1", 'c.yaml:1:1: optimizer.lr: a dotted key is not allowed in a file; '
         'write "lr" under "optimizer:"'),
        ("<<: {seed: 1}", "c.yaml:1:1: <<: merge keys are not supported; write the keys out"),
        ("sed: 1", "c.yaml:1:1: sed: unknown key; did you mean seed?"),
        ("seed:1", 'c.yaml:1:1: a blank is missing after "seed:"; write "seed: 1"'),
        ("training: {epochs:3}", 'c.yaml:1:12: training.epochs:3: a blank is missing after '
         '"epochs:"; write "epochs: 3"'),
        ("data:\n  name:mnist", 'c.yaml:2:3: data: a blank is missing after "name:"; write "name: '
         f'mnist"; allowed: a mapping of {DATA}'),
        ("sweep: {axes: {norm:on}}", 'c.yaml:1:16: sweep.axes.norm:on: a blank is missing after '
         '"norm:"; write "norm: on"'),
        ("optimizer: {lr: 0,01, kind: adam}",
         "c.yaml:1:17: optimizer.lr: 0,01 has a comma; write 0.01"),
        ("norm: batchnorm", "c.yaml:1:7: norm.kind: batchnorm is not known, did you mean batch?; "
         f"allowed: {KINDS}"),
        ("norm: {kind: LayerNorm}", "c.yaml:1:14: norm.kind: LayerNorm is not known, did you mean "
         f"layer?; allowed: {KINDS}"),
        ("norm: batch_nrom", "c.yaml:1:7: norm.kind: batch_nrom is not known, did you mean "
         f"batch_renorm?; allowed: {KINDS}"),
        (
            "norm: null",
            "c.yaml:1:7: norm: there is no value; leave the key out for the defaults; allowed: on, "
            f"off, batch, none, or a mapping of {NORM}",
        ),
        ("data: [1]", "c.yaml:1:7: data: a list is not allowed here; "
         f"allowed: a mapping of {DATA}"),
        ("sweep: {axes: [1]}", "c.yaml:1:15: sweep.axes: this is no mapping; "
         "allowed: keys and their values, such as {norm: [on, off]}"),
        ("training: {batch_size: 012}", "c.yaml:1:24: training.batch_size: 012 begins with 0, "
         "which some readers take for base 8; write 12; allowed: a whole number >= 1"),
        ("seed: true", "c.yaml:1:7: seed: true is not a number; "
         "allowed: a whole number from 0 to 4,294,967,295"),
        ("optimizer: {lr: 0}", "c.yaml:1:17: optimizer.lr: 0 is out of range; "
         "allowed: a number > 0"),
        ("optimizer: {rho:}", "c.yaml:1:17: optimizer.rho: there is no value; "
         "allowed: a number from 0 to 0.999999"),
        ("optimizer: {lr: 1e400}", "c.yaml:1:17: optimizer.lr: 1e400 is not a finite number; "
         "allowed: a number > 0"),
        ("name: 2024", 'c.yaml:1:7: name: 2024 is not text; write "2024"; allowed: letters, '
         'digits, ".", "_" and "-", at most 60, the first a letter or digit'),
        (r'training: {dtype: "a\nb\ud800"}', r'c.yaml:1:19: training.dtype: "a\nb\ud800" is not '
         "known; allowed: float32, float64"),
    ],
)  # fmt: skip
def test_one_mistake(text, message, mistakes_of):
    assert mistakes_of(text) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "data: {train: 101}\nnorm: on\ntraining: {drop_last: true}",
        "data: {train: 101}\nnorm: on\ntraining: {sampling: replacement}",
        "data: {train: 101}\nnorm: on\nnetwork: {layers: []}",
        "data: {train: 101}",
        "training: {batch_size: 1}",
    ],
)
def test_a_last_batch_of_one_is_allowed_where_batch_norm_never_sees_it(text, load):
    assert isinstance(load(text), Config)


def test_mistakes_of_arguments_stand_after_those_of_the_file(mistakes_of):
    found = mistakes_of(
        "seed: x",
        overrides=[
            "optimizer.lr=abc",
            "epochs",
            "lr=1",
            "optimizer={lr: 1, x: 2}",
            "norm={kind: batch",
            "norm.kind=null",
            "norm.foo=1",
            "sweep.axes.norm=[on]",
            "training.batch_size=5_000",
        ],
        axes=["optimizer.lr", "optimizer.lr=1,,2", "lr=1", "norm.eps=1e-5,1E-05", "init.scale="],
        seeds=0,
    )
    forms = "logspace(0, -4, 16), linspace(0, 1, 11), or values with commas: 1, 0.1, 0.01"
    assert found == [
        "c.yaml:1:7: seed: x is not a number; allowed: a whole number from 0 to 4,294,967,295",
        '--set epochs: a key and "=" are needed, such as optimizer.lr=0.1',
        "--set lr=1: lr: unknown key; did you mean optimizer.lr?",
        f"--set optimizer={{lr: 1, x: 2}}: optimizer.x: unknown key; allowed: {OPTIMIZER}",
        "--set norm={kind: batch: the braces opened at line 1, column 1 are not closed or lack a "
        'comma: "}" or ","',
        f"--set norm.kind=null: norm.kind: null is no value; allowed: {KINDS}",
        f"--set norm.foo=1: norm.foo: unknown key; allowed: {NORM}",
        "--set sweep.axes.norm=[on]: sweep.axes.norm: set an axis with --axis key=SPEC and the "
        "number of seeds with --seeds",
        "--set training.batch_size=5_000: training.batch_size: 5,000 is more than the 1,297 "
        "training examples; allowed: 1 to 1,297",
        '--axis optimizer.lr: a key and "=" are needed, such as optimizer.lr=1,0.1,0.01',
        "--axis optimizer.lr=1,,2: optimizer.lr: a value is missing beside a comma; "
        f"allowed: {forms}",
        "--axis lr=1: lr: unknown key; did you mean optimizer.lr?",
        "--axis norm.eps=1e-5,1E-05: norm.eps: 1E-05 stands twice; give each value once",
        f"--axis init.scale=: init.scale: no values; allowed: a list, {forms}",
        "--seeds 0: sweep.seeds: 0 is out of range; allowed: a whole number from 1 to 10,000",
    ]


def test_an_argument_that_makes_a_conflict_is_its_place(mistakes_of):
    found = mistakes_of("training: {batch_size: 100}\nnorm: on", overrides=["data.train=101"])
    (line,) = found
    assert line.startswith("--set data.train=101: training.batch_size: the last batch of 101 ")


def test_a_wrong_override(mistakes_of):
    assert mistakes_of(None, overrides=["optimizer.lr=abc"]) == [
        "--set optimizer.lr=abc: optimizer.lr: abc is not a number; allowed: a number > 0"
    ]


def test_an_axis_of_layers_shows_its_brackets(mistakes_of):
    def wrong(axis):
        (mistake,) = mistakes_of("name: x", axes=[axis])
        return mistake.removeprefix(f"--axis {axis}: ")

    lists = "network.layers: a value of this axis is a list of layers; write"
    shell = "in quotes in a shell"
    two = f"{lists} [32], [64] for 2 networks or [[32, 64]] for one, {shell}"
    assert wrong("network.layers=32,64") == two
    assert wrong("network.layers=[32,64]") == two
    assert wrong("network.layers=[32]") == f"{lists} [[32]], {shell}"
    assert wrong("network.layers=1,2,3,4") == (
        f"{lists} [1], [2], [3], ... for 4 networks or [[1, 2, 3, ...]] for one, {shell}"
    )
    assert wrong("network.layers=[32]; [64]") == (
        "text follows where the value ends; put commas between values"
    )


@pytest.mark.parametrize("spec", ["[32], [64]", "[[32], [64]]"])
def test_an_axis_of_layers_is_read_as_it_is_shown(spec, load):
    found = load("name: x", axes=[f"network.layers={spec}"]).sweep.axes
    assert found == {"network.layers": ((32,), (64,))}
    assert load("name: x", axes=["network.layers=[[32, 64]]"]).sweep.axes == {
        "network.layers": ((32, 64),)
    }
