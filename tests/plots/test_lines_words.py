"""Medians, bands, counts, limits and words, without any drawing."""

import itertools
import math
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from make_results import ARMS, SCALES, book_config, diverging_scales, make_results

from bnexp.plan import Cell
from bnexp.plots.layers import layers_text
from bnexp.plots.limits import y_scale
from bnexp.plots.lines import Line, count_note, make_line, quantile
from bnexp.plots.notes import Note, panel_notes, place_notes
from bnexp.plots.panels import Panel
from bnexp.plots.style import MAX_ARMS, line_styles
from bnexp.plots.words import METRIC_WORDS, number_text, value_labels
from bnexp.records import METRICS, Record, RunResult, Status


def line_of(*runs: tuple[Status | None, list[float]], quantiles: bool = False) -> Line:
    cells = [Cell({}, seed, f"r{seed}") for seed in range(len(runs))]
    results = {
        f"r{seed}": RunResult(
            f"r{seed}",
            status,
            tuple(Record(e, e + 1, {"train_loss": v}) for e, v in enumerate(values)),
            len(values),
            len(values) + 1,
        )
        for seed, (status, values) in enumerate(runs)
        if status is not None
    }
    return make_line(cells, results, "train_loss", quantiles=quantiles)


def test_median_and_band_are_over_the_runs_that_have_a_record():
    line = line_of(("done", [1.0, 2.0, 3.0]), ("diverged", [3.0]), ("done", [2.0, 4.0, 9.0]))
    assert line.x == (0.0, 1.0, 2.0)
    assert line.median == (2.0, 3.0, 6.0)
    assert line.low == (1.0, 2.0, 3.0)
    assert line.high == (3.0, 4.0, 9.0)
    assert (line.seeds, line.diverged, line.failed, line.missing) == (3, 1, 0, 0)


def test_the_last_value_is_that_of_every_run_that_did_not_diverge():
    stopped = line_of(("stopped", [9.0, 5.0]), ("done", [8.0, 4.0, 3.0]), ("stopped", [1.0]))
    assert stopped.median == (8.0, 4.5, 3.0)
    assert stopped.final == 3.0
    assert line_of(("stopped", [2.0]), ("done", [4.0, 4.0]), ("diverged", [99.0])).final == 3.0
    assert line_of(("diverged", [1.0]), (None, [])).final is None


def test_failed_and_missing_runs_are_counted_and_not_drawn():
    line = line_of(("done", [1.0]), ("failed", [5.0]), (None, []))
    assert line.median == (1.0,)
    assert [curve.seed for curve in line.curves] == [0]
    assert (line.failed, line.missing, line.finished) == (1, 1, 2)


def test_quantile_band_is_numpys():
    values = sorted(random.Random(1).random() for _ in range(7))
    assert quantile(values, 0.1) == pytest.approx(np.quantile(values, 0.1))
    assert quantile(values, 0.9) == pytest.approx(np.quantile(values, 0.9))
    assert quantile([3.0], 0.9) == 3.0
    line = line_of(*[("done", [v]) for v in values], quantiles=True)
    assert line.low[0] == pytest.approx(np.quantile(values, 0.1))
    assert line.high[0] == pytest.approx(np.quantile(values, 0.9))


@pytest.mark.parametrize(
    ("runs", "note"),
    [
        ([("done", [1.0])], ""),
        ([("diverged", [])], "diverged"),
        ([("failed", [])], "failed"),
        ([("diverged", [1.0]), ("diverged", []), ("done", [1.0])], "2 of 3 diverged"),
        (
            [("diverged", []), ("failed", []), (None, [])],
            "1 of 2 diverged, 1 of 2 failed, 1 missing",
        ),
        ([("done", [1.0]), (None, [])], "1 of 2 missing"),
        ([("stopped", [1.0])], "stopped"),
        ([("stopped", [1.0]), ("diverged", [1.0])], "1 of 2 diverged, 1 of 2 stopped"),
        ([(None, [])], "no run yet"),
        ([(None, []), (None, [])], "no runs yet"),
    ],
)
def test_count_note(runs, note):
    assert count_note(line_of(*runs)) == note


