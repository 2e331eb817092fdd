"""The search block: ranges, their mistakes at their places, and rules between its keys."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnexp.config import ConfigMistakesError, dump_config, load_search, load_text, resolve
from bnexp.config.ranges import Range, parse_range, range_of
from bnexp.errors import ConfigError

HEAD = "data: {validation: 0.2}\nnetwork: {layers: [64, 64]}\n"
FORMS = (
    "allowed: loguniform(1e-6, 1e-2), uniform(0, 0.5), int(1, 6), choice([a, b]), a list of "
    "values, logspace(A, B, N) or linspace(A, B, N)"
)


def search_of(space: str, **more):
    keys = "".join(f"  {key}: {value}\n" for key, value in more.items())
    return load_text(f"{HEAD}search:\n{keys}  space:\n    {space}\n").search


def mistake_of(text: str) -> str:
    with pytest.raises(ConfigMistakesError) as caught:
        load_text(text, "c")
    (line,) = caught.value.mistakes
    return line


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("loguniform(1e-6, 1e-2)", "loguniform(1e-06, 0.01)"),
        ("uniform(0.5,1)", "uniform(0.5, 1.0)"),
        ("[0.1, 0.01]", (0.1, 0.01)),
        ("choice([0.1, 0.01])", (0.1, 0.01)),
        ("choice(0.1, 0.01)", (0.1, 0.01)),
        ("logspace(0, -2, 3)", (1.0, 0.1, 0.01)),
        ("linspace(1, 2, 3)", (1.0, 1.5, 2.0)),
    ],
)
def test_a_range_is_kept_as_a_text_or_as_values(said, kept):
    assert search_of(f"optimizer.lr: {said}").space == {"optimizer.lr": kept}


def test_short_keys_layers_and_shapes_are_searched_too():
    space = search_of(
        "norm: [on, off]\n    network.depth: int(1, 3)\n    network.width: choice([16, 32])\n"
        "    training.batch_size: int(10, 50)\n    network.activation: [relu, tanh]"
    ).space
    assert space == {
        "norm.kind": ("batch", "none"),
        "network.depth": "int(1, 3)",
        "network.width": (16, 32),
        "training.batch_size": "int(10, 50)",
        "network.activation": ("relu", "tanh"),
    }
    layers = search_of("network.layers: choice([[32], [conv 8, pool 2], [64, 64]])").space
    assert layers == {"network.layers": ((32,), ("conv 8", "pool 2"), (64, 64))}
    assert search_of("network.layers: choice([32], [64])").space["network.layers"] == ((32,), (64,))


def test_the_resolved_config_reads_as_itself():
    text = HEAD + (
        "search:\n  sampler: random-grid\n  trials: 5\n  pruner: halving\n  rungs: [2, 4]\n"
        "  space: {network.layers: [[32], [64, 32, 16]], norm: [on, off], "
        "optimizer.lr: 'logspace(0, -2, 3)'}\n"
    )
    config = resolve(load_text(text))
    assert load_text(dump_config(config)) == config
    assert type(config).model_validate(config.model_dump(mode="json"), strict=False) == config
    assert "search:" not in dump_config(load_text(HEAD))


def test_all_mistakes_of_a_search_at_once(mistakes_of):
    text = """\
data: {validation: 0.2}
search:
  sampler: bayes
  trials: 0
  space:
    optimizer.lr: loguniform(0, 1)
    regularization.l2: uniform(1, 1)
    regularization.dropout: uniform(0, 1)
    data.train: int(1, 10)
    evaluate.test: [all, none]
    training.batch_size: uniform(10, 50)
    training.epochs: int(1, 2.5)
    network.width: int(0, 5)
    init.scale: banana
    init.scheme: [he, hee]
    norm.eps: {a: 1}
    optimizer.beta1: []
    optimizer.momentun: [0.9]
    norm.momentum: [0.9, 0.9]
    seed: int(1, 2)
    plot.y: [val_loss]
  objective: accuracy
  rungs: [0]
  keep: 1
