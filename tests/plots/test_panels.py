"""Which panels, arms and metric are chosen, and what is refused."""

import pytest
from make_results import ARMS, SCALES, book_config, diverging_scales, make_results

from bnexp.errors import ConfigError
from bnexp.plan import AxisValue
from bnexp.plots import select_panels
from bnexp.plots.layout import grid_shape
from bnexp.plots.panels import Selection

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
LRS = (0.1, 0.01, 0.001)
Axes = dict[str, tuple[AxisValue, ...]]


def shape(selection: Selection) -> tuple[str | None, tuple[str, ...], int, int]:
    return (
        selection.panel_key,
        selection.arm_keys,
        len(selection.panels),
        len(selection.arms),
    )


def test_the_book_by_default():
    results = make_results(
        {"init.scale": SCALES, "norm.kind": ARMS}, seeds=3, fate=diverging_scales
    )
    selection = select_panels(results)
    assert shape(selection) == ("init.scale", ("norm.kind",), 16, 2)
    assert [arm.label for arm in selection.arms] == ["batch norm", "no norm"]
    assert [panel.title for panel in selection.panels[:3]] == ["W = 1", "W = 0.541", "W = 0.293"]
    assert selection.metric == "train_accuracy"
    assert [line.diverged for line in selection.panels[0].lines.values()] == [0, 3]
    line = selection.panels[5].lines[0]
    assert line.x == tuple(float(epoch) for epoch in range(20))
    for cell in results.cells:
        if cell.values == {"init.scale": SCALES[5], "norm.kind": "batch"}:
            curve = line.curves[cell.seed]
            records = results.runs[cell.run].records
            assert curve.y == tuple(record.metrics["train_accuracy"] for record in records)


@pytest.mark.parametrize(
    ("axes", "options", "panel", "arms"),
    [
        ({"norm.kind": ARMS}, {}, None, ("norm.kind",)),
        ({"optimizer.lr": LRS}, {}, None, ("optimizer.lr",)),
        ({"init.scale": SCALES[:6]}, {}, None, ("init.scale",)),
        ({"init.scale": SCALES[:7]}, {}, "init.scale", ()),
        ({"optimizer.kind": OPTIMIZERS}, {}, None, ("optimizer.kind",)),
        ({"init.scheme": tuple("abcdefgh")}, {}, None, ("init.scheme",)),
        ({"data.name": tuple("abcdefghi")}, {}, "data.name", ()),
        ({"data.train": (*range(1, 7), "all")}, {}, "data.train", ()),
        ({"optimizer.lr": LRS}, {"panel": "optimizer.lr"}, "optimizer.lr", ()),
        ({"norm.kind": ARMS}, {"panel": "norm.kind"}, "norm.kind", ()),
        ({"optimizer.lr": LRS}, {"arm": "optimizer.lr"}, None, ("optimizer.lr",)),
        ({"norm.kind": ARMS, "optimizer.lr": LRS}, {}, "optimizer.lr", ("norm.kind",)),
        (
            {"norm.kind": ARMS, "optimizer.lr": LRS},
            {"panel": "norm.kind"},
            "norm.kind",
            ("optimizer.lr",),
        ),
        (
            {"norm.kind": ARMS, "optimizer.lr": LRS},
            {"arm": "optimizer.lr"},
            "norm.kind",
            ("optimizer.lr",),
        ),
        (
            {"regularization.l2": (0.0, 1e-4), "optimizer.lr": LRS},
            {},
            "optimizer.lr",
            ("regularization.l2",),
        ),
        (
            {"norm.kind": ARMS, "regularization.l2": (0.0, 1e-4), "optimizer.lr": LRS},
            {},
            "optimizer.lr",
            ("norm.kind", "regularization.l2"),
        ),
        ({}, {}, None, ()),
    ],
)
def test_axes_chosen(axes, options, panel, arms):
    selection = select_panels(make_results(axes), **options)
    assert (selection.panel_key, selection.arm_keys) == (panel, arms)
    keys = [key for key in (panel,) if key is not None]
    assert len(selection.panels) == (len(axes[keys[0]]) if keys else 1)


def test_the_config_chooses_where_it_can():
    axes: Axes = {"norm.kind": ARMS, "optimizer.lr": LRS}
    wish = book_config(plot={"panel": "norm.kind", "arm": "optimizer.lr", "y": "train_loss"})
    selection = select_panels(make_results(axes, config=wish))
    assert shape(selection) == ("norm.kind", ("optimizer.lr",), 2, 3)
    assert selection.metric == "train_loss"
    other = book_config(plot={"panel": "init.scale", "y": "test_loss"})
    selection = select_panels(make_results(axes, config=other))
    assert shape(selection) == ("optimizer.lr", ("norm.kind",), 3, 2)
    assert selection.metric == "train_accuracy"
    alone = book_config(plot={"panel": "optimizer.lr"})
    selection = select_panels(make_results({"optimizer.lr": LRS}, config=alone))
    assert shape(selection) == ("optimizer.lr", (), 3, 1)
    selection = select_panels(make_results({"optimizer.lr": LRS}, config=other))
    assert shape(selection) == (None, ("optimizer.lr",), 1, 3)


def test_each_combination_of_the_other_axes_is_an_arm():
    axes: Axes = {"norm.kind": ARMS, "regularization.l2": (0.0, 1e-4), "optimizer.lr": LRS}
    labels = [arm.label for arm in select_panels(make_results(axes)).arms]
    assert labels == [
        "batch norm, l2 = 0",
        "batch norm, l2 = 10⁻⁴",
        "no norm, l2 = 0",
        "no norm, l2 = 10⁻⁴",
    ]


