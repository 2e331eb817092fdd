"""What the caption says of data, network, training, seeds and losses."""

from dataclasses import replace

import numpy as np
import pytest
from make_results import book_config, make_results
from see_figure import caption

from bnexp.config import load_text
from bnexp.plan import plan_sweep
from bnexp.plots import plot_curves, plot_grid
from bnexp.store.results import Results


def uneven(seeds: int, first: int, **options) -> Results:
    """Results with ``first`` seeds of the first value of the axis and ``seeds`` of the others."""
    results = make_results({"optimizer.lr": (0.1, 0.01, 0.001)}, seeds=seeds, **options)
    kept = (c for c in results.cells if c.values["optimizer.lr"] != 0.1 or c.seed < first)
    return replace(results, cells=tuple(kept))


def test_uneven_seeds_are_told_as_a_range():
    assert "1 to 3 seeds: line median, band" in caption(plot_grid(uneven(3, 1)))
    assert "2 to 6 seeds: line median, band 10 %" in caption(plot_grid(uneven(6, 2)))
    assert "· 3 seeds: line median" in caption(plot_grid(uneven(3, 3))).replace("\n", " · ")


def test_lines_of_one_seed_each_but_not_the_same_have_no_band():
    results = uneven(2, 1)
    kept = (c for c in results.cells if c.values["optimizer.lr"] == 0.1 or c.seed == 1)
    text = caption(plot_grid(replace(results, cells=tuple(kept)))).replace("\n", " · ")
    assert "1 seed for each line, of seeds 0, 1" in text
    assert "median" not in text


@pytest.mark.parametrize(
    ("weights", "axes", "said"),
    [
        ({}, {}, ""),
        ({"dropout": 0.5}, {}, ""),
        ({"l2": 1e-4}, {}, "losses include the l2 penalty"),
        ({"l1": 1e-4}, {}, "losses include the l1 penalty"),
        ({"l1": 1e-4, "l2": 0.1}, {}, "losses include the l1 and l2 penalties"),
        ({"l1": 1e-4}, {"regularization.l2": (0.0, 0.1)}, "losses include the l1 and l2 penalties"),
        ({"l2": 0.1}, {"regularization.l2": (0.0,)}, ""),
        ({"lp": 0.1}, {}, "losses include the Lp penalty"),
        ({"label_smoothing": 0.1}, {}, "losses include label smoothing"),
        (
            {"l1": 1e-4, "l2": 0.1, "lp": 0.1, "label_smoothing": 0.1},
            {},
            "losses include the l1, l2 and Lp penalties and label smoothing",
        ),
    ],
)
def test_losses_say_what_they_include(weights, axes, said):
    results = make_results(axes, config=book_config(regularization=weights))
    text = caption(plot_grid(results, y="train_loss")).replace("\n", " · ").split(" · ")
    assert [part for part in text if "include" in part] == ([said] if said else [])
    assert "include" not in caption(plot_grid(results, y="train_accuracy"))
    if not axes:
        both = caption(plot_curves(results)).replace("\n", " · ").split(" · ")
        assert [part for part in both if "include" in part] == ([said] if said else [])


def parts(config, axes=None, y="train_accuracy") -> list[str]:
    """The parts of the caption of a sweep over ``axes``, by a config in YAML."""
    results = make_results(axes or {}, config=load_text(config), metrics=(y,))
    return caption(plot_grid(results, y=y)).replace("\n", " · ").split(" · ")