"""
    assert mistakes_of(text) == [
        "c.yaml:3:12: search.sampler: bayes is not known; allowed: random, grid, random-grid, tpe",
        "c.yaml:4:11: search.trials: 0 is out of range; allowed: a whole number from 1 to 10,000",
        "c.yaml:6:19: search.space.optimizer.lr: loguniform: 0 has no logarithm; allowed: numbers "
        "above 0",
        "c.yaml:7:24: search.space.regularization.l2: uniform: 1 is not below 1; give the lower "
        "end first",
        "c.yaml:8:29: search.space.regularization.dropout: 1.0 is out of range; allowed: a number "
        "from 0 to 0.999999",
        "c.yaml:9:5: search.space.data.train: this decides what trials are compared by; sweep it, "
        "each with a search of its own",
        "c.yaml:10:5: search.space.evaluate.test: this decides what trials are compared by; sweep "
        "it, each with a search of its own",
        "c.yaml:11:26: search.space.training.batch_size: this key takes whole numbers; write "
        "int(10, 50)",
        'c.yaml:12:22: search.space.training.epochs: int: "2.5" is not allowed; allowed: whole '
        "numbers",
        "c.yaml:13:20: search.space.network.width: 0 is out of range; allowed: a whole number "
        "from 1 to 100,000",
        f"c.yaml:14:17: search.space.init.scale: banana is no range; {FORMS}",
        "c.yaml:15:23: search.space.init.scheme: hee is not known, did you mean he?; allowed: "
        "normal, he, he_uniform, xavier, xavier_uniform, lecun, lecun_uniform, orthogonal",
        f"c.yaml:16:15: search.space.norm.eps: a mapping is no range; {FORMS}",
        "c.yaml:17:22: search.space.optimizer.beta1: no values; give at least one",
        "c.yaml:18:5: search.space.optimizer.momentun: unknown key; did you mean "
        "optimizer.momentum?",
        "c.yaml:19:26: search.space.norm.momentum: 0.9 stands twice; give each value once",
        "c.yaml:20:5: search.space.seed: the seed decides which trials are drawn; give --seed N",
        "c.yaml:21:5: search.space.plot.y: keys of plot are not searched; they change nothing in "
        "a run",
        "c.yaml:22:14: search.objective: accuracy is not known, did you mean val_accuracy?; "
        "allowed: train_loss, train_accuracy, running_loss, running_accuracy, val_loss, "
        "val_accuracy, test_loss, test_accuracy",
        "c.yaml:23:10: search.rungs: these are no epochs; allowed: auto, or epochs in rising "
        "order, such as [5, 10, 25]",
        "c.yaml:24:9: search.keep: 1 is out of range; allowed: a number > 0 and < 1",
    ]


def test_a_comma_inside_braces_is_explained():
    line = mistake_of("search:\n  space: {optimizer.lr: loguniform(1e-4, 1)}\n")
    assert line == (
        "c:2:25: search.space.optimizer.lr: a comma ends the value here; put it in quotes: "
        '"loguniform(1e-4, 1)"'
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "search: {space: {optimizer.lr: [1, 2]}}",
            "search.objective: val_accuracy needs validation examples; set data.validation, such "
            "as 0.2 (or name another objective; the test set is for the final report, not for "
            "choosing)",
        ),
        (
            HEAD + "search: {objective: train_loss, space: {optimizer.lr: [1, 2]}}",
            "search.objective: train_loss is not recorded; allowed: running_loss, "
            "running_accuracy, val_loss, val_accuracy, test_loss, test_accuracy (evaluate decides)",
        ),
        (
            HEAD + "search: {sampler: grid, space: {optimizer.lr: 'uniform(1, 2)'}}",
            "search.space: optimizer.lr has no grid: uniform(1.0, 2.0) is a continuum; give "
            "logspace, linspace, int or a list, or set search.sampler: random",
        ),
        (
            HEAD + "search: {sampler: grid, trials: 2, space: {optimizer.lr: [1, 2, 3]}}",
            "search.trials: a grid tries all its points; leave it out, or set search.sampler: "
            "random-grid",
        ),
        (
            HEAD + "search: {sampler: random-grid, trials: 4, space: {optimizer.lr: [1, 2, 3]}}",
            "search.trials: 4 trials, but the grid has 3 points; allowed: 1 to 3",
        ),
        (
            HEAD + "search: {sampler: tpe, pruner: halving, space: {optimizer.lr: [1, 2]}}",
            "search.pruner: halving ranks all trials together, and tpe asks for them one after "
            "the other; set one of search.sampler: random and search.pruner: none",
        ),
        (
            HEAD + "evaluate: {validation: last}\n"
            "search: {pruner: halving, space: {optimizer.lr: [1, 2]}}",
            "search.pruner: halving compares val_accuracy on the way; it is measured at the end "
            "only; set evaluate.validation: all",
        ),
        (
            HEAD + "training: {epochs: 5}\n"
            "search: {pruner: halving, rungs: [2, 5], space: {optimizer.lr: [1, 2]}}",
            "search.rungs: 5 leaves nothing to prune of 5 epochs; allowed: 1 to 4",
        ),
        (
            HEAD + "search: {pruner: halving, rungs: [3, 2], space: {optimizer.lr: [1, 2]}}",
            "search.rungs: epochs must rise from one rung to the next",
        ),
        (
            HEAD + "search: {space: {network.layers: [[1], [2]], network.width: [3, 4]}}",
            "search.space: network.width and network.layers are both searched; leave one of them "
            "out",
        ),
        (
            "data: {validation: 0.2}\nnetwork: {layers: [conv 8, 10]}\n"
            "search: {space: {network.width: [3, 4]}}",
            "search.space: network.width is for networks of dense layers; search network.layers, "
            "a list each",
        ),
        (
            "data: {validation: 0.2}\nnetwork: {layers: [8, 10]}\n"
            "search: {space: {network.depth: [3, 4]}}",
            "search.space: network.depth repeats one layer, and network.layers has different "
            "ones; make them alike, or search network.layers",
        ),
    ],
)
def test_rules_between_keys(text, line):
    assert mistake_of(text).partition(": ")[2] == line


def test_depth_and_width_together_take_any_dense_layers():
    text = "data: {validation: 0.2}\nnetwork: {layers: [8, 10]}\n"
    load_text(text + "search: {space: {network.depth: [3, 4], network.width: [5, 6]}}")


def test_arguments_replace_what_the_file_says(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + "search: {trials: 7, space: {optimizer.lr: [1, 2]}}\n")
    ranges = {"optimizer.lr": "loguniform(0.1, 1)", "norm": ["on", "off"]}
    search = load_search(path, space=ranges, trials=3, sampler="tpe").search
    assert (search.trials, search.sampler) == (3, "tpe")
    assert search.space == {"optimizer.lr": "loguniform(0.1, 1.0)", "norm.kind": ("batch", "none")}
    again = load_search(
        path, overrides=["search.space.optimizer.lr=uniform(1, 2)", "search.at=best"]
    )
    assert again.search.space == {"optimizer.lr": "uniform(1.0, 2.0)"}
    assert again.search.at == "best"
    with pytest.raises(ConfigError, match=r"^--trials 0: search.trials: 0 is out of range"):
        load_search(path, trials=0)
    path.write_text(HEAD)
    with pytest.raises(ConfigError, match=r"^search.space: this config searches nothing"):
        load_search(path)


def test_a_default_that_follows_from_a_searched_key_stays_open():
    text = HEAD + "search: {space: {optimizer.kind: [sgd, adam]}}\n"
    assert resolve(load_text(text)).optimizer.lr is None
    assert resolve(load_text(HEAD)).optimizer.lr == 0.01


@pytest.mark.parametrize(
    ("said", "is_log"),
    [
        ("loguniform(1.0, 2.0)", True),
        ("uniform(1e-8, 1.0)", False),
        ("int(1, 100)", False),
        ((1.0, 0.1, 0.01), True),
        ((16, 32, 64, 128, 256), True),
        ((1, 2, 4), False),
        ((0.0, 0.1, 0.01), False),
        (("relu", "tanh"), False),
        ((True, False), False),
    ],
)
def test_a_log_range_is_known_as_one(said, is_log):
    assert range_of(said).is_log is is_log


numbers = st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100)


@given(st.sampled_from(["uniform", "loguniform", "int"]), numbers, numbers)
def test_a_range_reads_as_it_is_written(kind, one, other):
    ends = sorted([one, other])
    if kind == "loguniform":
        ends = [abs(end) for end in ends if end]
        ends.sort()
    if kind == "int":
        ends = [int(max(-1e15, min(1e15, end))) for end in ends]
    if len(ends) < 2 or (ends[0] == ends[1] and kind != "int"):
        return
    found = Range(kind, *ends)
    back = parse_range(found.text)
    assert back == found
    assert math.isfinite(back.low)
