"""Rules between keys: each conflict at its place, with what is wrong and what to do."""

import pytest

from bnexp.config import Config, load_text, with_values
from bnexp.errors import ConfigError

#: A text, and the one line that it gives after ``c.yaml:``.
CONFLICTS = [
    # Examples
    (
        "data: {path: a.npz}",
        "1:14: data.path: digits has no file of yours; leave it out, or set data.name: npz or csv",
    ),
    (
        "data: {name: npz}",
        "1:14: data.path: npz needs the path of its file; set data.path",
    ),
    (
        "data: {name: npz, path: a.npz, test_path: b.npz}",
        "1:43: data.test_path: an npz file holds its test examples itself; leave it out (csv "
        "has a second file)",
    ),
    (
        "data: {name: cifar10, train: 50_001}",
        "1:30: data.train: 50,001 examples, but CIFAR-10 has 50,000; allowed: 1 to 50,000, or all",
    ),
    (
        "data: {train: 200, validation: 200}",
        "1:32: data.validation: 200 of 200 examples leave none to train on; allowed: 0 to 199",
    ),
    (
        "data: {train: 200, validation: 5}",
        "1:32: data.validation: 5 for validation and 195 to train on cannot both hold an "
        "example of each of 10 classes; change the number, or set data.split: plain",
    ),
    (
        "training: {batch_size: 5}\ndata: {train: 200, validation: 0.97}",
        "2:32: data.validation: 194 for validation and 6 to train on cannot both hold an "
        "example of each of 10 classes; change the number, or set data.split: plain",
    ),
    (
        "data: {validation: 0.1}\nevaluate: {train: 1200}",
        "2:19: evaluate.train: 1,200 examples, but 1,167 are trained on; allowed: 1 to 1,167,"
        " or all",
    ),
    (
        "data: {validation: 100}\nevaluate: {validation: 101}",
        "2:24: evaluate.validation: 101 examples, but 100 are held out; allowed: 1 to 100, or all",
    ),
    (
        "evaluate: {validation: all}",
        "1:24: evaluate.validation: there are no validation examples; set data.validation, "
        "such as 0.1",
    ),
    (
        "data: {train: 110, validation: 20}",
        "1:15: training.batch_size: 100 is more than the 90 training examples; allowed: 1 to 90",
    ),
    (
        "augmentation: {shift: 8}",
        "1:23: augmentation.shift: 8 leaves nothing of 8 x 8 pixels; allowed: 0 to 7",
    ),
    # Layers and norms
    (
        "network: {layers: [conv 8, pool 4, pool 4]}",
        "1:36: network.layers: layer 3, pool 4: a window of 4 does not fit: 2 x 2 images of 8"
        " channels reach it; set a smaller window, or pool less before it",
    ),
    (
        "network: {layers: [10, conv 8]}",
        "1:24: network.layers: layer 2, conv 8: a conv layer needs images, but 10 features "
        "reach it; put it before the dense layers, on a dataset of images",
    ),
    (
        "norm: instance",
        "1:7: norm.kind: layer 1, dense 100: instance norm normalises each number alone here,"
        " which leaves only zeros; give this layer norm: layer or none, or choose another "
        "norm.kind",
    ),
    (
        "norm: instance\nnetwork: {layers: [conv 8, 30]}",
        "1:7: norm.kind: layer 2, dense 30: instance norm normalises each number alone here, "
        "which leaves only zeros; give this layer norm: layer or none, or choose another "
        "norm.kind",
    ),
    (
        "network: {layers: [conv 8, {dense: 30, norm: instance}]}",
        "1:28: network.layers: layer 2, dense 30 norm instance: instance norm normalises each"
        " number alone here, which leaves only zeros; give this layer norm: layer or none, or"
        " choose another norm.kind",
    ),
    (
        "norm: {kind: group, groups: 100}",
        "1:29: norm.groups: layer 1, dense 100: group norm normalises each number alone here,"
        " which leaves only zeros; allowed for norm.groups: 1, 2, 4, 5, 10, 20, 25, 50",
    ),
    (
        "norm: {kind: group, groups: 3}",
        "1:29: norm.groups: layer 1, dense 100: 3 groups do not divide 100 units; allowed: 1,"
        " 2, 4, 5, 10, 20, 25, 50",
    ),
    (
        "norm: {kind: group, groups: 4}\nnetwork: {layers: [conv 8, conv 6]}",
        "1:29: norm.groups: layer 2, conv 6: 4 groups do not divide 6 channels; allowed: 1, 2, 3",
    ),
    (
        "norm: layer\nnetwork: {layers: [1]}",
        "1:7: norm.kind: layer 1, dense 1: layer norm normalises each number alone here, "
        "which leaves only zeros; give this layer norm: none or more than one unit",
    ),
    (
        "norm: instance\nnetwork: {layers: [conv 8, pool 8, conv 4]}",
        "1:7: norm.kind: layer 3, conv 4: instance norm normalises each number alone here, "
        "which leaves only zeros; give this layer norm: layer or none, or choose another "
        "norm.kind",
    ),
    (
        "norm: {kind: batch_renorm, renorm_end: 0.01}",
        "1:40: norm.renorm_end: 0.01 is before norm.renorm_start, 0.04",
    ),
    (
        "regularization: {spatial_dropout: on, dropout: 0.1}",
        "1:35: regularization.spatial_dropout: only conv layers have channels to drop; leave "
        "it out, or add a conv layer",
    ),
    # Mini-batches
    (
        "norm: batch_renorm\ntraining: {batch_size: 1}",
        "2:24: training.batch_size: batch renorm needs at least 2 examples in a batch; raise "
        "batch_size, or norm: off",
    ),
    (
        "norm: noisy_batch\ndata: {train: 101}",
        "2:15: training.batch_size: the last batch of 101 examples in batches of 100 holds "
        "one example, which noisy batch norm cannot use; set training.drop_last to true or "
        "change batch_size",
    ),
    (
        "norm: batch\ndata: {train: 201, validation: 100}",
        "2:15: training.batch_size: the last batch of 101 examples in batches of 100 holds "
        "one example, which batch norm cannot use; set training.drop_last to true or change "
        "batch_size",
    ),
    (
        "norm: batch\nnetwork: {layers: [conv 8, 10]}\ntraining: {batch_size: 1}",
        "3:24: training.batch_size: batch norm needs at least 2 examples in a batch; raise "
        "batch_size, or norm: off",
    ),
    (
        "norm: batch\nnetwork: {layers: [pool 8, conv 8]}\ntraining: {batch_size: 1}",
        "3:24: training.batch_size: batch norm needs at least 2 examples in a batch; raise "
        "batch_size, or norm: off",
    ),
    # Update rules and early stopping
    (
        "optimizer: {kind: adam, momentum: 0.9}",
        "1:35: optimizer.momentum: adam takes none; leave it out, or set optimizer.kind: momentum",
    ),
    (
        "optimizer: {kind: rmsprop, nesterov: on}",
        "1:38: optimizer.nesterov: rmsprop takes none; leave it out, or set optimizer.kind: "
        "momentum",
    ),
    (
        "optimizer: {kind: nesterov, momentum: 0}",
        "1:39: optimizer.momentum: Nesterov's form needs a momentum; set optimizer.momentum "
        "above 0, such as 0.9",
    ),
    (
        "training: {patience: 3}",
        "1:22: training.patience: early stopping needs validation examples; set "
        "data.validation, such as 0.1",
    ),
    (
        "training: {patience: 3}\ndata: {validation: 0.1}\nevaluate: {validation: last}",
        "1:22: training.patience: early stopping looks at each record; set "
        "evaluate.validation to all or a number",
    ),
    (
        "plot: {y: val_loss}",
        "1:11: plot.y: val_loss is not recorded; allowed: running_loss, running_accuracy, "
        "test_loss, test_accuracy (evaluate decides)",
    ),
    (
        "plot: {y: [running_loss, val_loss]}",
        "1:11: plot.y: val_loss is not recorded; allowed: running_loss, running_accuracy, "
        "test_loss, test_accuracy (evaluate decides)",
    ),
    (
        "plot: {y: [running_loss, test_accuracy]}",
        "1:11: plot.y: accuracies and losses do not go in one panel; give only one kind",
    ),
    # Single values
    (
        "plot: {y: [test_loss, test_acc]}",
        "1:11: plot.y: these are not all metrics; allowed: train_loss, train_accuracy, "
        "running_loss, running_accuracy, val_loss, val_accuracy, test_loss, test_accuracy, or a "
        "list of some of one kind",
    ),
    (
        "plot: {y: []}",
        "1:11: plot.y: there is no metric; allowed: train_loss, train_accuracy, running_loss, "
        "running_accuracy, val_loss, val_accuracy, test_loss, test_accuracy, or a list of some of "
        "one kind",
    ),
    (
        "training: {patience: 0}",
        "1:22: training.patience: 0 is out of range; allowed: none or a whole number >= 1",
    ),
    (
        "data: {validation: 1.5}",
        "1:20: data.validation: 1.5 is not a whole number; allowed: a whole number >= 0, or a"
        " share above 0 and below 1",
    ),
    (
        "data: {path: 3}",
        '1:14: data.path: 3 is not text; write "3"; allowed: the path of a file',
    ),
    (
        "norm: {groups: a}",
        "1:16: norm.groups: a is not allowed; allowed: auto or a whole number >= 1",
    ),
    (
        "evaluate: {train: runing}",
        "1:19: evaluate.train: runing is not allowed, did you mean running?; allowed: all, "
        "running, last, none or a whole number >= 1",
    ),
    (
        "training: {weight_decay: 0.1}",
        "1:12: training.weight_decay: unknown key; did you mean regularization.weight_decay?",
    ),
]


