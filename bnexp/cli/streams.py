"""The standard streams, ready for whatever they were left to be: closed, full, gone, or not UTF-8.

Progress is a courtesy: a stderr that cannot take it is no reason to stop training.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

import click


def prepare_streams() -> None:
    """Give closed streams somewhere to go, and have characters escaped that a stream lacks.

    A file opened later would take the number of a closed stream, and get whatever is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one. Workers inherit it.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def say(message: str) -> None:
    """Print a line of progress, or a note, to stderr, where that is possible."""
    with contextlib.suppress(OSError):
        click.echo(message, err=True)