def test_arms_that_are_the_same_runs_are_one():
    axes: Axes = {"norm.kind": ARMS, "norm.momentum": (0.9, 0.99), "optimizer.lr": LRS}
    results = make_results(axes)
    first = {
        (c.values["optimizer.lr"], c.seed): c.run
        for c in results.cells
        if c.values["norm.kind"] == "none" and c.values["norm.momentum"] == 0.9
    }
    cells = tuple(
        type(c)(c.values, c.seed, first[c.values["optimizer.lr"], c.seed])
        if c.values["norm.kind"] == "none"
        else c
        for c in results.cells
    )
    shared = type(results)(results.folder, results.config, results.axes, cells, results.runs)
    labels = [arm.label for arm in select_panels(shared).arms]
    assert labels == [
        "batch norm, norm momentum = 0.9",
        "batch norm, norm momentum = 0.99",
        "no norm",
    ]


def test_an_axis_without_effect_keeps_its_arms():
    results = make_results({"norm.momentum": (0.9, 0.99)})
    cells = tuple(type(c)(c.values, c.seed, "run-0000-0") for c in results.cells)
    same = type(results)(results.folder, results.config, results.axes, cells, results.runs)
    labels = [arm.label for arm in select_panels(same, arm="norm.momentum").arms]
    assert labels == ["norm momentum = 0.9", "norm momentum = 0.99"]


def test_the_metric_recorded_at_each_evaluation_goes_first():
    config = book_config(evaluate={"train": "last", "test": "all"})
    results = make_results(
        {}, config=config, metrics=["test_loss", "test_accuracy"], last=["train_accuracy"]
    )
    assert select_panels(results).metric == "test_accuracy"
    assert select_panels(results, y="train_accuracy").panels[0].lines[0].x == (20.0,)


def test_validation_is_preferred_to_the_test_examples():
    config = book_config(
        data={"name": "mnist", "validation": 100},
        evaluate={"train": "none", "test": "all"},
    )
    pairs = ("val_loss", "val_accuracy", "test_loss", "test_accuracy")
    assert select_panels(make_results({}, config=config, metrics=pairs)).metric == "val_accuracy"
    nothing = make_results({}, config=config, fate=lambda values, seed: (None, 0))
    assert select_panels(nothing).metric == "val_accuracy"
    once = book_config(
        data={"name": "mnist", "validation": 100},
        evaluate={"train": "none", "validation": "last", "test": "all"},
    )
    last = ("val_accuracy", "val_loss")
    results = make_results({}, config=once, metrics=("test_loss", "test_accuracy"), last=last)
    assert select_panels(results).metric == "test_accuracy"


def test_before_any_run_the_config_says_what_will_be_recorded():
    config = book_config(evaluate={"train": "running", "test": "none"})
    results = make_results({}, config=config, fate=lambda values, seed: (None, 0))
    selection = select_panels(results)
    assert selection.metric == "running_accuracy"
    assert selection.panels[0].empty


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"y": "accuracy"}, "y: 'accuracy' is no metric; choose one of train_loss, train_accuracy"),
        (
            {"y": "test_loss"},
            "y: 'test_loss' is not recorded in results/test-000000 (evaluate.test is none); "
            "choose one of train_loss, train_accuracy",
        ),
        (
            {"y": "running_loss"},
            "y: 'running_loss' is not recorded in results/test-000000 (evaluate.train is all); "
            "choose one of train_loss, train_accuracy",
        ),
        (
            {"y": "val_loss"},
            "y: 'val_loss' is not recorded in results/test-000000 (data.validation is 0); "
            "choose one of train_loss, train_accuracy",
        ),
        (
            {"panel": "optimizer.lr"},
            "panel: 'optimizer.lr' is not swept in these results; swept: init.scale, norm.kind",
        ),
        ({"arm": "scale"}, "arm: 'scale' is not swept"),
        ({"panel": "norm.kind", "arm": "norm.kind"}, "panel and arm are both 'norm.kind'"),
    ],
)
def test_what_is_not_there_is_refused(options, said):
    results = make_results({"init.scale": SCALES[:2], "norm.kind": ARMS})
    with pytest.raises(ConfigError) as caught:
        select_panels(results, **options)
    assert str(caught.value).startswith(said)


def test_a_metric_that_is_asked_for_but_never_came_is_not_blamed_on_the_config():
    config = book_config(evaluate={"train": "all", "test": "last"})
    with pytest.raises(ConfigError, match=r"is not recorded in results/test-000000; choose"):
        select_panels(make_results({}, config=config), y="test_accuracy")


def test_nothing_evaluated_is_refused():
    config = book_config(evaluate={"train": "none", "test": "none"})
    with pytest.raises(ConfigError, match="set evaluate"):
        select_panels(make_results({}, config=config, metrics=()))


@pytest.mark.parametrize(
    ("count", "shape"),
    [
        (1, (1, 1)),
        (2, (1, 2)),
        (3, (1, 3)),
        (4, (2, 2)),
        (5, (2, 3)),
        (7, (2, 4)),
        (12, (3, 4)),
        (16, (4, 4)),
        (17, (3, 6)),
        (40, (5, 8)),
        (64, (8, 8)),
    ],
)
def test_grid_shape(count, shape):
    assert grid_shape(count) == shape


def test_every_grid_holds_its_panels_without_an_empty_row():
    for count in range(1, 65):
        rows, columns = grid_shape(count)
        assert (rows - 1) * columns < count <= rows * columns
        assert columns >= rows