def test_accuracies_share_zero_to_one_and_losses_their_data():
    line = line_of(("done", [2.0, 1.0]))
    for lowest, low in ((0.1, 0.0), (0.5, 0.0), (0.62, 0.6), (0.951, 0.95)):
        scale = y_scale("train_accuracy", [line_of(("done", [lowest, 0.97])), line_of()])
        assert (scale.low, scale.high, scale.log) == (low, 1.0, False)
    loss = y_scale("train_loss", [line])
    assert loss.low == 0
    assert 2.0 < loss.high < 2.2
    assert not loss.log
    assert y_scale("train_loss", [line_of(("done", [2.0, 0.001]))]).log


def test_a_diverging_loss_does_not_flatten_the_others():
    scale = y_scale("train_loss", [line_of(("done", [2.0, 0.5]), ("diverged", [2.1, 1e30]))])
    assert scale.high < 30
    assert scale.share(1e30) == 1.0
    alone = y_scale("train_loss", [line_of(("diverged", [2.0, 1e30]))])
    assert alone.log
    assert alone.high > 1e30


def test_zero_losses_stay_on_a_linear_scale():
    scale = y_scale("train_loss", [line_of(("done", [2.0, 0.0]))])
    assert not scale.log
    assert scale.share(1.0) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("value", "text", "plain"),
    [
        (1.0, "1", "1"),
        (10 ** (-4 * 1 / 15), "0.541", "0.541"),
        (10 ** (-4 * 4.5 / 15), "0.0631", "0.0631"),
        (0.00116591, "0.00117", "0.00117"),
        (2.9286445e-4, "2.93×10⁻⁴", "2.93e-4"),
        (1e-4, "10⁻⁴", "1e-4"),
        (0.9995, "0.9995", "0.9995"),
        (0.0, "0", "0"),
        (100, "100", "100"),
        (12345678, "12345678", "12345678"),
        (2.5e6, "2.5×10⁶", "2.5e6"),
        (-0.25, "-0.25", "-0.25"),
        (math.inf, "inf", "inf"),
    ],
)
def test_numbers_are_readable(value, text, plain):
    assert number_text(value) == text
    assert number_text(value, plain=True) == plain


def test_labels_of_different_values_differ():
    axis = (0.123456, 0.123457, 0.5)
    labels = value_labels(book_config(), {"optimizer.lr": axis}, "optimizer.lr")
    assert list(labels.values()) == ["lr = 0.123456", "lr = 0.123457", "lr = 0.5"]


@pytest.mark.parametrize(
    ("scheme", "swept", "label"),
    [
        ("normal", ("init.scale",), "W = 2"),
        ("he", ("init.scale",), "gain = 2"),
        ("orthogonal", ("init.scale",), "gain = 2"),
        ("normal", ("init.scale", "init.scheme"), "scale = 2"),
    ],
)
def test_the_scale_is_named_for_what_it_is(scheme, swept, label):
    axes = {key: (2.0,) if key == "init.scale" else ("he", "normal") for key in swept}
    config = book_config(init={"scheme": scheme})
    assert value_labels(config, axes, "init.scale") == {2.0: label}


def test_words_of_other_keys():
    def labels(key, *values):
        return list(value_labels(book_config(), {key: values}, key).values())

    assert labels("norm.kind", "batch", "none") == ["batch norm", "no norm"]
    assert labels("regularization.l2", 0.0, 1e-4) == ["l2 = 0", "l2 = 10⁻⁴"]
    assert labels("network.activation", "relu", "tanh") == ["ReLU", "tanh"]
    assert labels("network.layers", (100, 100, 50)) == ["layers = 100×2-50"]
    assert labels("init.scheme", "he_uniform") == ["He uniform init"]
    assert labels("optimizer.nesterov", True, False) == ["Nesterov", "no Nesterov"]
    assert labels("data.name", "mnist") == ["MNIST"]
    assert layers_text([100] * 5, plain=True) == "100x5"
    assert labels("data.path", "a/x.npz", "a/y.npz") == ["data = x.npz", "data = y.npz"]
    assert labels("data.path", "a/x.npz", "b/x.npz") == ["data = a/x.npz", "data = b/x.npz"]
    assert labels("norm.kind", "rms", "group", "noisy_batch") == [
        "RMS norm",
        "group norm",
        "noisy batch norm",
    ]
    assert labels("optimizer.kind", "sgd", "momentum", "adagrad", "adamw") == [
        "SGD",
        "momentum",
        "AdaGrad",
        "AdamW",
    ]
    assert labels("data.validation", 0.1, 100) == [
        "validation examples = 0.1",
        "validation examples = 100",
    ]
    assert labels("regularization.weight_decay", 0.0, 0.01) == [
        "weight decay = 0",
        "weight decay = 0.01",
    ]