CNN = "data: {name: cifar10}\nnetwork: {layers: [conv 8, conv 8, pool 2, conv 16, dense 256]}\n"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CNN, ["CIFAR-10, 50,000 training examples"]),
        (CNN, ["32×32×3 – conv 8 ×2, pool 2, conv 16, 256 – 10 ReLU"]),
        ("network: {layers: [pool 2]}", ["8×8 – pool 2 – 10 ReLU"]),
        ("network: {layers: []}", ["64-10"]),
        (
            "data: {name: mnist, validation: 0.25}",
            ["MNIST, 45,000 training and 15,000 validation examples"],
        ),
        (
            "data: {standardize: channel, label_noise: 0.2}\naugmentation: {flip: true, shift: 1}",
            [
                "standardized by channel, 20 % of training labels wrong, random flips, "
                "shifts of up to 1 pixel"
            ],
        ),
        ("data: {standardize: unit}", ["digits, 1,297 training examples"]),
        ("optimizer: {}", ["SGD, lr 0.01, batch 100"]),
        ("optimizer: {kind: momentum}", ["SGD, lr 0.01, momentum 0.9, batch 100"]),
        (
            "optimizer: {momentum: 0.5, nesterov: on}",
            ["SGD, lr 0.01, Nesterov momentum 0.5, batch 100"],
        ),
        ("optimizer: {kind: nesterov, lr: 1}", ["SGD, lr 1, Nesterov momentum 0.9, batch 100"]),
        ("optimizer: {kind: adam, beta2: 0.9}", ["Adam, lr 0.001, beta2 0.9, batch 100"]),
        ("optimizer: {kind: adamw}", ["AdamW, lr 0.001, batch 100", "weight decay 0.01"]),
        (
            "optimizer: {schedule: step, decay: 0.5, step_epochs: 1, clip: 2}",
            ["SGD, lr 0.01, step schedule (×0.5 every 1 epoch), gradients clipped at 2, batch 100"],
        ),
        (
            "optimizer: {schedule: cosine, warmup: 0.5}",
            ["SGD, lr 0.01, cosine schedule, 0.5 epochs of warm-up, batch 100"],
        ),
        ("optimizer: {schedule: inverse}", ["SGD, lr 0.01, 1/t schedule (decay 0.1), batch 100"]),
        ("training: {sampling: sorted}", ["SGD, lr 0.01, batch 100, class-sorted batches"]),
        ("init: {scheme: xavier_uniform}", ["Xavier uniform init", "no norm"]),
        ("norm: {kind: rms, place: after}", ["RMS norm after the activation"]),
        ("norm: {kind: group, groups: 4}", ["group norm (4 groups) before the activation"]),
        (
            "norm: {kind: batch, statistics: population}",
            ["batch norm before the activation, evaluated with population statistics"],
        ),
        (
            "network: {layers: [dense 9 norm batch]}",
            ["batch norm before the activation", "8×8 – dense 9 norm batch – 10 ReLU"],
        ),
        (
            "network: {layers: [9, dense 9 norm batch]}\nnorm: {place: after}",
            ["no norm but where layers say otherwise (batch norm after the activation)"],
        ),
        (
            "network: {layers: [dense 9 norm none, 9]}\nnorm: {kind: batch}",
            ["batch norm before the activation but where layers say otherwise (no norm)"],
        ),
        (
            "network: {layers: [dense 9 norm group, dense 9 norm none]}\n"
            "norm: {kind: batch, groups: 3}",
            ["each layer's own norm (group norm (3 groups), no norm) before the activation"],
        ),
        ("network: {layers: [dense 9 norm none]}\nnorm: {kind: batch}", ["no norm"]),
        ("network: {layers: [pool 2, dense 9 norm none]}", ["no norm"]),
        (
            "network: {layers: [9, dense 9 dropout 0.25]}",
            ["no dropout but where layers say otherwise (0.25)"],
        ),
        (
            "network: {layers: [9, dense 9 dropout 0]}\nregularization: {dropout: 0.5}",
            ["dropout 0.5 but where layers say otherwise (0)"],
        ),
        ("network: {layers: [dense 9 dropout 0.25]}", ["dropout 0.25"]),
        (
            "network: {layers: [dense 9 dropout 0.25, dense 9 dropout 0.5]}",
            ["each layer's own dropout (0.25, 0.5)"],
        ),
        (
            "regularization: {l1: 0.1, lp: 0.2, p: 1.5, dropout: 0.3, label_smoothing: 0.4}",
            ["l1 0.1, Lp 0.2 (p = 1.5), dropout 0.3, label smoothing 0.4"],
        ),
        (
            "data: {validation: 97}\ntraining: {patience: 1, monitor: val_accuracy}",
            [
                "digits, 1,200 training and 97 validation examples",
                "early stopping after 1 epoch (validation accuracy)",
            ],
        ),
        ("evaluate: {train: 300}", ["training metrics on 300 examples"]),
    ],
)
def test_what_all_runs_share_is_said(config, said):
    found = parts(config)
    assert [part for part in said if part not in found] == [], found


