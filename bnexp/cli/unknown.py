"""What an option may mean that a command has not: a key of the config, or another command's."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click


def explain_option(error: click.NoSuchOption, commands: Iterable[click.Command]) -> str | None:
    """Say what to write instead of an option that there is not; None where nothing is known.

    ``commands`` are all of the command line.
    """
    from bnexp.config.words import keys_named

    option = error.option_name
    word = option.lstrip("-").replace("-", "_")
    own = error.ctx.command if error.ctx else None
    has_keys = own is not None and "--set" in _options(own)
    keys, aliases = keys_named(word) if has_keys else ((), ())
    others = [one.name or "" for one in commands if one is not own and option in _options(one)]
    if not keys and others:
        have = "has" if len(others) == 1 else "have"
        names = " and ".join(f"`bnexp {name}`" for name in others)
        return f"no such option '{option}'; {names} {have} it"
    if keys := keys or aliases:
        value = _value(option)
        settings = " or ".join(f"--set {key}={value}" for key in keys)
        return f"no such option '{option}'; a key of the config is set by {settings}"
    return None


def _options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


def _value(option: str) -> str:
    """Return the value that is given to an option on this command line."""
    arguments = iter(sys.argv[1:])
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name == option:
            value = value if equals else next(arguments, "")
            break
    else:
        value = ""
    return value if value and not value.startswith("--") else "VALUE"
