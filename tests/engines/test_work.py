"""What every engine does with a stack when it is told to stop."""

from __future__ import annotations

import threading
from pathlib import Path

from sweeps import make_plan

from bnexp.engines.base import Flags, Progress, RunEnded, Workplace
from bnexp.engines.shelf import DataShelf
from bnexp.engines.work import work_on
from bnexp.plan import cut_stacks
from bnexp.store.checkpoints import read_epochs


def test_an_epoch_that_is_nearly_over_ends_in_a_checkpoint(tmp_path: Path) -> None:
    plan = make_plan({"init.scale": [1.0, 0.1]}, training__epochs=500)
    (stack,) = cut_stacks(plan.runs.values(), jobs=1)
    stop = threading.Event()
    # No checkpoint is due by time.
    workplace = Workplace(checkpoints=tmp_path, checkpoint_seconds=1e9)
    ends = []
    for event in work_on(stack, workplace, DataShelf(), Flags(stop)):
        assert not isinstance(event, RunEnded)
        if isinstance(event, Progress):
            ends.append(event.epoch)
            if event.epoch == 2:
                stop.set()
    # Set while epoch 2 is handed over: it is kept, and nothing after it is trained.
    assert ends == [1, 2]
    assert {epoch for epoch, _ in read_epochs(tmp_path).values()} == {2}
    assert len(read_epochs(tmp_path)) == 2
