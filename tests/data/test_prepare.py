"""What a config asks of its examples: split, label noise, scaling; at once or when gathered."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from made_up_data import load_prepared, made_up, prepared, spec

from bnexp.data import load_dataset
from bnexp.data.dataset import Part
from bnexp.data.layout import drop_unused_features
from bnexp.data.prepare import is_large
from bnexp.data.rows import RawRows
from bnexp.data.split import hold_out, with_noise
from bnexp.errors import DatasetError

PARTS: tuple[Part, ...] = ("train", "val", "test")
#: Of the labels 0, 1, 2, 0, 1, 2...: held out plainly, held out by class, and labels with noise.
PINNED = ([0, 1, 5, 6], [0, 1, 5, 6], [0, 1, 1, 0, 2, 0, 2, 2, 2, 2, 1, 2])


def test_with_nothing_asked_for_it_is_load_dataset_bit_for_bit():
    for dtype in (np.float32, np.float64):
        whole = load_dataset("digits", train=1000, test=100, dtype=dtype)
        other = load_prepared(spec(), dtype)
        for name in ("x_train", "y_train", "x_test", "y_test"):
            assert np.array_equal(getattr(whole, name), getattr(other, name))
            assert getattr(whole, name).dtype == getattr(other, name).dtype
        assert other.x_val.shape == (0, 64)
        assert other.y_val.shape == (0,)


class TestSplit:
    labels = np.random.default_rng(1).choice(4, 237, p=[0.6, 0.3, 0.08, 0.02])

    @pytest.mark.parametrize("kind", ["stratified", "plain"])
    @pytest.mark.parametrize("count", [1, 2, 50, 118, 236])
    def test_parts_are_disjoint_complete_in_order_and_as_large_as_asked(self, kind, count):
        trained, held = hold_out(self.labels, count, kind=kind, seed=0)
        assert len(held) == count
        assert np.array_equal(np.sort(np.concatenate([trained, held])), np.arange(237))
        assert (np.diff(trained) > 0).all()
        assert (np.diff(held) > 0).all()

    @pytest.mark.parametrize("count", [1, 50, 118, 200])
    def test_stratified_keeps_shares_to_within_one(self, count):
        _, held = hold_out(self.labels, count, kind="stratified", seed=0)
        exact = np.bincount(self.labels) * count / len(self.labels)
        assert (np.abs(np.bincount(self.labels[held], minlength=4) - exact) < 1).all()

    def test_largest_remainders(self):
        labels = np.repeat([0, 1, 2], [10, 7, 3])  # of 10 are held out: 5, 3.5, 1.5; a tie
        _, held = hold_out(labels, 10, kind="stratified", seed=0)
        assert np.bincount(labels[held]).tolist() == [5, 4, 1]
        labels = np.repeat([0, 1, 2], [5, 3, 2])  # of 4: 2, 1.2, 0.8
        _, held = hold_out(labels, 4, kind="stratified", seed=0)
        assert np.bincount(labels[held]).tolist() == [2, 1, 1]

    def test_pinned(self):
        """Part of every result: another draw is another experiment."""
        labels = np.arange(12) % 3
        plain = hold_out(labels, 4, kind="plain", seed=0)[1].tolist()
        stratified = hold_out(labels, 4, kind="stratified", seed=0)[1].tolist()
        noisy = with_noise(labels, 0.5, classes=3, seed=0).tolist()
        assert (plain, stratified, noisy) == PINNED

    @pytest.mark.parametrize("kind", ["stratified", "plain"])
    def test_another_seed_is_another_draw(self, kind):
        draws = {tuple(hold_out(self.labels, 50, kind=kind, seed=s)[1]) for s in range(5)}
        assert len(draws) == 5

    @pytest.mark.parametrize("keep_raw", [False, True])
    def test_the_dataset_has_the_parts(self, keep_raw):
        raw = made_up()
        data = prepared(raw, validation=300, standardize="none", keep_raw=keep_raw)
        trained, held = hold_out(raw.y_train, 300, kind="stratified", seed=0)
        assert np.array_equal(data.rows("train"), raw.x_train[trained])
        assert np.array_equal(data.rows("val"), raw.x_train[held])
        assert np.array_equal(data.rows("test"), raw.x_test)
        assert np.array_equal(data.labels("train"), raw.y_train[trained])
        assert np.array_equal(data.labels("val"), raw.y_train[held])

    def test_too_few_examples(self):
        with pytest.raises(DatasetError, match="1297 training and 100 test examples where 1298"):
            load_prepared(spec(train=1200, validation=98), np.float32)


class TestLabelNoise:
    labels = np.random.default_rng(2).integers(0, 4, 4000)

    @pytest.mark.parametrize("share", [0.0, 0.0001, 0.25, 0.9999, 1.0])
    def test_exactly_the_share_is_replaced_always_by_another_class(self, share):
        noisy = with_noise(self.labels, share, classes=4, seed=0)
        assert (noisy != self.labels).sum() == round(share * 4000)
        assert set(noisy) <= set(range(4))

    def test_every_other_class_is_as_likely(self):
        noisy = with_noise(self.labels, 1.0, classes=4, seed=0)
        counts = np.zeros((4, 4), int)
        np.add.at(counts, (self.labels, noisy), 1)
        assert np.diag(counts).sum() == 0
        assert (np.abs(counts[~np.eye(4, dtype=bool)] - 333) < 70).all()

    def test_more_noise_keeps_what_less_has_replaced(self):
        little, much = (with_noise(self.labels, s, classes=4, seed=0) for s in (0.1, 0.4))
        replaced = little != self.labels
        assert np.array_equal(little[replaced], much[replaced])

    def test_only_labels_to_train_on_get_it(self):
        raw = made_up()
        clean, noisy = (prepared(raw, validation=500, label_noise=s) for s in (0.0, 0.5))
        assert (clean.y_train != noisy.y_train).sum() == 1000
        for name in ("y_val", "y_test", "x_train", "x_val"):
            assert np.array_equal(getattr(clean, name), getattr(noisy, name))


class TestStandardize:
    @pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
    @pytest.mark.parametrize("validation", [0, 700])
    def test_against_numpy(self, kind, validation):
        raw = made_up(kind)
        trained = hold_out(raw.y_train, validation, kind="stratified", seed=0)[0]
        x = raw.x_train[trained].astype(np.float64)
        images = x.reshape(-1, 3, 2, 4)
        shape = (1, 3, 2, 4)
        axes = {"channel": (0, 1, 3), "pixel": (0,)}
        for name, axis in axes.items():
            mean = np.broadcast_to(images.mean(axis, keepdims=True), shape).reshape(1, -1)
            std = np.broadcast_to(images.std(axis, keepdims=True), shape).reshape(1, -1).copy()
            constant = np.ptp(x, axis=0) == 0
            std[0, constant if name == "pixel" else []] = np.inf
            data = prepared(raw, np.float64, validation=validation, standardize=name)
            for part in PARTS:
                stored = raw.x_test if part == "test" else raw.x_train
                if part != "test":
                    stored = stored[hold_out_of(raw, validation)[part]]
                expected = (stored - mean) / std
                assert np.allclose(data.rows(part), expected, rtol=0, atol=1e-13)
            assert constant.sum() == 1
            if name == "pixel":
                assert not data.rows("train")[:, constant].any()
        data = prepared(raw, np.float64, validation=validation, standardize="unit")
        assert (data.x_train.min(), data.x_train.max()) == (0, 1)
        unit = (raw.x_test - x.min()) / (x.max() - x.min())
        assert np.allclose(data.x_test, unit, rtol=0, atol=1e-14)

    def test_features_that_are_no_image_are_one_channel(self):
        raw = made_up(np.float64)
        flat = dataclasses.replace(raw, facts=dataclasses.replace(raw.facts, shape=(24,)))
        x = prepared(flat, np.float64, standardize="channel").x_train
        assert abs(x.mean()) < 1e-12
        assert x.std() == pytest.approx(1)

    @pytest.mark.parametrize("kind", [np.uint8, np.float64])
    @pytest.mark.parametrize("standardize", ["unit", "channel", "pixel"])
    def test_what_is_constant_becomes_zero(self, kind, standardize):
        value = 10 if kind == np.uint8 else 0.1  # whose mean is 0.09999999999999999
        raw = made_up(kind)
        raw = dataclasses.replace(raw, x_train=np.full_like(raw.x_train, value))
        assert not prepared(raw, standardize=standardize).x_train.any()

    def test_sums_of_bytes_are_exact(self):
        """A mean far from 0 with a small deviation, where E[x^2] - mean^2 cancels."""
        raw = made_up()
        x = np.full((2500, 24), 254, np.uint8)
        x[0] = 255
        data = prepared(dataclasses.replace(raw, x_train=x), np.float64, standardize="pixel")
        deviation = np.sqrt(1 / 2500 * (1 - 1 / 2500))
        assert np.allclose(data.x_train[0], (1 - 1 / 2500) / deviation, rtol=1e-12)

    def test_built_in_pixels_are_divided_by_their_top(self):
        raw = made_up(top=255)
        expected = np.divide(raw.x_train, 255, dtype=np.float32)
        assert np.array_equal(prepared(raw, standardize="unit").x_train, expected)
        assert np.array_equal(prepared(raw, standardize="none").x_train, raw.x_train)


def hold_out_of(raw, validation):
    trained, held = hold_out(raw.y_train, validation, kind="stratified", seed=0)
    return {"train": trained, "val": held}


class TestKeptAsStored:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64, np.int64])
    @pytest.mark.parametrize("top", [None, 255])
    @pytest.mark.parametrize("standardize", ["none", "unit", "channel", "pixel"])
    def test_the_bits_are_the_same(self, dtype, kind, top, standardize):
        raw = made_up(kind, top=top)
        options = {"standardize": standardize, "validation": 1100}
        once, later = (prepared(raw, dtype, keep_raw=keep, **options) for keep in (False, True))
        for part in PARTS:
            rows = once.rows(part)
            assert rows.dtype == dtype
            assert np.array_equal(later.rows(part), rows)
            assert np.array_equal(later.rows(part, 13, 57), rows[13:57])
            x = getattr(later, f"x_{part}")
            assert isinstance(x, RawRows)
            assert (len(x), x.shape, x.dtype) == (len(rows), rows.shape, dtype)
            indices = np.random.default_rng(0).integers(0, len(rows), 300)
            stored = np.empty((300, 24), kind)
            numbers = np.empty((300, 24), dtype)
            x.take(indices, stored)
            x.convert(stored, numbers)
            assert np.array_equal(numbers, rows[indices])

    def test_rows_are_not_copied_and_read_only(self):
        raw = made_up()
        data = prepared(raw, keep_raw=True, validation=100)
        for x in (data.x_train, data.x_val):
            assert isinstance(x, RawRows)
            assert np.shares_memory(x.raw, raw.x_train)
            with pytest.raises(ValueError, match="read-only"):
                x.raw[0] = 0
        for part in PARTS:
            with pytest.raises(ValueError, match="read-only"):
                data.labels(part)[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            prepared(raw).rows("train")[0] = 0

    def test_what_is_large_is_kept_as_stored(self, monkeypatch):
        assert not is_large(spec(), np.float32)
        assert is_large(spec(name="cifar10", train=50_000, test=0), np.float32)
        assert not is_large(spec(name="mnist", train=60_000, test=10_000), np.float32)
        size = 1100 * 64 * 4
        for limit, kept in ((size, False), (size - 1, True)):
            monkeypatch.setattr("bnexp.data.prepare.LARGEST", limit)
            data = load_prepared(spec(), np.float32)
            assert isinstance(data.x_train, RawRows) is kept
        whole = load_dataset("digits", train=1000)
        assert np.array_equal(data.rows("train"), whole.rows("train"))

    @pytest.mark.parametrize("standardize", ["unit", "pixel", "channel"])
    def test_unused_features_can_be_dropped_either_way(self, standardize):
        options = {"standardize": standardize, "train": 900, "validation": 100}
        once = drop_unused_features(load_prepared(spec(**options), np.float32))
        later = drop_unused_features(load_prepared(spec(**options), np.float32, keep_raw=True))
        assert (once.order is None) is (standardize == "channel")
        for part in PARTS:
            assert np.array_equal(once.rows(part), later.rows(part))
            assert len(later.rows(part)) == len(later.labels(part)) > 0
        if once.order is not None and later.order is not None:
            assert np.array_equal(once.order, later.order)
            whole = load_prepared(spec(**options), np.float32)
            assert np.array_equal(once.rows("val"), whole.x_val[:, once.order])
            train = once.rows("train")
            used, unused = np.split(once.order, [train.shape[1]])
            assert np.array_equal(train, whole.x_train[:, used])
            assert not whole.x_train[:, unused].any()