@pytest.mark.parametrize(("text", "line"), CONFLICTS)
def test_one_conflict(text, line, mistakes_of):
    assert mistakes_of(text) == [f"c.yaml:{line}"]


@pytest.mark.parametrize(
    "text",
    [
        # One image in a batch is enough where it has several pixels for each channel.
        "norm: batch\nnetwork: {layers: [conv 8, pool 2]}\ntraining: {batch_size: 1}",
        "norm: batch\nnetwork: {layers: [conv 8, {dense: 9, norm: layer}]}\n"
        "training: {batch_size: 1}",
        "norm: noisy_batch\nnetwork: {layers: [conv 8]}\ndata: {train: 101}",
        "norm: layer\ntraining: {batch_size: 1}",
        "norm: instance\nnetwork: {layers: [conv 8, {dense: 30, norm: off}]}",
        "norm: rms\nnetwork: {layers: [1]}",
        "norm: group\nnetwork: {layers: [97, 3]}",
        "norm: {kind: group, groups: 8}\nnetwork: {layers: [conv 8, pool 2]}",
        "norm: {kind: batch, groups: 7, renorm_end: 0.01}",
        "data: {train: 200, validation: 5, split: plain}",
        "data: {train: 200, validation: 0.1}\naugmentation: {flip: on, shift: 7}",
        "optimizer: {kind: adam, momentum: 0, nesterov: off}",
        "optimizer: {kind: nesterov}",
        "optimizer: {kind: momentum, nesterov: on}",
        "regularization: {spatial_dropout: on}\nnetwork: {layers: [conv 8]}",
        "training: {patience: 3}\ndata: {validation: 0.1}",
        "training: {patience: none}\nnorm: {groups: none}",
        "evaluate: {train: none, test: none}\ndata: {validation: 0.1}",
        # What is swept is judged cell by cell.
        "norm: instance\nsweep: {axes: {network.layers: [[conv 8], [conv 4]]}}",
        "plot: {y: val_loss}\nsweep: {axes: {data.validation: [0.1, 0.2]}}",
        "data: {name: npz}\nsweep: {axes: {data.path: [a.npz, b.npz]}}",
        # Whether a user's own files fit is known only where they are.
        "data: {name: csv, path: nowhere.csv, train: 10}\nnetwork: {layers: [conv 8]}",
    ],
)
def test_what_is_allowed(text, load):
    assert isinstance(load(text), Config)


