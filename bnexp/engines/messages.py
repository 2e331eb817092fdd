"""What driver and worker say to each other: one JSON object per line.

JSON keeps every float exactly (shortest repr) and every message readable when something hangs.
Configs travel as they are: they are validated already, and a worker starts faster without. An
answer begins with a mark, because a library may print to a worker's stdout before we can stop it.
"""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnexp import errors
from bnexp.engines.base import Event, HandedOver, Progress, RunEnded, Trouble, Workplace
from bnexp.plan.work import Run, Stack
from bnexp.records import Record, RunResult

#: The ASCII record separator before each answer, as in RFC 7464; JSON never contains it.
_MARK = "\x1e"
#: The answer after the last event of a stack.
FINISHED = {"finished": True}
#: Asks a worker to forget its data until the next task.
REST = "null"
#: Asks a worker in training to share its work: another has none.
SHARE = '"share"'


def write_answer(message: Mapping[str, Any]) -> str:
    """Return an answer as a line."""
    return f"{_MARK}{json.dumps(message)}\n"


def read_answer(line: str) -> dict[str, Any] | None:
    """Return the answer in a line of a worker's stdout.

    None when there is none, or only the beginning of one whose worker was killed.
    """
    _, mark, text = line.partition(_MARK)
    if not mark or not text.endswith("\n"):
        return None
    answer: dict[str, Any] = json.loads(text)
    return answer


def encode_task(stack: Stack, workplace: Workplace) -> str:
    """Return the line that asks a worker to train a stack."""
    return json.dumps(
        {
            "runs": base64.b64encode(pickle.dumps(stack.made().runs)).decode(),
            "start_epoch": stack.start_epoch,
            "pause": stack.pause,
            "data_dir": _text(workplace.data_dir),
            "checkpoints": _text(workplace.checkpoints),
            "checkpoint_seconds": workplace.checkpoint_seconds,
            "verified": workplace.verified,
            "shared": _text(workplace.shared),
            "threads": workplace.threads,
            "more_threads": workplace.more_threads,
        }
    )


def decode_task(line: str) -> tuple[Stack, Workplace] | None:
    """Read what ``encode_task`` wrote; None for ``REST``."""
    task = json.loads(line)
    if task is None:
        return None
    runs: tuple[Run, ...] = pickle.loads(base64.b64decode(task["runs"]))
    workplace = Workplace(
        _path(task["data_dir"]),
        _path(task["checkpoints"]),
        task["checkpoint_seconds"],
        task["verified"],
        _path(task["shared"]),
        task["threads"],
        task["more_threads"],
    )
    return Stack(runs, task["start_epoch"], task["pause"]), workplace


def encode_event(event: Event) -> dict[str, Any]:
    """Return the answer that reports an event."""
    if isinstance(event, Progress):
        records = {run: record.to_json() for run, record in event.records.items()}
        return {"epoch": event.epoch, "active": event.active, "records": records}
    if isinstance(event, RunEnded):
        return {"result": event.result.to_json()}
    if isinstance(event, HandedOver):
        return {"epoch": event.epoch, "handed_over": list(event.runs)}
    return {"trouble": event.message}


def encode_error(error: errors.BnexpError) -> dict[str, Any]:
    """Return the answer that reports an expected error, by its nearest class in ``errors``."""
    kinds = (kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    return {"error": next(kinds), "message": str(error)}


def decode_error(message: Mapping[str, Any]) -> errors.BnexpError:
    """Build the error of an answer that ``encode_error`` made."""
    error: errors.BnexpError = getattr(errors, message["error"])(message["message"])
    return error


def decode_event(message: Mapping[str, Any]) -> Event:
    """Build the event of an answer that ``encode_event`` made."""
    if "result" in message:
        return RunEnded(RunResult.from_json(message["result"]))
    if "trouble" in message:
        return Trouble(message["trouble"])
    if "handed_over" in message:
        return HandedOver(tuple(message["handed_over"]), message["epoch"])
    records = {run: Record.from_json(record) for run, record in message["records"].items()}
    return Progress(message["epoch"], message["active"], records)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
