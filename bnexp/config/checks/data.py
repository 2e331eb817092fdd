"""Conflicts of the keys that say which examples are used, and what is done to them."""

from __future__ import annotations

from collections.abc import Iterator

from bnexp.config.checks.conflict import DATA_KEYS, Conflict
from bnexp.config.network import (
    evaluated_validation,
    facts_of,
    taken_size,
    test_size,
    train_size,
    validation_size,
)
from bnexp.config.schema import Config

_TAKEN = ("data.validation", "data.train", *DATA_KEYS)


def find_path_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of ``data.path`` and ``data.test_path`` with the dataset's name."""
    data = config.data
    if data.is_own and data.path is None:
        what = f"{data.name} needs the path of its file; set data.path"
        yield Conflict(("data.path", "data.name"), what)
    for key, path in (("data.path", data.path), ("data.test_path", data.test_path)):
        if path is not None and not data.is_own:
            what = f"{data.name} has no file of yours; leave it out, or set data.name: npz or csv"
            yield Conflict((key, "data.name"), what)
    if data.name == "npz" and data.test_path is not None:
        what = "an npz file holds its test examples itself; leave it out (csv has a second file)"
        yield Conflict(("data.test_path", "data.name"), what)


def find_data_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts of counts of examples, and of what needs images."""
    yield from _train_conflicts(config)
    yield from _test_conflicts(config)
    yield from _validation_conflicts(config)
    yield from _image_conflicts(config)


def _train_conflicts(config: Config) -> Iterator[Conflict]:
    dataset, asked = facts_of(config.data), config.data.train
    evaluated, size = config.evaluate.train, train_size(config)
    if isinstance(asked, int) and asked > dataset.train:
        known = f"{dataset.train:,}"
        what = f"{asked:,} examples, but {dataset.title} has {known}; allowed: 1 to {known}, or all"
        yield Conflict(("data.train", *DATA_KEYS), what)
    elif isinstance(evaluated, int) and evaluated > size > 0:
        trained = (
            f"{size:,} are trained on" if config.data.validation else f"data.train is {size:,}"
        )
        what = f"{evaluated:,} examples, but {trained}; allowed: 1 to {size:,}, or all"
        yield Conflict(("evaluate.train", *_TAKEN), what)


def _test_conflicts(config: Config) -> Iterator[Conflict]:
    dataset, asked = facts_of(config.data), config.data.test
    evaluated, size = config.evaluate.test, test_size(config)
    if not dataset.test:
        if evaluated != "none":
            remedy = ", or give data.test_path" if config.data.name == "csv" else ""
            what = f"{dataset.title} has no test examples; set evaluate.test: none{remedy}"
            yield Conflict(("evaluate.test", *DATA_KEYS), what)
    elif isinstance(asked, int) and asked > dataset.test:
        known = f"{dataset.test:,}"
        what = f"{asked:,} examples, but {dataset.title} has {known}; allowed: 1 to {known}, or all"
        yield Conflict(("data.test", *DATA_KEYS), what)
    elif isinstance(evaluated, int) and evaluated > size:
        what = f"{evaluated:,} examples, but data.test is {size:,}; allowed: 1 to {size:,}, or all"
        yield Conflict(("evaluate.test", "data.test", *DATA_KEYS), what)


def _validation_conflicts(config: Config) -> Iterator[Conflict]:
    taken, size, classes = (
        taken_size(config),
        validation_size(config),
        facts_of(config.data).classes,
    )
    evaluated = evaluated_validation(config)
    if size >= taken > 0 and size:
        what = f"{size:,} of {taken:,} examples leave none to train on; allowed: 0 to {taken - 1:,}"
        yield Conflict(_TAKEN, what)
    elif size and config.data.split == "stratified" and min(size, taken - size) < classes:
        what = (
            f"{size:,} for validation and {taken - size:,} to train on cannot both hold an example "
            f"of each of {classes} classes; change the number, or set data.split: plain"
        )
        yield Conflict((*_TAKEN, "data.split"), what)
    if not size and evaluated != "none":
        what = "there are no validation examples; set data.validation, such as 0.1"
        yield Conflict(("evaluate.validation", "data.validation"), what)
    elif isinstance(evaluated, int) and evaluated > size:
        what = f"{evaluated:,} examples, but {size:,} are held out; allowed: 1 to {size:,}, or all"
        yield Conflict(("evaluate.validation", *_TAKEN), what)


def _image_conflicts(config: Config) -> Iterator[Conflict]:
    dataset, varied = facts_of(config.data), config.augmentation
    if not dataset.is_images:
        for key, is_set in (("flip", varied.flip), ("shift", varied.shift > 0)):
            if is_set:
                what = f"only images are varied, and {dataset.title} holds none; leave it out"
                yield Conflict((f"augmentation.{key}", *DATA_KEYS), what)
        if config.data.resolved_standardize == "channel":
            what = f"{dataset.title} has no channels; pixel standardises each feature"
            yield Conflict(("data.standardize", *DATA_KEYS), what)
    elif varied.shift >= min(dataset.shape[:2]):
        height, width = dataset.shape[:2]
        most = min(height, width) - 1
        what = f"{varied.shift:,} leaves nothing of {height} x {width} pixels; allowed: 0 to {most}"
        yield Conflict(("augmentation.shift", *DATA_KEYS), what)