def test_a_base_that_is_a_cell_itself_is_refused_at_its_place(mistakes_of):
    text = "norm: instance\nsweep: {axes: {network.layers: [[100, 100], [conv 4]]}}"
    (line,) = mistakes_of(text)
    assert line.startswith("c.yaml:1:7: norm.kind: layer 1, dense 100: instance norm ")


def test_an_argument_that_makes_a_layer_misfit_is_its_place(mistakes_of):
    text = "network: {layers: [conv 8, pool 9]}\ndata: {name: mnist}"
    (line,) = mistakes_of(text, overrides=["data.name=digits"])
    assert line.startswith("--set data.name=digits: network.layers: layer 2, pool 9: a window ")


def test_a_cell_that_does_not_fit_is_named():
    config = load_text("norm: instance\nsweep: {axes: {network.layers: [[conv 8], [conv 4]]}}")
    assert with_values(config, {"network.layers": ("conv 8",)}).norm.kind == "instance"
    with pytest.raises(ConfigError, match=r"^cell network.layers = \[conv 8, 9\]: norm.kind: "):
        with_values(config, {"network.layers": ("conv 8", 9)})


def test_conflicts_of_update_rule_and_data_are_told_at_once(mistakes_of):
    text = """\
data: {name: npz, validation: 3}
augmentation: {shift: -1}
optimizer: {kind: adamw, momentum: 0.5}
training: {patience: x}
"""
    assert mistakes_of(text) == [
        "c.yaml:1:14: data.path: npz needs the path of its file; set data.path",
        "c.yaml:2:23: augmentation.shift: -1 is out of range; "
        "allowed: a whole number from 0 to 1,000",
        "c.yaml:3:36: optimizer.momentum: adamw takes none; leave it out, or set "
        "optimizer.kind: momentum",
        "c.yaml:4:22: training.patience: x is not allowed; allowed: none or a whole number >= 1",
    ]
