"""Every error that bnexp expects, each with the exit code that the command line gives for it.

The library raises these with a message that says what is wrong, where, and what is allowed; the
command line prints the message and exits with the code. Any other exception is a bug.
"""

from __future__ import annotations

from collections.abc import Iterable


class BnexpError(Exception):
    """An expected failure: one message for people, one exit code for programs."""

    exit_code = 1


class RunsFailedError(BnexpError):
    """Some runs could not be trained; the others are kept (exit code 1)."""

    exit_code = 1


class ConfigError(BnexpError):
    """A config, an override or an argument is wrong (exit code 2)."""

    exit_code = 2


class DatasetError(BnexpError):
    """A dataset is missing, damaged or cannot be downloaded (exit code 3)."""

    exit_code = 3


class ResultsError(BnexpError):
    """A results folder is in use, inconsistent or corrupt (exit code 4)."""

    exit_code = 4


class OutputError(BnexpError):
    """Reading or writing a file failed: no space, no permission, not found (exit code 5)."""

    exit_code = 5


class ClusterError(BnexpError):
    """A cluster cannot be reached, or is gone (exit code 5)."""

    exit_code = 5


class InterruptedRunError(BnexpError):
    """Stopped by a signal; what is finished is kept (exit code 128 + the signal's number)."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


def like(wrong: str, words: Iterable[str]) -> str | None:
    """Return the one of ``words`` that is most like a wrong one; None if none is like it."""
    import difflib  # where something is wrong: no command waits for it that is right

    return next(iter(difflib.get_close_matches(wrong.lower(), list(words), 1)), None)


def meant(wrong: str, allowed: Iterable[str]) -> str:
    """Return ``, did you mean X?`` where a wrong word is like an allowed one; else nothing."""
    near = like(wrong, allowed)
    return f", did you mean {near}?" if near else ""


def not_known(wrong: object, allowed: Iterable[str]) -> str:
    """Say that a word is none of those allowed, and which of them may be meant."""
    words = list(allowed)
    return f"{wrong!r} is not known{meant(str(wrong), words)}; allowed: {', '.join(words)}"
