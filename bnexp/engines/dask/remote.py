"""What a driver calls on a Dask worker: a task that trains, and quick answers beside it.

The driver calls them with ``Client.run``, beside whatever the worker is busy with.
"""

from __future__ import annotations

from bnexp.engines.dask import session as sessions
from bnexp.engines.dask.session import News, Task
from bnexp.engines.dask.slot import serve

__all__ = ["collect", "exchange", "forget", "give", "halt", "serve", "share"]


def collect(topic: str, name: str, after: int) -> tuple[str, list[News]]:
    """Return a session's name, and its news since number ``after``; those before are forgotten.

    A worker that was started again at the same address has a session of another name, or none.
    """
    session = sessions.find(topic)
    return (session.name, session.collect(name, after)) if session else ("", [])


def give(topic: str, request: str, task: Task | None) -> bool:
    """Answer a request with a stack, or None for no more; return whether it waited for one."""
    asked = sessions.find_request(topic, request)
    return asked is not None and asked.give(task)


def exchange(
    topic: str, name: str, after: int, request: str, task: Task
) -> tuple[str, list[News], bool]:
    """Give a stack, then collect: one call for what would be two."""
    taken = give(topic, request, task)
    return (*collect(topic, name, after), taken)


def halt(topic: str) -> None:
    """Set the stop flag of all that is in training."""
    session = sessions.find(topic)
    for request in list(session.requests.values()) if session else ():
        request.halt()


def share(topic: str, request: str) -> None:
    """Ask the stack that a request was answered with to let go of some runs, if worth it."""
    asked = sessions.find_request(topic, request)
    if asked is not None:
        asked.flags.share.set()


def forget(topic: str) -> None:
    """Drop a session: nobody will collect from it again."""
    halt(topic)
    sessions.drop(topic)
