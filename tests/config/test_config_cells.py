import pickle
import time

import pytest

from bnexp.config import Config, ConfigMistakesError, load_config, load_text, resolve, with_values
from bnexp.config.schema import DenseLayer


def lines(config, values, seed=None):
    with pytest.raises(ConfigMistakesError) as caught:
        with_values(config, values, seed)
    return list(caught.value.mistakes)


def test_a_cell_has_its_values_and_no_sweep():
    config = load_config(None)
    cell = with_values(config, {"init.scale": 0.5, "norm.kind": "none"}, seed=7)
    assert (cell.init.scale, cell.norm.kind, cell.seed) == (0.5, "none", 7)
    assert cell.norm.eps == config.norm.eps
    assert cell.sweep.axes == {}
    assert (cell.plot.panel, cell.plot.arm, cell.plot.y) == (None, None, "train_accuracy")
    assert config.init.scale == 0.01


def test_a_cell_of_layers():
    cell = with_values(Config(), {"network.layers": (50, 30)})
    assert cell.network.layers == (DenseLayer(dense=50), DenseLayer(dense=30))


def test_a_cell_is_resolved_after_its_values_are_set():
    config = load_text("sweep: {axes: {init.scheme: [normal, he]}}")
    scales = [with_values(config, {"init.scheme": name}).init.scale for name in ("normal", "he")]
    assert scales == [0.01, 1.0]


def test_refused_values_name_the_cell():
    assert lines(load_config(None), {"init.scale": -1.0, "norm.kind": "layers"}, 3) == [
        "cell init.scale = -1, norm.kind = layers, seed = 3: init.scale: -1.0 is refused; "
        "allowed: a number > 0",
        "cell init.scale = -1, norm.kind = layers, seed = 3: norm.kind: 'layers' is refused; "
        "allowed: none, batch, batch_renorm, layer, group, instance, rms, noisy_batch "
        "(off: none, on: batch)",
    ]


def test_conflicts_name_the_cell():
    config = load_text("data: {train: 101}\nsweep: {axes: {norm: [on, off]}}")
    assert with_values(config, {"norm.kind": "none"}).norm.kind == "none"
    assert lines(config, {"norm.kind": "batch"}) == [
        "cell norm.kind = batch: training.batch_size: the last batch of 101 examples in batches of "
        "100 holds one example, which batch norm cannot use; set training.drop_last to true or "
        "change batch_size"
    ]


@pytest.mark.parametrize("key", ["seed", "name", "sweep.seeds", "plot.y"])
def test_keys_that_are_not_swept(key):
    assert lines(Config(), {key: 1}) == [f"cell {key} = 1: {key}: this key is not swept"]


def test_a_wrong_seed():
    allowed = "allowed: a whole number from 0 to 4,294,967,295"
    assert lines(Config(), {}, 2**32) == [f"cell seed = 4294967296: seed: 4294967296; {allowed}"]


def test_a_thousand_cells_take_no_time():
    config = load_config(None)
    started = time.process_time()
    for i in range(1000):
        with_values(config, {"init.scale": 1.0 + i, "norm.kind": "batch"}, seed=i)
    assert time.process_time() - started < 1  # some 0.02 s


def test_resolve_fills_in_what_depends_on_other_keys():
    assert resolve(Config()).init.scale == 1.0
    assert resolve(load_text("init: {scheme: normal}")).init.scale == 0.01
    assert resolve(load_text("init: {scheme: normal, scale: 2}")).init.scale == 2.0
    swept = resolve(load_text("sweep: {axes: {init.scheme: [normal, he]}}"))
    assert swept.init.scale is None


@pytest.mark.parametrize(
    ("evaluate", "y"),
    [
        ("{train: all}", "train_accuracy"),
        ("{train: 100}", "train_accuracy"),
        ("{train: last}", "train_accuracy"),
        ("{train: running}", "running_accuracy"),
        ("{train: none}", "test_accuracy"),
    ],
)
def test_the_metric_that_is_drawn(evaluate, y):
    assert resolve(load_text(f"evaluate: {evaluate}")).plot.y == y


def test_resolve_twice_changes_nothing():
    config = resolve(load_config(None))
    assert resolve(config) is config


def test_the_error_travels_between_processes():
    error = ConfigMistakesError(["a", "b"])
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.mistakes, str(copy), copy.exit_code) == (("a", "b"), "a\nb", 2)
