"""The command line: parse, call the library, print; every expected error ends here.

Commands are imported when they are used, and import the library when they run, so that
``bnexp --help`` needs neither NumPy nor matplotlib.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from bnexp.errors import BnexpError
from bnexp.version import __version__

_COMMANDS = ("run", "sweep", "plot", "check", "data")

_EXIT_CODES = """\b
Exit codes:
  0  done (a run that diverged is a result)
  1  some runs failed
  2  wrong usage or config
  3  a dataset is missing, damaged or cannot be downloaded
  4  a results folder is in use, inconsistent or corrupt
  5  reading or writing failed
  130, 143  interrupted; the same command goes on from there
"""


class _Commands(click.Group):
    """The commands, each a module of its own with a ``command`` in it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"bnexp.cli.{cmd_name}").command
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXIT_CODES,
)
@click.version_option(__version__, prog_name="bnexp")
def cli() -> None:
    """Train many small networks that differ in a few numbers, and compare their curves.

    \b
    Start here:
      bnexp sweep --weights logspace     16 initial scales, with and without batch norm
      bnexp plot                         the grid of their curves
    """


def main() -> None:
    """Run the command line and exit with its documented code."""
    try:
        code = cli.main(prog_name="bnexp", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BnexpError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
