"""What driver and worker say to each other: one JSON object per line.

JSON keeps every float exactly (shortest repr) and every message readable when something hangs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnexp.config.schema import Config
from bnexp.engines.base import Event, Progress, RunEnded, Trouble, Workplace
from bnexp.plan import Run, Stack
from bnexp.records import Record, RunResult


def encode_task(stack: Stack, workplace: Workplace) -> str:
    """Return the line that asks a worker to train a stack."""
    return json.dumps(
        {
            "runs": [
                {"id": run.id, "config": run.config.model_dump(mode="json")} for run in stack.runs
            ],
            "start_epoch": stack.start_epoch,
            "data_dir": _text(workplace.data_dir),
            "checkpoints": _text(workplace.checkpoints),
            "checkpoint_seconds": workplace.checkpoint_seconds,
        }
    )


def decode_task(line: str) -> tuple[Stack, Workplace]:
    """Read what ``encode_task`` wrote."""
    task = json.loads(line)
    runs = tuple(
        Run(run["id"], Config.model_validate(run["config"], strict=False)) for run in task["runs"]
    )
    workplace = Workplace(
        _path(task["data_dir"]), _path(task["checkpoints"]), task["checkpoint_seconds"]
    )
    return Stack(runs, task["start_epoch"]), workplace


def encode_event(event: Event) -> str:
    """Return the line that reports an event."""
    if isinstance(event, Progress):
        records = {run: record.to_json() for run, record in event.records.items()}
        return json.dumps({"epoch": event.epoch, "active": event.active, "records": records})
    if isinstance(event, RunEnded):
        return json.dumps({"result": event.result.to_json()})
    return json.dumps({"trouble": event.message})


def decode_event(message: Mapping[str, Any]) -> Event:
    """Read the object of a line that ``encode_event`` wrote."""
    if "result" in message:
        return RunEnded(RunResult.from_json(message["result"]))
    if "trouble" in message:
        return Trouble(message["trouble"])
    records = {run: Record.from_json(record) for run, record in message["records"].items()}
    return Progress(message["epoch"], message["active"], records)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
