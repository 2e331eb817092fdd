"""Words and commands to choose from, refused as configs refuse theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from bnexp.errors import meant, not_known


class Commands(click.Group):
    """A group of commands that says which one may be meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments begin with. Raises ``click.UsageError``."""
        names = self.list_commands(ctx)
        if args[0] not in names and not ctx.resilient_parsing:
            near = meant(args[0], names)
            ctx.fail(f"{args[0]!r} is no command{near}; the commands are {', '.join(names)}")
        return super().resolve_command(ctx, args)


class Choice(click.Choice[str]):
    """One of some words. Raises ``click.BadParameter`` with what is allowed and may be meant."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(list(words))

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return what is said of a word that is none of these."""
        return not_known(value, map(str, self.choices))
