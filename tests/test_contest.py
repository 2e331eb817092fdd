"""Contests of made-up contestants: turns, medians, who is missing, and who does not learn."""

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import ceiling, cifar10_cnn, fig6_18, keras_mnist, workloads
from benchmarks.contest import Bounds, Contestant, ContestError, Times, config_path, hold
from benchmarks.contestant import Task
from benchmarks.session import shortened
from benchmarks.table import print_contest
from bnexp.config import load_run, load_sweep
from bnexp.config.network import network_spec
from bnexp.describe import Conv, Pool
from bnexp.describe.layers import Dense

HERE = str(Path(__file__).parent)
Make = Callable[..., Contestant]


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@pytest.fixture
def make(diary: Path) -> Make:
    def make(name: str, mode: str = "good", **options: Any) -> Contestant:
        environment = {"PYTHONPATH": HERE, "DIARY": str(diary), "NAME": name}
        options.setdefault("starts", 1)
        return Contestant(name, "fake_contestant", Task(mode), environment=environment, **options)

    return make


def test_contestants_take_turns(make: Make, diary: Path) -> None:
    times = hold([make("A"), make("B", starts=2)], 2, Bounds(0.8))
    cold = ["A0 starts", "A0 runs", "B0 starts", "B0 runs", "B0 starts", "B0 runs"]
    assert diary.read_text().splitlines() == [*cold, *["A0 runs", "B0 runs"] * 2]
    assert [len(entry.warm) for entry in times] == [2, 2]
    assert [len(entry.cold) for entry in times] == [1, 2]
    # Starting Python takes longer than a run of nothing.
    assert all(min(entry.cold) > max(entry.warm) > 0 for entry in times)


def test_fewer_starts_on_request(make: Make, diary: Path) -> None:
    (times,) = hold([make("A", starts=3)], 1, Bounds(), starts=1)
    assert len(times.cold) == 1
    assert diary.read_text().count("starts") == 1


def test_the_worst_of_the_processes_counts(make: Make, diary: Path) -> None:
    (times,) = hold([make("A", processes=2)], 1, Bounds(0.8))
    assert sorted(diary.read_text().split("\n")) == [
        "",
        *(["A0 runs"] * 2),
        "A0 starts",
        *(["A1 runs"] * 2),
        "A1 starts",
    ]
    assert times.result == pytest.approx({"accuracy": 0.85, "loss": 0.55})
    with pytest.raises(ContestError, match="A does not learn"):
        hold([make("A", processes=2)], 1, Bounds(0.87))
    with pytest.raises(ContestError, match="A does not learn"):
        hold([make("A", processes=2)], 1, Bounds(0.8, loss=0.52))


@pytest.mark.parametrize("mode", ["bad", "nan", "silent"])
def test_who_does_not_learn_ends_the_contest(make: Make, mode: str) -> None:
    with pytest.raises(ContestError, match="B does not learn"):
        hold([make("A"), make("B", mode)], 1, Bounds(0.8))
    hold([make("A"), make("B", mode, learns=False)], 1, Bounds(0.8))  # a ceiling need not


def test_who_fails_is_named_with_its_last_words(make: Make) -> None:
    with pytest.raises(ContestError, match=r"(?s)B failed: .*RuntimeError: out of order"):
        hold([make("A"), make("B", "broken")], 1, Bounds())
    with pytest.raises(ContestError, match=r"B failed: .*died later"):
        hold([make("A"), make("B", "dies later")], 1, Bounds())