@pytest.mark.parametrize(
    ("config", "axes", "said"),
    [
        ("name: a", {"optimizer.kind": ("sgd", "momentum")}, "lr 0.01, momentum 0.9, batch 100"),
        (
            "name: a",
            {"optimizer.kind": ("adam", "sgd", "adagrad", "adamw")},
            "lr 0.001, 0.01 (SGD, AdaGrad), batch 100",
        ),
        ("name: a", {"optimizer.kind": ("adam", "adamw", "sgd")}, "weight decay 0.01 (AdamW)"),
        ("optimizer: {lr: 0.3}", {"optimizer.kind": ("sgd", "adam")}, "lr 0.3, batch 100"),
        ("name: a", {"optimizer.lr": (0.1, 0.2)}, "SGD, batch 100"),
        ("name: a", {"init.scheme": ("normal", "he")}, "normal init: std 0.01"),
        ("name: a", {"data.name": ("digits", "mnist")}, "100×2 ReLU"),
        ("name: a", {"data.train": (100, 200)}, "digits"),
        (
            "norm: {groups: 5}",
            {"norm.kind": ("group", "batch")},
            "norm (5 groups in group norm) before the activation",
        ),
        ("name: a", {"network.layers": ((10,), (20,))}, "ReLU"),
        ("name: a", {"network.layers": ((10,), ("dense 9 norm none",))}, "no norm"),
        (
            "name: a",
            {"network.layers": ((10,), ("dense 9 norm batch dropout 0.1",))},
            "no norm but where layers say otherwise (batch norm before the activation)",
        ),
        (
            "name: a",
            {"network.layers": ((10,), ("dense 9 norm batch dropout 0.1",))},
            "no dropout but where layers say otherwise (0.1)",
        ),
        (
            "network: {layers: [9, dense 9 norm layer]}",
            {"norm.kind": ("batch", "none")},
            "norm before the activation but where layers say otherwise (layer norm)",
        ),
    ],
)
def test_what_is_swept_is_left_out(config, axes, said):
    assert said in parts(config, axes)


def test_a_long_network_is_cut():
    layers = ", ".join(f"conv {n} kernel 5 stride 1 norm none" for n in range(8, 40))
    (line,) = (part for part in parts(f"network: {{layers: [{layers}]}}") if "ReLU" in part)
    assert line.startswith("8×8 – conv 8, conv 9, ")
    assert line.endswith(", conv 39 – 10 ReLU")
    assert len(line) < 90


def test_a_users_own_file_is_described_while_it_is_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)

    def write(count: int) -> None:
        images = rng.normal(size=(count, 5)).astype(np.float32)
        np.savez("mine.npz", x_train=images, y_train=np.arange(count) % 3)

    write(30)
    config = load_text(
        "data: {name: npz, path: mine.npz}\ntraining: {batch_size: 10}\n"
        "evaluate: {train: all, test: none}\nsweep: {axes: {norm.kind: [batch, none]}}"
    )
    made = make_results({"norm.kind": ("batch", "none")}, config=config)
    cells = plan_sweep(config).cells
    runs = {
        cell.run: replace(result, run=cell.run)
        for cell, result in zip(cells, made.runs.values(), strict=True)
    }
    results = replace(made, cells=cells, runs=runs)

    def said() -> list[str]:
        return caption(plot_grid(results)).replace("\n", " · ").split(" · ")[:2]

    assert said() == ["mine.npz, 30 training examples", "5-100×2-3 ReLU"]
    write(60)
    assert said() == ["mine.npz", "100×2 ReLU"]
    (tmp_path / "mine.npz").write_bytes(b"no archive")
    assert said() == ["mine.npz", "100×2 ReLU"]
    (tmp_path / "mine.npz").unlink()
    assert said() == ["mine.npz", "100×2 ReLU"]
