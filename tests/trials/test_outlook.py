"""What a search is expected to train, beside what it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from searches import search_document

import bnexp
from bnexp.config import load_search
from bnexp.driver import Watcher
from bnexp.engines import Progress
from bnexp.trials import plan_search
from bnexp.trials.draw import draw_values, trial_count
from bnexp.trials.outlook import plan_stages

#: No trial diverges, so every one trains until it is pruned or done.
SPACE = {"optimizer.lr": "loguniform(1e-4, 1e-2)", "network.width": [20, 40]}


class _Count(Watcher):
    epochs = 0

    def progress(self, event: Progress) -> None:
        self.epochs += len(event.records)


@pytest.mark.parametrize(
    ("search", "stages"),
    [
        ({"pruner": "halving"}, [(11, 0, 1), (5, 1, 2), (2, 2, 4), (1, 4, None), (1, 0, None)]),
        ({"pruner": "halving", "rungs": [3], "keep": 0.1}, [(11, 0, 3), (1, 3, None)]),
        ({"sampler": "tpe", "ask": 4}, [(4, 0, None), (4, 0, None), (3, 0, None), (2, 0, None)]),
        ({}, [(11, 0, None), (1, 0, None)]),
        ({"objective": "test_accuracy"}, [(11, 0, None)]),
    ],
)
def test_a_search_trains_what_was_expected(
    tmp_path: Path, search: dict[str, Any], stages: list[tuple[int, int, int | None]]
) -> None:
    changes: dict[str, Any] = {f"search__{key}": value for key, value in search.items()}
    changes["search__report"] = 2 if "ask" in search else 0 if "rungs" in search else 1
    changes |= {"training__epochs": 8, "evaluate__test": "all"}
    config = load_search(search_document(SPACE, **changes), trials=11)
    plan = plan_search(config, draw_values(config, trial_count(config)))
    expected = plan_stages(plan)
    assert [(len(one.runs), one.start, one.pause) for one in expected] == stages
    watcher = _Count()
    bnexp.search(config, jobs=0, output=tmp_path / "out", watcher=watcher)
    assert watcher.epochs == sum(stage.epochs for stage in expected)
    for stage in expected:
        share = (stage.pause or 8) - stage.start
        assert stage.steps == share * len(stage.runs) * bnexp.config.steps_per_epoch(config)
        assert sum(len(stack.runs) for stack in stage.stacks(2)) == len(stage.runs)


def test_the_last_epoch_of_a_run_may_be_one_step() -> None:
    """Evaluated at ``first_step`` it ends there, also where it is the last of a stage."""
    changes: dict[str, Any] = {"search__pruner": "halving", "evaluate__at": "first_step"}
    config = load_search(search_document(SPACE, training__epochs=8, **changes), trials=11)
    stages = plan_stages(plan_search(config, draw_values(config, 11)))
    epoch = bnexp.config.steps_per_epoch(config)
    assert [stage.steps for stage in stages[:4]] == [
        11 * epoch,
        5 * epoch,
        4 * epoch,
        3 * epoch + 1,
    ]
