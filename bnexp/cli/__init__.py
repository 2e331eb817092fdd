"""The command line: parse, call the library, print; every expected error ends here.

Commands are imported when they are used, and import the library when they run, so that
``bnexp --help`` needs neither NumPy nor matplotlib.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from bnexp.cli.choices import Commands
from bnexp.cli.streams import prepare_streams, say
from bnexp.errors import BnexpError, OutputError
from bnexp.version import __version__

# The first sentence of each command's help: listing commands imports none of them.
_COMMANDS = {
    "run": "Train one config and draw its curves.",
    "sweep": "Train every combination of a config's axes and seeds.",
    "search": "Search the ranges of a config for its best values.",
    "plot": "Draw the curves of a results folder.",
    "results": "List results folders, the newest first.",
    "check": "Validate a config and print what it means.",
    "data": "List the datasets and get one.",
}

_EPILOG = """\b
Exit codes:
  0  done (a run that diverged is a result)
  1  some runs failed
  2  wrong usage or config
  3  a dataset is missing, damaged or cannot be downloaded
  4  a results folder is in use, inconsistent or corrupt
  5  reading or writing failed, or a cluster does not answer
  130, 143  interrupted; the same command goes on from there
"""


def _load(name: str) -> click.Command:
    command: click.Command = import_module(f"bnexp.cli.{name}").command
    return command


class _Commands(Commands):
    """The commands, each a module of its own with a ``command`` in it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return _load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(__version__, prog_name="bnexp")
def cli() -> None:
    """Train many small networks that differ in a few numbers, and compare their curves.

    \b
    Example:
      bnexp sweep --weights logspace   16 initial scales, with and without batch norm
      bnexp plot                       the grid of their curves
    """


def main() -> None:
    """Run the command line and exit with its documented code."""
    prepare_streams()
    # To look for plugins that a command line has no use for takes longer than to read a config.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        code = cli.main(prog_name="bnexp", standalone_mode=False)
    except SystemExit as end:
        # Click ends so, without a word, when the reader of stdout is gone.
        sys.exit(end.code and OutputError.exit_code)
    except click.ClickException as error:
        _fail(_explain_usage(error), error.exit_code)
    except BnexpError as error:
        _fail(f"error: {error}", error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted", 130)
    except OSError as error:
        _fail(f"error: {_explain_system(error)}", OutputError.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    say(message)
    sys.exit(code)


def _explain_usage(error: click.ClickException) -> str:
    """Say what is wrong with the arguments and where help is; a group alone gives its help."""
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        from bnexp.cli.unknown import explain_option

        message = explain_option(error, map(_load, _COMMANDS)) or message
    if message.startswith("Usage:"):
        return message
    message = f"error: {message[:1].lower()}{message[1:]}"
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{message}\nsee `{context.command_path} --help`" if context else message


def _explain_system(error: OSError) -> str:
    """Say what the system refused; stdout and the working folder are what it gives no name."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        return f"{error.filename}: {reason}"
    if isinstance(error, FileNotFoundError):
        return "the working folder does not exist any more; change to one that does"
    return f"standard output cannot be written: {reason}"
