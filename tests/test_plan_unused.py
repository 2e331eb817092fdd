"""Keys that are written and change nothing: which are found, and why none is named by mistake."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from bnexp.cli.notes import _all_runs
from bnexp.config import dump_config, load_config, load_text, resolve
from bnexp.config.load import BUILTIN
from bnexp.config.schema import Config
from bnexp.config.written import written_places, written_specs
from bnexp.plan import plan_sweep
from bnexp.plan.unused import unused_keys

CONFIGS = [BUILTIN, *sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.yaml"))]


def others(config: Config) -> Iterable[Config]:
    return [run.config for run in plan_sweep(config).runs.values()]


def unused(text: str) -> dict[str, str]:
    config = load_text(text)
    return unused_keys(config, lambda: others(config))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("norm: {kind: none, momentum: 0.5}", {"norm.momentum": "norm.kind"}),
        ("norm: {kind: layer, start_var: 1}", {}),  # its default
        ("norm: {kind: layer, start_var: 0}", {"norm.start_var": "norm.kind"}),
        ("norm: {kind: batch, groups: 4}", {"norm.groups": "norm.kind"}),
        ("norm: {kind: batch, r_max: 2}", {"norm.r_max": "norm.kind"}),
        ("norm: {kind: batch, noise_std: 2}", {"norm.noise_std": "norm.kind"}),
        (
            "norm: {kind: batch, statistics: population, momentum: 0.5}",
            {"norm.momentum": "norm.statistics"},
        ),
        ("norm: {kind: batch, momentum: 0.5}", {}),
        ("optimizer: {beta1: 0.5}", {"optimizer.beta1": "optimizer.kind"}),
        (
            "optimizer: {kind: adam, beta1: 0.5, rho: 0.5}",
            {"optimizer.rho": "optimizer.kind"},
        ),
        ("optimizer: {decay: 0.3}", {"optimizer.decay": "optimizer.schedule"}),
        (
            "optimizer: {schedule: cosine, step_epochs: 3}",
            {"optimizer.step_epochs": "optimizer.schedule"},
        ),
        ("optimizer: {kind: momentum, momentum: 0.9}", {}),
        ("regularization: {p: 4}", {"regularization.p": "regularization.lp"}),
        ("training: {monitor: val_accuracy}", {"training.monitor": "training.patience"}),
        ("data: {seed: 3}", {"data.seed": "data.validation"}),
        ("data: {seed: 3, label_noise: 0.1}", {}),
        ("data: {split: plain}", {"data.split": "data.validation"}),
        ("data: {test: 9}\nevaluate: {test: none}", {"data.test": "evaluate.test"}),
        ("data: {name: mnist, train: 60000}", {}),  # all of them, but fewer would be others
        (
            "training: {drop_last: true, batch_size: 99, sampling: replacement}",
            {"training.drop_last": "training.sampling"},
        ),
        ("data: {train: 1000}\ntraining: {drop_last: true}", {"training.drop_last": ""}),
        ("data: {train: 1001}\ntraining: {drop_last: true}", {}),
    ],
)
def test_written_keys_without_effect_are_found_with_the_key_that_decides(
    text: str, found: dict[str, str]
) -> None:
    assert unused(text) == found


@pytest.mark.parametrize(
    "sweep",
    [
        "sweep: {axes: {norm.kind: [none, batch]}}",
        "sweep: {axes: {norm.momentum: [0.1, 0.2]}}",
        "data: {validation: 0.2}\nsearch: {space: {norm.kind: [none, batch]}}",
    ],
)
def test_a_key_that_some_run_uses_is_none(sweep: str) -> None:
    config = load_text("norm: {kind: none, momentum: 0.5}\n" + sweep)
    searched = load_text("norm: {kind: batch, momentum: 0.5}")
    assert unused_keys(config, lambda: [*others(config), searched]) == {}
    if "momentum: [" not in sweep:
        assert unused_keys(config, list) == {"norm.momentum": "norm.kind"}


def test_of_many_runs_those_are_asked_that_differ_in_more_than_numbers() -> None:
    axes = (
        "{optimizer.lr: 'linspace(0.1, 1, 10)', regularization.lp: [0, 0.1, 0.2], norm: [off, on]}"
    )
    space = "{optimizer.lr: 'uniform(0.1, 1)', norm.kind: [none, batch]}"
    text = f"""
    norm: {{momentum: 0.5}}
    regularization: {{p: 4}}
    optimizer: {{beta1: 0.5}}
    data: {{validation: 0.2}}
    sweep: {{axes: {axes}}}
    search: {{trials: 30, space: {space}}}
    """
    config = load_text(text)
    some = list(_all_runs(config))
    # With lp and without, each with a norm and without; trials and reports, each with and without.
    assert len(some) == 2 * 2 + 2 * 2
    assert unused_keys(config, lambda: some) == {"optimizer.beta1": "optimizer.kind"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_have_none_nor_has_what_check_prints_of_them(path: Path) -> None:
    def refuse() -> Iterable[Config]:
        raise AssertionError("every key has an effect in the config itself")

    config = load_config(path)
    assert unused_keys(config, refuse) == {}
    resolved = load_text(dump_config(resolve(config)))
    assert unused_keys(resolved, refuse) == {}


def test_a_place_is_the_line_of_the_file_or_the_argument(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("optimizer:\n  beta1: 0.5\n  rho: 0.1\nnorm: off\n")
    places = written_places(path, overrides=["optimizer.rho=0.2"])
    assert {key: str(place) for key, place in places.items()} == {
        "optimizer.beta1": f"{path}:2:10",
        "optimizer.rho": "--set optimizer.rho=0.2",
        "norm.kind": f"{path}:4:7",
    }


def test_nobody_waits_for_a_pipe_that_was_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def read() -> None:
        found.append(written_places(pipe, overrides=["optimizer.lr=1"]).keys())
        found.append(list(written_specs(pipe)))

    found: list[object] = []
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(10)
    assert found == [{"optimizer.lr"}, []]
