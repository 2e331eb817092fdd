"""Optuna's values: a function of the seed, the number and what was told; silent; and optional."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from bnexp.config import load_text
from bnexp.config.schema import Config
from bnexp.errors import ConfigError
from bnexp.trials.draw import Values, draw_trial
from bnexp.trials.tpe import STARTUP, ask_trials

SPACE = """\
    optimizer.lr: loguniform(1e-6, 1)
    regularization.dropout: uniform(0, 0.5)
    network.layers: [[32], [32, 32], []]
    init.scale: logspace(0, -4, 9)
    training.batch_size: int(2, 50)
"""


def make_config(seed: int = 0, **search: Any) -> Config:
    keys = "".join(f"  {key}: {value}\n" for key, value in search.items())
    text = (
        f"data: {{validation: 0.2}}\nseed: {seed}\nsearch:\n  sampler: tpe\n{keys}  space:\n{SPACE}"
    )
    return load_text(text)


CONFIG = make_config()


def goodness(values: Values) -> float:
    """Best at a learning rate of 0.01."""
    return -abs(values["optimizer.lr"] - 0.01)


def told(count: int, config: Config = CONFIG) -> list[tuple[Values, float | None]]:
    trials = [draw_trial(config, number) for number in range(1, count + 1)]
    return [(values, goodness(values)) for values in trials]


def test_the_first_trials_are_those_of_the_random_sampler() -> None:
    assert ask_trials(CONFIG, [], 10) == [draw_trial(CONFIG, n) for n in range(1, STARTUP + 1)]
    large = make_config(ask=15)
    assert ask_trials(large, [], 15) == [draw_trial(large, n) for n in range(1, 16)]


def test_an_ask_is_a_function_of_what_was_told() -> None:
    first = ask_trials(CONFIG, told(20), 8)
    assert ask_trials(CONFIG, told(20), 8) == first
    assert ask_trials(CONFIG, told(20), 3) == first[:3]
    assert len({repr(values) for values in first}) == 8
    assert ask_trials(make_config(seed=1), told(20), 8) != first
    other = [(values, -value if value is not None else None) for values, value in told(20)]
    assert ask_trials(CONFIG, other, 8) != first


def test_values_are_inside_their_ranges_and_rounded() -> None:
    for values in ask_trials(CONFIG, told(20), 20):
        assert list(values) == list(CONFIG.search.space)
        assert 1e-6 <= values["optimizer.lr"] <= 1
        assert float(f"{values['optimizer.lr']:.3e}") == values["optimizer.lr"]
        assert 0 <= values["regularization.dropout"] <= 0.5
        assert values["network.layers"] in ((32,), (32, 32), ())
        assert values["init.scale"] in CONFIG.search.space["init.scale"]
        assert type(values["training.batch_size"]) is int


def test_it_looks_where_it_was_good() -> None:
    rates = [v["optimizer.lr"] for v in ask_trials(CONFIG, told(40), 20)]
    near = sum(1e-3 < rate < 0.1 for rate in rates)
    by_chance = sum(1e-3 < v["optimizer.lr"] < 0.1 for v, _ in told(40)) / 2
    assert near >= 14 > by_chance
    losses = make_config(objective="val_loss")
    worst = [v["optimizer.lr"] for v in ask_trials(losses, told(40), 20)]
    assert sum(1e-3 < rate < 0.1 for rate in worst) < 10


def test_a_trial_without_an_objective_is_told_as_the_worst() -> None:
    known = told(20)
    worst = min(value for _, value in known if value is not None)
    place = next(i for i, (_, value) in enumerate(known) if value == worst)
    lost = [*known]
    lost[place] = (known[place][0], None)
    rest = sorted(value for _, value in known if value is not None)
    alike = [*known]
    alike[place] = (known[place][0], rest[1])
    assert ask_trials(CONFIG, lost, 4) == ask_trials(CONFIG, alike, 4)
    assert ask_trials(CONFIG, [(values, None) for values, _ in known], 2)


def test_optuna_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    ask_trials(CONFIG, told(12), 2)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == before


def test_without_optuna_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"needs Optuna.*pip install optuna"):
        ask_trials(CONFIG, [], 1)