CONVS = ("conv 8", "conv 8", "pool 2", 100, 100, "dense 9 norm none")


@pytest.mark.parametrize(
    ("layers", "width", "text"),
    [
        (CONVS, None, "conv 8 ×2, pool 2, 100×2, dense 9 norm none"),
        (CONVS, 40, "conv 8 ×2, pool 2, 100×2, 9"),
        (CONVS, 24, "conv 8 ×2, pool 2, …, 9"),
        (CONVS, 5, "conv 8 ×2, …, 9"),
        (
            ("conv 8 kernel 5 stride 2", "conv 8", "global pool kind max"),
            30,
            "conv 8 ×2, global pool",
        ),
        (("average pool 2", 10), 5, "average pool 2, 10"),
        (("conv 8",) * 20, 28, "conv 8 ×20"),
        (tuple(range(100, 130)), 28, "100-101-102-…-127-128-129"),
        ((), 28, "none"),
    ],
)
def test_long_lists_of_layers_are_cut(layers, width, text):
    assert layers_text(layers, width=width) == text
    assert layers_text(layers, width=width, plain=True).isascii()


def test_layers_that_look_alike_when_cut_are_told_in_full():
    one, other = (*CONVS, 10), (*CONVS[:3], 50, *CONVS[3:], 10)
    values = value_labels(book_config(), {"network.layers": (one, other)}, "network.layers")
    assert len(set(values.values())) == 2


def test_options_of_layers_are_told_the_telling_ones_longest():
    layers = ("conv 8 kernel 5 bias off norm batch", "dense 9 activation tanh dropout 0.5", 10)
    for width, text in (
        (80, "conv 8 kernel 5 bias off norm batch, dense 9 activation tanh dropout 0.5, 10"),
        (70, "conv 8 kernel 5 norm batch, dense 9 activation tanh dropout 0.5, 10"),
        (60, "conv 8 kernel 5 norm batch, dense 9 dropout 0.5, 10"),
        (45, "conv 8 norm batch, dense 9 dropout 0.5, 10"),
        (30, "conv 8, 9, 10"),
    ):
        assert layers_text(layers, width=width) == text


def test_labels_of_layers_show_norm_and_dropout_where_there_is_room():
    lists = (("conv 8 norm batch", "pool 2", "dense 100 dropout 0.5"), ("conv 16", "pool 2", 100))
    labels = value_labels(book_config(), {"network.layers": lists}, "network.layers")
    assert list(labels.values()) == [
        "layers = conv 8 norm batch, pool 2, dense 100 dropout 0.5",
        "layers = conv 16, pool 2, 100",
    ]
    long = tuple(f"conv {n} norm batch" for n in range(8, 20))
    (label, _) = value_labels(
        book_config(), {"network.layers": (long, (100,))}, "network.layers"
    ).values()
    assert len(label) < 45


def test_every_metric_has_its_words():
    assert tuple(METRIC_WORDS) == METRICS


def test_batch_norm_is_solid_and_no_norm_dashed_whatever_the_order():
    forward = line_styles([{"norm.kind": "batch"}, {"norm.kind": "none"}])
    backward = line_styles([{"norm.kind": "none"}, {"norm.kind": "batch"}])
    assert [look.dash for look in forward] == ["-", "--"]
    assert forward == backward[::-1]


