"""Keys that somebody wrote and that change nothing: said aloud, since a typo looks like that, too.

A key counts as written where it says something else than it would if it were left out. It has no
effect when no run of the config, of its sweep or of its search would be another one without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bnexp.config import resolve
from bnexp.config.fields import LEAVES
from bnexp.config.schema import Config
from bnexp.config.words import allowed_words
from bnexp.describe import MisfitError
from bnexp.errors import BnexpError
from bnexp.plan.facts import effective

_SECTIONS = frozenset(
    leaf.section for leaf in LEAVES.values() if leaf.section not in ("", "sweep", "search", "plot")
)
#: Keys that decide whether others have an effect, and the values with which others have.
_SWITCHES: dict[str, tuple[Any, ...]] = {
    "norm.statistics": ("running",),
    "norm.kind": ("batch", "batch_renorm", "noisy_batch", "group"),
    "optimizer.kind": ("sgd", "rmsprop", "adam"),
    "optimizer.schedule": ("step", "inverse"),
    "optimizer.momentum": (0.9,),
    "regularization.lp": (1.0,),
    "regularization.dropout": (0.5,),
    "training.patience": (1,),
    "training.sampling": ("shuffle",),
    "data.validation": (0.1,),
    "data.label_noise": (0.1,),
    "evaluate.test": ("all",),
}


def unused_keys(config: Config, others: Callable[[], Iterable[Config]]) -> dict[str, str]:
    """Return the written keys without effect, each with the key that takes its effect, or "".

    ``config`` is as it was loaded, not resolved. ``others`` gives the configs of its sweep and its
    search; it is not called when every key has an effect in the config itself.
    """
    varied = config.sweep.axes.keys() | config.search.space.keys()
    keys = [key for key in _written(config) if key not in varied and not _matters(config, key)]
    if keys:
        for other in others():
            keys = [key for key in keys if not _matters(other, key)]
    return {key: _switch(config, key) for key in keys}


def _written(config: Config) -> Iterator[str]:
    """Yield the keys that were given a value which they would not have by themselves."""
    resolved = resolve(config)
    given = [
        key
        for key, leaf in LEAVES.items()
        if leaf.section in _SECTIONS and leaf.name in getattr(config, leaf.section).model_fields_set
    ]
    for key in given:
        if _value(resolve(_without(config, key)), key) != _value(resolved, key):
            yield key


def _matters(config: Config, key: str) -> bool:
    """Whether a config trains otherwise without a key, with less of a number or another word."""
    value, facts = _value(config, key), _facts(config)
    if _facts(_without(config, key)) != facts:
        return True
    others: list[Any] = [word for word in allowed_words(LEAVES[key].allowed) if word != value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        others.append((value // 2 or 1) if isinstance(value, int) else value / 2)
    return any(_facts(_with(config, key, other)) != facts for other in others)


def _switch(config: Config, key: str) -> str:
    """Return which other key takes a key its effect; "" if none does so alone."""
    for switch, values in _SWITCHES.items():
        if switch != key and any(_matters(_with(config, switch, v), key) for v in values):
            return switch
    return ""


def _facts(config: Config) -> Any:
    try:
        return effective(config)
    except (BnexpError, MisfitError):  # what cannot be has no facts
        return None


def _value(config: Config, key: str) -> Any:
    leaf = LEAVES[key]
    return getattr(getattr(config, leaf.section), leaf.name)


def _without(config: Config, key: str) -> Config:
    leaf = LEAVES[key]
    return _with(
        config, key, leaf.model.model_fields[leaf.name].get_default(call_default_factory=True)
    )


def _with(config: Config, key: str, value: Any) -> Config:
    leaf = LEAVES[key]
    section = getattr(config, leaf.section).model_copy(update={leaf.name: value})
    return config.model_copy(update={leaf.section: section})
