"""Write the generated pages of the docs: ``docs/config.md`` and ``docs/commands.md``.

``make docs`` writes them; a test holds them against what this would write.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bnexp.cli import cli
from bnexp.config.fields import LAYER_LEAVES, LEAVES, Leaf
from bnexp.config.words import allowed_values

DOCS = Path(__file__).parent
#: Keys that have no value unless one is given.
_UNSET = ("data.path", "data.test_path", "plot.panel", "plot.arm")

CONFIG_HEAD = """# Config keys

Generated from the schema. A config is a YAML mapping; every key may be left out. `bnexp check`
prints a config with all defaults filled in. Numbers are those of YAML 1.2 and Python, so `1e-4` is
one. An axis (`sweep.axes`, `--axis`) takes any key below but `name`, `seed`, `sweep` and `plot`.
"""

COMMANDS_HEAD = """# Commands

Generated from the help of the commands.
"""


def config_page() -> str:
    """Return the page of config keys, a table for each section."""
    lines = [CONFIG_HEAD]
    for heading, leaves in itertools.groupby(
        LEAVES.values(), lambda leaf: leaf.section or leaf.name
    ):
        rows = list(leaves)
        lines += [f"## {heading}", ""]
        if rows[0].section:
            lines += [(inspect.getdoc(rows[0].model) or "").replace("``", "`"), ""]
        lines += _table(rows, [leaf.key for leaf in rows])
        if heading == "network":
            for kind, inner in LAYER_LEAVES.items():
                prose = inspect.getdoc(inner[kind].model) or ""
                lines += [f"### {kind} layers", "", prose.replace("``", "`"), ""]
                lines += _table(list(inner.values()), list(inner))
    return "\n".join(lines)


def _table(leaves: Sequence[Leaf], names: Sequence[str]) -> list[str]:
    lines = ["| key | default | allowed |", "|---|---|---|"]
    for leaf, name in zip(leaves, names, strict=True):
        lines.append(f"| `{name}` | {_default(leaf)} | {_allowed(leaf)} |")
    return [*lines, ""]


def _default(leaf: Leaf) -> str:
    field = leaf.model.model_fields[leaf.name]
    if leaf.key in _UNSET:
        return "none"
    if field.is_required():
        return "required" if leaf.name in dict(leaf.given) else "depends"
    if leaf.given and field.default is None:
        return "as everywhere"
    return _shown(field.get_default(call_default_factory=True))


def _allowed(leaf: Leaf) -> str:
    if leaf.key == "sweep.axes":
        return "keys and their values: a list, `logspace(A, B, N)`, `linspace(A, B, N)`"
    return allowed_values(leaf).replace("|", "\\|")


def _shown(default: object) -> str:
    if default is None:
        return "depends"
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return f"`{[getattr(layer, 'dense', layer) for layer in default]}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def commands_page() -> str:
    """Return the page of commands: what each does, its arguments and its options."""
    lines = [COMMANDS_HEAD]
    for path, command in _walk(cli, ("bnexp",)):
        shown = [param for param in command.params if param.name != "version"]
        usage = [_argument(param) for param in shown if isinstance(param, click.Argument)]
        lines += [f"## {' '.join((*path, *usage))}", "", _prose(command.help), ""]
        options = [param for param in shown if isinstance(param, click.Option)]
        if options:
            lines += ["| option | what it does | default |", "|---|---|---|"]
            lines += [_option(option) for option in options] + [""]
        if command.epilog:
            lines += [_prose(command.epilog), ""]
    return "\n".join(lines)


def _prose(text: str | None) -> str:
    r"""Return a help text as Markdown: paragraphs after a \\b are kept as they are."""
    parts = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(
        "```\n" + part.removeprefix("\b\n") + "\n```"
        if part.startswith("\b")
        else part.replace("``", "`")
        for part in parts
    )


def _argument(param: click.Argument) -> str:
    name = (param.name or "").upper()
    return name if param.required else f"[{name}]"


def _option(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
    default = option.show_default if isinstance(option.show_default, str) else option.default
    if option.is_flag:
        default = "off"
    elif not isinstance(default, str | int):
        default = ""
    return f"| `{option.opts[-1]}{value}` | {option.help} | {default} |"


def _walk(
    command: click.Command, path: tuple[str, ...]
) -> list[tuple[tuple[str, ...], click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                found += _walk(inner, (*path, name))
    return found


PAGES = {"config.md": config_page, "commands.md": commands_page}


def main() -> int:
    """Write the pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
