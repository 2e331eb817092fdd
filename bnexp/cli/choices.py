"""Words to choose from on the command line, refused as configs refuse theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from bnexp.errors import not_known


class Choice(click.Choice[str]):
    """One of some words. Raises ``click.BadParameter`` with what is allowed and may be meant."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(list(words))

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return what is said of a word that is none of these."""
        return not_known(value, map(str, self.choices))