KINDS = ("none", "batch", "batch_renorm", "layer", "group", "instance", "rms", "noisy_batch")


def test_each_norm_looks_the_same_whatever_it_is_compared_with():
    looks = dict(zip(KINDS, line_styles([{"norm.kind": kind} for kind in KINDS]), strict=True))
    assert len({look.color for look in looks.values()}) == len(KINDS)
    assert len({look.dash for look in looks.values()}) == len(KINDS)
    for kinds in itertools.permutations(KINDS, 2):
        pair = line_styles([{"norm.kind": kind} for kind in kinds])
        assert pair == [looks[kind] for kind in kinds]


def test_norms_crossed_with_another_key_are_told_apart():
    for kinds in itertools.combinations(KINDS, 4):
        arms = [{"norm.kind": kind, "optimizer.lr": lr} for kind in kinds for lr in (0.1, 0.01)]
        looks = line_styles(arms)
        assert len(set(looks)) == 8
    alone = [{"norm.kind": kind} for kind in KINDS[1:]]
    assert len(set(line_styles([{"norm.kind": "batch", "norm.eps": 0.1}, *alone]))) == 8


def test_styles_tell_arms_apart():
    for count in (*range(1, MAX_ARMS + 1), 20):
        looks = line_styles([{"optimizer.lr": i} for i in range(count)])
        assert len(set(looks)) == count
        if count <= MAX_ARMS:
            assert len({look.color for look in looks}) == count
            assert len({look.dash for look in looks}) == count
    crossed = [{"norm.kind": k, "optimizer.lr": v} for k in ("none", "batch") for v in range(4)]
    looks = line_styles(crossed)
    assert len(set(looks)) == 8
    assert [look.dash for look in looks] == ["--"] * 4 + ["-"] * 4
    assert [look.color for look in looks[:4]] == [look.color for look in looks[4:]]


def test_notes_keep_off_the_lines():
    note = [Note("2 of 3 diverged", 0)]
    along_top = [(i / 50, 0.95) for i in range(51)]
    assert place_notes(note, along_top, (2.0, 1.5)).y < 0.8
    right = [(0.5 + i / 100, j / 10) for i in range(51) for j in range(11)]
    assert place_notes(note, right, (2.0, 1.5)).side == "left"


def test_notes_name_their_arms_where_there_are_several_and_room():
    lost = line_of(("diverged", []), ("done", [1.0]))
    panel = Panel("", {0: lost, 1: lost})
    names = ["batch norm", "layer norm before activation, l2 = 10⁻⁴"]
    assert [note.words for note in panel_notes(panel, names, 2.15)] == [
        "batch norm: 1 of 2 diverged",
        "1 of 2 diverged",
    ]
    assert panel_notes(panel, names, 5.4)[1].words == f"{names[1]}: 1 of 2 diverged"
    assert panel_notes(Panel("", {0: lost}), names[:1], 5.4)[0].words == "1 of 2 diverged"


def test_many_notes_become_one():
    lost = line_of(("diverged", []), ("done", [1.0]))
    assert [n.words for n in panel_notes(Panel("", dict.fromkeys(range(3), lost)))] == [
        "1 of 2 diverged"
    ] * 3
    assert panel_notes(Panel("", dict.fromkeys(range(5), lost))) == [Note("5 of 10 diverged", None)]


def test_fate_of_the_made_up_results():
    results = make_results({"init.scale": SCALES, "norm.kind": ARMS}, fate=diverging_scales)
    assert sum(run.status == "diverged" for run in results.runs.values()) == 2


def test_the_text_grid_needs_no_matplotlib_and_plots_no_pyplot():
    grid = (
        "import sys, make_results as m; from bnexp.plots import plot_grid;"
        "plot_grid(m.make_results({})); print('matplotlib.pyplot' in sys.modules)"
    )
    text = (
        "import sys, make_results as m; from bnexp.plots import text_grid;"
        "text_grid(m.make_results({})); print(bool({'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    for script in (grid, text):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "False"