def test_who_is_missing_is_named(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    absent = make("B", "broken", needs=("no_such_library", "json"))
    times = hold([make("A"), absent], 1, Bounds(0.8))
    print_contest("work", times)
    assert "Missing: B (needs no_such_library)." in capsys.readouterr().out
    assert not times[1].warm


def test_a_whole_command_for_the_cold_time(make: Make, diary: Path) -> None:
    write = "import pathlib, sys; pathlib.Path(sys.argv[1], 'x').write_text('written')"
    (times,) = hold([make("A", cold=("-c", write, "{folder}"))], 1, Bounds(0.8))
    assert len(times.cold) == 1
    with pytest.raises(ContestError, match="no such luck"):
        hold([make("A", cold=("-c", "raise SystemExit('no such luck')"))], 1, Bounds(0.8))


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    def entry(name: str, cold: list[float], warm: list[float], **options: Any) -> Times:
        return Times(Contestant(name, "", **options), cold, warm)

    times = [
        entry("ours", [9.0, 2.0], [1.0, 8.0, 2.0]),
        entry("ceiling", [1.0], [1.5, 1.6, 1.4], learns=False),
        entry("peer", [10.0], [30.0, 3.0, 100.0]),
    ]
    print_contest("work", times)
    assert capsys.readouterr().out.splitlines() == [
        "| work | warm, median of 3 | lowest to highest | against ours | cold | "
        "cold, against ours |",
        "|---|---|---|---|---|---|",
        "| ours | 2.00 s | 1.00 to 8.00 s | 1.00 | 2.00 s | 1.00 |",
        "| ceiling | 1.50 s | 1.40 to 1.60 s | 0.75 |  |  |",
        "| peer | 30.0 s | 3.00 to 100 s | 15.00 | 10.0 s | 5.00 |",
        "",
        "Our share of the ceiling: 75%.",
        "",
    ]


def test_tasks_survive_the_command_line() -> None:
    task = Task("keras-mnist:fit", 2, 16, 9600, 1, 3)
    assert Task.from_words(task.words()) == task
    assert Task.from_words([]) == Task()


def test_shares_are_a_partition() -> None:
    items = list(range(7))
    shares = [Task(part=part, parts=3).share(items) for part in range(3)]
    assert sorted(item for share in shares for item in share) == items


def widths(config: str) -> list[int]:
    layers = network_spec(load_run(config_path(config))).layers
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    return [dense[0].inputs, *(layer.units for layer in dense)]


def test_workloads_are_those_of_the_configs() -> None:
    fig = load_sweep(config_path("fig6-18"))
    assert widths("fig6-18") == workloads.FIG6_18
    np.testing.assert_allclose(workloads.FIG6_18_SCALES, fig.sweep.axes["init.scale"])
    epochs, steps = fig.training.epochs, 1000 // fig.training.batch_size
    assert (epochs - 1) * steps + 1 == workloads.FIG6_18_STEPS
    assert steps == workloads.FIG6_18_EVERY
    assert fig.training.batch_size == workloads.FIG6_18_BATCH
    assert fig.optimizer.lr == workloads.FIG6_18_LR

    mnist = load_run(config_path("keras-mnist"))
    assert widths("keras-mnist") == workloads.MNIST
    assert mnist.training.batch_size == workloads.MNIST_BATCH
    assert mnist.optimizer.lr == workloads.MNIST_LR
    cifar = load_run(config_path("cifar10-cnn"))
    assert cifar.training.batch_size == workloads.CIFAR10_BATCH
    assert cifar.optimizer.lr == workloads.CIFAR10_LR
    for config in (mnist, cifar):
        assert config.norm.eps == workloads.NORM_EPS
        assert config.norm.momentum == workloads.NORM_KEPT


def test_the_convolutions_are_those_of_the_config() -> None:
    layers = network_spec(load_run(config_path("cifar10-cnn"))).layers
    convs = [layer for layer in layers if isinstance(layer, Conv)]
    pooled = [
        any(
            isinstance(after, Pool) for after in layers[layers.index(conv) : layers.index(conv) + 4]
        )
        for conv in convs
    ]
    found = [(c.shape[1], c.filters, pool) for c, pool in zip(convs, pooled, strict=True)]
    assert found == workloads.CIFAR10_CONVS
    assert widths("cifar10-cnn") == workloads.CIFAR10_DENSE


def test_ceilings_make_the_products_of_their_workload() -> None:
    made = ceiling.replay_dense(ceiling.Dense([4, 3, 2], 5, 2, 2, 1000), 6, stack=3)
    assert made() == {"networks": 6}
    forward, backward = ceiling.conv_products(2)
    forward()
    backward()


def test_contests_begin_with_ours_and_quick_ones_have_a_peer() -> None:
    contests = [
        fig6_18.contestants(2),
        keras_mnist.one_network(),
        keras_mnist.many_networks(16, 2),
        cifar10_cnn.contestants(2),
    ]
    for contestants in contests:
        ours, *others = contestants
        assert "ours" in ours.name
        assert any(one.quick and one.needs for one in others)
        assert [one.learns for one in contestants].count(False) == 1
        names = [one.name for one in contestants]
        assert len(set(names)) == len(names)
        for one in contestants:
            assert importlib.util.find_spec(one.module), one.name


def test_shortened_contests_keep_the_rest_of_the_task() -> None:
    (one,) = shortened([Contestant("A", "", Task("fit", networks=16))], 320)
    assert one.task == dataclasses.replace(Task("fit", networks=16), train=320)
