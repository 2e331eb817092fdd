"""The examples that a worker has read, whatever engine it belongs to."""

from __future__ import annotations

from bnexp.config.network import facts_of, network_spec
from bnexp.data import Dataset
from bnexp.data.files import verify_data
from bnexp.data.layout import drop_unused_features
from bnexp.data.prepare import load_prepared
from bnexp.engines.base import Workplace, needed_examples
from bnexp.plan.work import Run, Stack


class DataShelf:
    """Keeps the examples that the last stack used: most sweeps need them once."""

    def __init__(self) -> None:
        self._key: object = None
        self._dataset: Dataset | None = None
        self.is_verified = False

    def load(self, stack: Stack, workplace: Workplace) -> Dataset:
        """Return the examples that the stack's runs need. Raises DatasetError."""
        config = stack.runs[0].config
        spec = needed_examples(config)
        augmented = bool(config.augmentation.flip or config.augmentation.shift)
        takes_images = len(network_spec(config).input_shape) == 3
        key = (spec, config.training.dtype, augmented, takes_images)
        if self._dataset is None or key != self._key:
            self._dataset = None  # two large ones at once may be too much
            dataset = load_prepared(
                spec,
                config.training.dtype,
                data_dir=workplace.data_dir,
                verified=workplace.verified,
                shared=workplace.shared,
                keep_raw=augmented,
            )
            # Features may be rearranged where a layer sees them as a list.
            keeps_order = augmented or takes_images
            self._dataset = dataset if keeps_order else drop_unused_features(dataset)
            self._key = key
            self.is_verified = not workplace.verified
        return self._dataset

    def verify(self, run: Run, workplace: Workplace) -> None:
        """Verify the files of the loaded dataset, once, where the driver was left to do it.

        A checkpoint may outlive a driver that was killed before it knew. Raises DatasetError.
        """
        if not self.is_verified:
            spec = needed_examples(run.config)
            verify_data(spec, facts_of(run.config.data), data_dir=workplace.data_dir)
            self.is_verified = True
