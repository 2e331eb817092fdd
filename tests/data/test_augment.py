"""Mirrored and shifted images: what happens to each, how often, and in whose company."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_data import made_up, prepared

from bnexp.data.augment import Augmentation, Changes
from bnexp.data.batches import Batches
from bnexp.data.rows import RawRows

SHAPE = (5, 3, 4)


def naive(images, changes, *, flip):
    """Move every pixel by itself."""
    out = np.zeros_like(images)
    for image, moved, mirrored, down, right in zip(
        images, out, changes.mirrored, changes.down, changes.right, strict=True
    ):
        height, _, width = image.shape
        for row in range(height):
            for column in range(width):
                source = width - 1 - column if flip and mirrored else column
                if 0 <= row + down < height and 0 <= column + right < width:
                    moved[row + down, :, column + right] = image[row, :, source]
    return out


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("shift", [0, 1, 2, 7])
def test_pixels_go_where_they_should(flip, shift):
    augmentation = Augmentation(SHAPE, flip=flip, shift=shift)
    rng = np.random.default_rng(0)
    # The same buffers are used again.
    for count, kind in ((40, np.uint8), (7, np.uint8), (40, np.uint8), (30, np.float32)):
        images = (rng.integers(1, 256, (count, *SHAPE)) * 0.75).astype(kind)
        changes = augmentation.draw(0, 0, 100)[30 : 30 + count]
        rows = images.reshape(count, -1).copy()
        augmentation.apply(rows, changes)
        if not shift:
            assert not changes.down.any()
        assert np.array_equal(rows.reshape(images.shape), naive(images, changes, flip=flip))


def test_by_hand():
    augmentation = Augmentation((2, 1, 3), flip=True, shift=1)
    rows = np.array([[1, 2, 3, 4, 5, 6]] * 3)
    changes = Changes(np.array([0, 1, 1], bool), np.array([1, 0, -1]), np.array([0, 1, 0]))
    augmentation.apply(rows, changes)
    assert rows.tolist() == [[0, 0, 0, 1, 2, 3], [0, 3, 2, 0, 6, 5], [6, 5, 4, 0, 0, 0]]


def test_half_are_mirrored_and_all_shifts_are_as_likely():
    changes = Augmentation(SHAPE, flip=True, shift=2).draw(0, 0, 20_000)
    assert abs(changes.mirrored.mean() - 0.5) < 0.02
    places = np.zeros((5, 5), int)
    np.add.at(places, (changes.down + 2, changes.right + 2), 1)
    assert (np.abs(places - 800) < 150).all()


def test_seeds_and_epochs_differ_and_flips_leave_shifts_alone():
    both, shifts = (Augmentation(SHAPE, flip=flip, shift=2) for flip in (True, False))
    draws = [both.draw(*key, 50) for key in ((0, 0), (0, 1), (1, 0))]
    assert len({draw.down.tobytes() for draw in draws}) == 3
    assert np.array_equal(draws[0].down, shifts.draw(0, 0, 50).down)


def batches(seeds, epoch, raw, **options):
    data = prepared(raw, keep_raw=True, standardize="pixel", **options)
    height, width, channels = raw.facts.shape
    augmentation = Augmentation((height, channels, width), flip=True, shift=1)
    source = Batches(
        data.x_train,
        data.y_train,
        seeds,
        batch_size=64,
        sampling="shuffle",
        drop_last=False,
        augmentation=augmentation,
    )
    return [(batch, batch.gather().copy()) for batch in source.epoch(epoch)]


class TestInBatches:
    raw = made_up(train=300, test=0)

    def test_stored_images_are_changed_then_scaled(self):
        """A pixel that a shift brings in is a stored 0, scaled like any pixel of its place."""
        data = prepared(self.raw, keep_raw=True, standardize="pixel")
        draw = Augmentation((3, 2, 4), flip=True, shift=1).draw(4, 2, 300)
        assert isinstance(data.x_train, RawRows)
        for number, (batch, x) in enumerate(batches([4], 2, self.raw)):
            part = draw[64 * number : 64 * (number + 1)]
            stored = self.raw.x_train[batch.indices[0]].reshape(-1, 3, 2, 4)
            moved = naive(stored, part, flip=True).reshape(len(stored), -1)
            expected = np.empty(moved.shape, np.float32)
            data.x_train.convert(moved, expected)
            assert np.array_equal(x[0], expected.T)

    def test_a_seed_sees_the_same_in_any_company(self):
        alone = batches([4], 2, self.raw)
        beside = batches([1, 4, 9, 4], 2, self.raw)
        for (_, x), (_, many) in zip(alone, beside, strict=True):
            assert np.array_equal(x[0], many[1])
            assert np.array_equal(x[0], many[3])
            assert not np.array_equal(x[0], many[0])

    def test_an_epoch_is_the_same_whatever_came_before(self):
        """A resume begins at the start of an epoch."""
        data = prepared(self.raw, keep_raw=True)
        source = Batches(
            data.x_train,
            data.y_train,
            [0],
            batch_size=64,
            sampling="shuffle",
            drop_last=False,
            augmentation=Augmentation((3, 2, 4), flip=True, shift=1),
        )
        runs = []
        for before in ([], [0], [0, 1]):
            for epoch in before:
                for batch in source.epoch(epoch):
                    batch.gather()
            runs.append(np.concatenate([b.gather()[0].T.copy() for b in source.epoch(2)]))
        assert np.array_equal(runs[0], runs[1])
        assert np.array_equal(runs[0], runs[2])

    def test_the_stored_rows_stay_as_they_are(self):
        before = self.raw.x_train.copy()
        batches([0, 1], 0, self.raw)
        assert np.array_equal(before, self.raw.x_train)

    def test_converted_rows_are_refused(self):
        data = prepared(self.raw)
        with pytest.raises(ValueError, match="kept as stored"):
            Batches(
                data.x_train,
                data.y_train,
                [0],
                batch_size=9,
                sampling="shuffle",
                drop_last=False,
                augmentation=Augmentation((3, 2, 4), flip=True, shift=0),
            )
