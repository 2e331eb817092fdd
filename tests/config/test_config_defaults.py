"""Defaults that follow from other keys, and what a config comes to in numbers."""

import pytest

from bnexp.config import (
    data_spec,
    dump_config,
    evaluated_validation,
    facts_of,
    load_sweep,
    load_text,
    recorded_metrics,
    resolve,
    steps_per_epoch,
    train_size,
    validation_size,
    weight_decay,
    with_values,
)
from bnexp.describe import DATASETS, DataSpec
from bnexp.errors import DatasetError


@pytest.mark.parametrize(
    ("kind", "lr", "momentum", "decay"),
    [
        ("sgd", 0.01, 0.0, 0.0),
        ("momentum", 0.01, 0.9, 0.0),
        ("nesterov", 0.01, 0.9, 0.0),
        ("adagrad", 0.01, 0.0, 0.0),
        ("rmsprop", 0.001, 0.0, 0.0),
        ("adam", 0.001, 0.0, 0.0),
        ("adamw", 0.001, 0.0, 0.01),
    ],
)
def test_defaults_of_an_update_rule(kind, lr, momentum, decay):
    config = load_text(f"optimizer: {{kind: {kind}}}")
    assert weight_decay(config) == decay
    found = resolve(config)
    assert (found.optimizer.lr, found.optimizer.momentum) == (lr, momentum)
    assert found.regularization.weight_decay == decay
    again = load_text(dump_config(config))
    assert again == found == resolve(again)


def test_what_is_given_is_kept():
    text = "optimizer: {kind: adamw, lr: 0.5}\nregularization: {weight_decay: 0}"
    found = resolve(load_text(text))
    assert (found.optimizer.lr, found.regularization.weight_decay) == (0.5, 0.0)


def test_defaults_stay_open_while_what_they_depend_on_is_swept():
    text = "sweep: {axes: {optimizer.kind: [sgd, adamw], data.name: [digits, mnist]}}"
    config = resolve(load_text(text))
    assert config.optimizer.lr is None
    assert config.optimizer.momentum is None
    assert config.regularization.weight_decay is None
    assert config.data.standardize is None
    assert load_text(dump_config(config)) == config
    cell = with_values(config, {"optimizer.kind": "adamw", "data.name": "mnist"})
    assert (cell.optimizer.lr, cell.optimizer.momentum) == (0.001, 0.0)
    assert (cell.regularization.weight_decay, cell.data.standardize) == (0.01, "unit")


def test_an_axis_that_is_added_later_keeps_the_defaults_open():
    config = load_sweep(load_text("name: x"), axes=["optimizer.kind=sgd,adam"])
    assert [with_values(config, {"optimizer.kind": kind}).optimizer.lr for kind in ("sgd", "adam")
            ] == [0.01, 0.001]  # fmt: skip


def test_validation_is_evaluated_where_there_is_some():
    plain = resolve(load_text("name: x"))
    held_out = resolve(load_text("data: {validation: 0.1}"))
    assert (plain.evaluate.validation, held_out.evaluate.validation) == ("none", "all")
    assert recorded_metrics(held_out)[2:4] == ("val_loss", "val_accuracy")
    swept = resolve(load_text("sweep: {axes: {data.validation: [0, 100]}}"))
    assert swept.evaluate.validation is None
    found = [with_values(swept, {"data.validation": n}).evaluate.validation for n in (0, 100)]
    assert found == ["none", "all"]
    quiet = load_text("data: {validation: 0.1}\nevaluate: {validation: none}")
    assert evaluated_validation(quiet) == "none"
    assert "val_loss" not in recorded_metrics(quiet)


def test_the_drawn_metric_prefers_validation_to_test():
    text = "data: {validation: 0.1}\nevaluate: {train: none}"
    assert resolve(load_text(text)).plot.y == "val_accuracy"


@pytest.mark.parametrize(
    ("data", "trained", "held_out"),
    [
        ("{train: 1000}", 1000, 0),
        ("{train: 1000, validation: 100}", 900, 100),
        ("{train: 1000, validation: 1e2}", 900, 100),
        ("{train: 1000, validation: 0.25}", 750, 250),
        ("{validation: 0.1}", 1167, 130),
        ("{train: 11, validation: 0.001, split: plain}", 10, 1),
        ("{name: mnist, validation: 10_000}", 50_000, 10_000),
    ],
)
def test_sizes_of_a_split(data, trained, held_out):
    config = load_text(f"data: {data}\ntraining: {{batch_size: 10}}")
    assert (train_size(config), validation_size(config)) == (trained, held_out)
    assert steps_per_epoch(config) == -(-trained // 10)


def test_class_sorted_batches_cover_all_examples():
    assert steps_per_epoch(load_text("training: {sampling: sorted}\ndata: {train: 1001}")) == 11


def test_the_examples_in_numbers():
    text = """\
data: {name: cifar10, train: 1000, validation: 0.1, split: plain, test: 50, seed: 3,
       standardize: channel, label_noise: 0.2}
"""
    assert data_spec(load_text(text)) == DataSpec(
        name="cifar10",
        path=None,
        test_path=None,
        train=900,
        validation=100,
        split="plain",
        test=50,
        seed=3,
        standardize="channel",
        label_noise=0.2,
    )
    assert data_spec(load_text("name: x")).standardize == "unit"


def test_facts_of_a_users_own_file(tmp_path):
    path = tmp_path / "own.csv"
    rows = [f"{i % 3},{i},{i * i}" for i in range(30)]
    path.write_text("label,a,b\n" + "\n".join(rows) + "\n")
    text = (
        f"data: {{name: csv, path: {path}}}\nevaluate: {{test: none}}\ntraining: {{batch_size: 5}}"
    )
    config = load_text(text)
    facts = facts_of(config.data)
    assert (facts.features, facts.classes, facts.train, facts.test) == (2, 3, 30, 0)
    assert data_spec(config).standardize == resolve(config).data.standardize == "none"
    assert facts_of(load_text("name: x").data) is DATASETS["digits"]
    with pytest.raises(DatasetError):
        data_spec(load_text("data: {name: csv, path: nowhere.csv}"))


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ("augmentation: {flip: on}\nevaluate: {test: none}", "augmentation.flip: only images are"),
        ("network: {layers: [conv 8]}\nevaluate: {test: none}", "a conv layer needs images, but 2"),
        (
            "evaluate: {test: all}",
            "has no test examples; set evaluate.test: none, or give data.tes",
        ),
    ],
)
def test_rules_for_a_users_own_file(more, part, tmp_path, mistakes_of):
    path = tmp_path / "own.csv"
    path.write_text("label,a,b\n" + "0,1,2\n1,3,4\n" * 10)
    text = f"data: {{name: csv, path: {path}}}\ntraining: {{batch_size: 5}}\n{more}"
    (line,) = mistakes_of(text)
    assert part in line


def test_paths_with_anything_in_them_are_written_and_read():
    names = ["a b.csv", "two  blanks.csv", 'quo"te.csv', "größe.csv", "tab\t.csv", "1e-4", "😀.csv"]
    for name in (*names, " x" * 80):
        config = load_text("data: {name: csv, path: x}")
        named = config.model_copy(update={"data": config.data.model_copy(update={"path": name})})
        assert load_text(dump_config(named)).data.path == name
