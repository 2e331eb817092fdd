"""Every command can be learned from its help: what it does, an example, every option."""

from __future__ import annotations

import inspect

import click
import pytest

from bnexp import errors
from bnexp.cli import cli


def walk(command, path=("bnexp",)):
    """Yield every command with its path, groups before their members."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


COMMANDS = dict(walk(cli))
every_command = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


DATA = ("data", "data list", "data get")


def test_all_commands_are_walked():
    names = {" ".join(path[1:]) for path in COMMANDS}
    assert names == {"", "run", "sweep", "search", "plot", "results", "check", *DATA}


@every_command
def test_a_command_says_what_it_does_and_gives_an_example(path, call):
    ended = call(*path[1:], "--help")
    assert (ended.code, ended.stderr) == (0, "")
    first = inspect.cleandoc(COMMANDS[path].help).splitlines()[0]
    assert first.endswith(".")
    assert first in " ".join(ended.stdout.split())
    example = next(line for line in ended.stdout.splitlines() if "Example:" in line)
    lines = ended.stdout.splitlines()
    shown = example.partition("Example:")[2].strip() or lines[lines.index(example) + 1].strip()
    assert shown.startswith(" ".join(path))
    after_usage = ended.stdout.partition("\n\n")[2]
    assert ".." not in after_usage, "something is cut off"


@every_command
def test_every_option_says_what_it_does_and_its_default(path):
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option) and option.name != "version":
            assert option.help and option.help.endswith("."), option.name
            assert (
                option.is_flag
                or option.multiple
                or option.show_default
                or (option.name == "weights")
            ), option.name


def test_the_list_of_commands_has_their_own_words(call):
    shown = call("--help").stdout
    for path, command in COMMANDS.items():
        if len(path) == 2:
            first = inspect.cleandoc(command.help).splitlines()[0]
            assert f"\n  {path[1]:<7}  {first}\n" in shown


def test_without_a_command_there_is_help(call):
    assert "Example:" in call().stderr
    assert "Commands:" in call("data").stderr


def test_the_exit_codes_of_all_errors_are_told(call):
    shown = call("--help").stdout
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {getattr(one, "exit_code", 1) for one in classes if issubclass(one, Exception)}
    assert codes == {1, 2, 3, 4, 5}
    for code in (0, *codes):
        assert f"\n    {code}  " in shown
    assert "\n    130, 143  " in shown
