"""Numbers and config keys as people read them: `W = 0.0631`, `batch norm`, `lr = 0.01`.

Panel titles, legends, captions and the terminal's grid all take their words from here, so that one
thing has one name everywhere. Numbers show three significant digits, more where two values of an
axis would look alike, and all of them where there are at most four.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import PurePath
from typing import Any, get_args

from bnexp.config.schema import Config
from bnexp.config.schema.base import NormKind
from bnexp.describe import DATASETS, norm_words
from bnexp.plots.layers import layers_text, options_width

#: What the y axis says for each metric.
METRIC_WORDS: Mapping[str, str] = {
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "running_loss": "running loss",
    "running_accuracy": "running accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "test_loss": "test loss",
    "test_accuracy": "test accuracy",
}


def part_words(metric: str) -> str:
    """Return what a metric is measured on, where its kind is said beside: ``training``."""
    return METRIC_WORDS[metric].split()[0]


#: Names of numbers in titles where the last part of the key would not do.
_NAMES: Mapping[str, str] = {
    "norm.momentum": "norm momentum",
    "norm.eps": "norm eps",
    "data.train": "training examples",
    "data.test": "test examples",
    "data.validation": "validation examples",
    "data.seed": "data seed",
    "optimizer.eps": "optimizer eps",
    "norm.statistics": "statistics",
    "data.path": "data",
    "data.test_path": "test data",
    "optimizer.decay": "lr decay",
    "regularization.lp": "Lp",
    "training.batch_size": "batch size",
}

_SCHEMES: Mapping[str, str] = {
    "normal": "normal",
    "he": "He",
    "he_uniform": "He uniform",
    "xavier": "Xavier",
    "xavier_uniform": "Xavier uniform",
    "lecun": "LeCun",
    "lecun_uniform": "LeCun uniform",
    "orthogonal": "orthogonal",
}
#: Values that say by themselves what they are.
_PHRASES: Mapping[tuple[str, Any], str] = {
    **{("norm.kind", kind): norm_words(kind) for kind in get_args(get_args(NormKind)[0])},
    ("norm.kind", "none"): "no norm",
    **{("init.scheme", scheme): f"{words} init" for scheme, words in _SCHEMES.items()},
    ("norm.statistics", "running"): "running statistics",
    ("norm.statistics", "population"): "population statistics",
    ("norm.place", "before"): "norm before activation",
    ("norm.place", "after"): "norm after activation",
    ("network.activation", "relu"): "ReLU",
    ("network.activation", "leaky_relu"): "leaky ReLU",
    ("network.activation", "elu"): "ELU",
    ("network.activation", "gelu"): "GELU",
    ("optimizer.nesterov", True): "Nesterov",
    ("optimizer.nesterov", False): "no Nesterov",
    ("training.drop_last", True): "last batch dropped",
    ("training.drop_last", False): "last batch kept",
    ("optimizer.kind", "sgd"): "SGD",
    ("optimizer.kind", "nesterov"): "Nesterov",
    ("optimizer.kind", "adagrad"): "AdaGrad",
    ("optimizer.kind", "rmsprop"): "RMSProp",
    ("optimizer.kind", "adam"): "Adam",
    ("optimizer.kind", "adamw"): "AdamW",
    ("optimizer.schedule", "constant"): "constant lr",
    ("optimizer.schedule", "step"): "step schedule",
    ("optimizer.schedule", "cosine"): "cosine schedule",
    ("optimizer.schedule", "inverse"): "1/t schedule",
    ("augmentation.flip", True): "flips",
    ("augmentation.flip", False): "no flips",
    ("regularization.spatial_dropout", True): "spatial dropout",
    ("regularization.spatial_dropout", False): "plain dropout",
    ("data.standardize", "none"): "raw data",
    ("data.standardize", "unit"): "data in [0, 1]",
    ("data.standardize", "channel"): "standardized by channel",
    ("data.standardize", "pixel"): "standardized by pixel",
    ("data.split", "stratified"): "stratified split",
    ("data.split", "plain"): "plain split",
    ("training.patience", "none"): "no early stopping",
    ("training.sampling", "sorted"): "class-sorted batches",
    ("training.sampling", "shuffle"): "shuffled batches",
    ("training.sampling", "replacement"): "batches with replacement",
}

#: Keys whose words need no name in front of them.
_BARE = frozenset(
    {
        "init.scheme",
        "norm.kind",
        "network.activation",
        "optimizer.kind",
        "training.dtype",
        "data.name",
    }
)
#: Keys whose values are paths of files.
_FILES = ("data.path", "data.test_path")
#: Most characters of a list of layers in a title or a legend; more only where two look alike.
_LAYERS_WIDTHS = (28, 44, 70)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number_text(value: float, *, digits: int = 3, plain: bool = False) -> str:
    """Return ``value`` with ``digits`` significant digits, or exactly where it has at most four.

    Numbers below 0.001 and from 100 000 on use a power of ten: ``2.93×10⁻⁴``, or ``2.93e-4`` when
    ``plain``. Integers are never shortened.
    """
    if isinstance(value, int):
        return str(value)
    if value == 0 or value != value or abs(value) == float("inf"):
        return f"{value:g}"
    exact = Decimal(repr(value)).normalize()
    if len(exact.as_tuple().digits) > max(4, digits):
        exact = Decimal(f"{value:.{digits - 1}e}").normalize()
    exponent = exact.adjusted()
    if -3 <= exponent < 5:
        return f"{exact:f}"
    mantissa = f"{exact.scaleb(-exponent).normalize():f}"
    if plain:
        return f"{mantissa}e{exponent}"
    power = "10" + str(exponent).translate(_SUPERSCRIPTS)
    return power if mantissa == "1" else f"{mantissa}×{power}"


def join_words(words: Sequence[str]) -> str:
    """Return words as people list them: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def key_name(config: Config, swept: Iterable[str], key: str) -> str:
    """Return the short name of a config key: ``W`` for the std of weights, ``gain``, ``lr``."""
    if key == "init.scale":
        if "init.scheme" in swept:
            return "scale"
        return "W" if config.init.scheme == "normal" else "gain"
    return _NAMES.get(key, key.rpartition(".")[2].replace("_", " "))


