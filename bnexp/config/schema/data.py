"""The sections that say what is learned from: the examples, and how they are varied."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bnexp.config.schema.base import Border, CountOrAll, CountOrShare, Section, Seed, WholeShare

Path = Annotated[str, Field(min_length=1)]
Standardize = Literal["none", "unit", "channel", "pixel"]


class DataConfig(Section):
    """Which examples: a dataset, and how many of its first examples to use.

    ``npz`` and ``csv`` are a user's own: ``path`` is the file, ``test_path`` a second CSV file with
    the test examples. ``validation`` takes examples out of the ``train`` ones, a number or a share,
    by a draw of ``seed``; ``stratified`` keeps the shares of the classes.

    ``standardize``: ``unit`` scales to [0, 1] (the default of built-in datasets; ``none`` that of a
    user's own), ``channel`` and ``pixel`` then subtract the mean and divide by the standard
    deviation of the training examples. ``label_noise`` is the share of training labels replaced by
    other classes.
    """

    name: Literal["digits", "mnist", "fashion-mnist", "cifar10", "npz", "csv"] = "digits"
    train: CountOrAll = "all"
    test: CountOrAll = "all"
    path: Path | None = None
    test_path: Path | None = None
    validation: CountOrShare = 0
    split: Literal["stratified", "plain"] = "stratified"
    seed: Seed = 0
    standardize: Standardize | None = None
    label_noise: WholeShare = 0.0

    @property
    def is_own(self) -> bool:
        """Whether the data are a user's own files."""
        return self.name in ("npz", "csv")

    @property
    def resolved_standardize(self) -> Standardize:
        """The scaling with its default filled in."""
        return self.standardize or ("none" if self.is_own else "unit")


class AugmentationConfig(Section):
    """How the images of a mini-batch are varied in training, and there only.

    ``flip`` mirrors each image left-right with probability 1/2; ``shift`` moves it by up to so many
    pixels each way, with zeros from outside.
    """

    flip: bool = False
    shift: Border = 0
