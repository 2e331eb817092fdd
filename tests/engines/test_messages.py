from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweeps import made_up, make_plan

from bnexp import errors
from bnexp.config import ConfigMistakesError
from bnexp.engines import Event, Progress, RunEnded, Trouble
from bnexp.engines.base import HandedOver, Workplace
from bnexp.engines.messages import (
    decode_error,
    decode_event,
    decode_task,
    encode_error,
    encode_event,
    encode_task,
    read_answer,
    write_answer,
)
from bnexp.plan import Stack, run_id
from bnexp.records import Record

_AXES: dict[str, Any] = {
    "network.layers": [[], [3, 4]],
    "norm.kind": ["batch", "none"],
    "optimizer.nesterov": [True, False],
    "init.scale": [1e-300, 0.1 + 0.2],
}


@pytest.mark.parametrize(
    "workplace",
    [Workplace(), Workplace(Path("/data"), Path("results/σ x"), 0.1, threads=2, more_threads=1)],
)
def test_a_task_comes_back_as_it_was(workplace: Workplace) -> None:
    plan = make_plan(_AXES, optimizer__momentum=0.9, norm__start_var=0, evaluate__test="last")
    stack = Stack(tuple(plan.runs.values()), start_epoch=3)
    line = encode_task(stack, workplace)
    assert "\n" not in line
    task = decode_task(line)
    assert task == (stack, workplace)
    back = task[0]
    assert [run_id(run.config) for run in back.runs] == list(plan.runs)


@pytest.mark.parametrize(
    "event",
    [
        Progress(3, 2, {"a": Record(3, 18, {"train_loss": 0.1 + 0.2, "test_accuracy": 1 / 3})}),
        Progress(1, 0),
        RunEnded(made_up("a", "failed", message='line one\nline "two" \x1e')),
        Trouble("a worker died"),
        HandedOver(("a", "b"), 7),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    line = write_answer(encode_event(event))
    assert line.count("\n") == 1
    answer = read_answer(line)
    assert answer is not None
    assert decode_event(answer) == event
    assert read_answer("a library says: " + line) == answer


def test_a_line_without_a_whole_answer_is_none() -> None:
    line = write_answer({"finished": True})
    assert all(read_answer(line[:end]) is None for end in range(len(line)))
    for stray in ("\n", "hello\n", '{"finished": true}\n', "42\n"):
        assert read_answer(stray) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.DatasetError("no file"), errors.DatasetError),
        (errors.OutputError("no space"), errors.OutputError),
        (ConfigMistakesError(["a: 1", "b: 2"]), errors.ConfigError),
    ],
    ids=["data", "output", "config"],
)
def test_an_error_comes_back_with_its_message_and_exit_code(
    error: errors.BnexpError, kind: type[errors.BnexpError]
) -> None:
    answer = read_answer(write_answer(encode_error(error)))
    assert answer is not None
    back = decode_error(answer)
    assert type(back) is kind
    assert (str(back), back.exit_code) == (str(error), error.exit_code)