def value_labels(
    config: Config, axes: Mapping[str, Sequence[Any]], key: str, *, plain: bool = False
) -> dict[Any, str]:
    """Return a label for each value of the axis ``key``: ``W = 0.0631``, ``batch norm``.

    Labels of different values differ. ``plain`` keeps them within ASCII.
    """
    values = axes[key]
    texts: list[str] = []
    widths = dict(enumerate((*options_width(values, plain), *_LAYERS_WIDTHS)))
    for attempt, digits in enumerate(range(3, 18)):
        width = widths.get(attempt)
        texts = [_value_text(key, value, digits, plain, width) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    name = key_name(config, axes, key)
    return {
        value: text if (key, value) in _PHRASES or key in _BARE else f"{name} = {text}"
        for value, text in zip(values, texts, strict=True)
    }


def _value_text(key: str, value: Any, digits: int, plain: bool, width: int | None) -> str:
    phrase = _PHRASES.get((key, value))
    if phrase is not None:
        return phrase
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return number_text(value, digits=digits, plain=plain)
    if isinstance(value, tuple | list):
        return layers_text(value, plain=plain, width=width)
    if key in _FILES and width:  # the whole path only where two files have one name
        return PurePath(value).name
    if key == "data.name" and value in DATASETS:
        return DATASETS[value].title
    return str(value).replace("_", " ")


def value_text(key: str, value: Any) -> str:
    """Return a value in a few words, for a tick of an axis: ``batch norm``, ``100×2``."""
    return _value_text(key, value, 3, False, 14)


def phrase(key: str, value: Any) -> str:
    """Return the words for a value that is a word: ``ReLU`` for ``network.activation: relu``."""
    return _value_text(key, value, 3, False, None)
