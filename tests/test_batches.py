"""Mini-batches: who sees what, and that it depends on seed and epoch alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bnexp.data.batches import Batches
from bnexp.data.rows import RawRows, Scaling

X = np.arange(23 * 3, dtype=np.float32).reshape(23, 3)
Y = np.arange(23)


def epoch(seeds, number=0, **options):
    settings = {"batch_size": 5, "sampling": "shuffle", "drop_last": False, **options}
    return [(b.gather().copy(), b.labels) for b in Batches(X, Y, seeds, **settings).epoch(number)]


def test_shuffle_visits_every_example_once():
    batches = epoch([0])
    assert [y.shape[1] for _, y in batches] == [5, 5, 5, 5, 3]
    assert sorted(np.concatenate([y[0] for _, y in batches])) == list(range(23))


def test_examples_and_labels_belong_together():
    for x, y in epoch([0, 1]):
        assert np.array_equal(x, X[y].transpose(0, 2, 1))


@pytest.mark.parametrize(
    "options", [{"drop_last": True}, {"sampling": "replacement", "drop_last": False}]
)
def test_whole_batches_only(options):
    assert [y.shape for _, y in epoch([0], **options)] == [(1, 5)] * 4


def test_replacement_draws_some_examples_twice():
    drawn = np.concatenate([y[0] for _, y in epoch([0], sampling="replacement")])
    assert len(set(drawn)) < len(drawn)


def test_runs_of_one_seed_share_a_batch():
    assert all(x.shape[0] == y.shape[0] == 1 for x, y in epoch([4, 4, 4]))


@pytest.mark.parametrize("sampling", ["shuffle", "replacement", "sorted"])
def test_a_seed_sees_the_same_in_any_company(sampling):
    alone = epoch([4], 2, sampling=sampling)
    beside = epoch([1, 4, 9, 4], 2, sampling=sampling)
    for (x, y), (many_x, many_y) in zip(alone, beside, strict=True):
        for k in (1, 3):
            assert np.array_equal(x[0], many_x[k])
            assert np.array_equal(y[0], many_y[k])


def test_epochs_and_seeds_differ():
    orders = [
        np.concatenate([y[0] for _, y in epoch([seed], n)]) for seed, n in [(0, 0), (0, 1), (1, 0)]
    ]
    assert len({tuple(order) for order in orders}) == 3


class TestSorted:
    labels = np.random.default_rng(5).choice(3, 23, p=[0.5, 0.3, 0.2])

    def epoch(self, seeds, number=0, drop_last=False):
        source = Batches(
            X, self.labels, seeds, batch_size=5, sampling="sorted", drop_last=drop_last
        )
        return list(source.epoch(number))

    def test_every_example_comes_once_and_the_smaller_batch_last(self):
        batches = self.epoch([0, 3])
        assert [b.indices.shape for b in batches] == [(2, 5)] * 4 + [(2, 3)]
        for k in range(2):
            assert sorted(np.concatenate([b.indices[k] for b in batches])) == list(range(23))

    def test_batches_are_the_pieces_of_a_sorted_epoch(self):
        """Each is sorted, and no class but those at its ends is in another batch, too."""
        for number in range(20):
            batches = [b.labels[0] for b in self.epoch([0], number)]
            assert all((np.diff(labels) >= 0).all() for labels in batches)
            ends = sorted((labels[0], labels[-1]) for labels in batches)
            assert all(one[1] <= two[0] for one, two in itertools.pairwise(ends))

    def test_batches_and_the_place_of_the_smaller_one_are_mixed(self):
        first = {self.epoch([0], number)[0].labels[0, 0] for number in range(20)}
        last = {self.epoch([0], number)[-1].labels[0, 0] for number in range(20)}
        assert first == last == {0, 1, 2}

    def test_whole_batches_only(self):
        batches = self.epoch([0], drop_last=True)
        assert [b.indices.shape for b in batches] == [(1, 5)] * 4
        shuffled = Batches(X, Y, [0], batch_size=5, sampling="shuffle", drop_last=True)
        kept = np.concatenate([b.indices[0] for b in shuffled.epoch(0)])
        assert set(np.concatenate([b.indices[0] for b in batches])) == set(kept)

    def test_a_batch_larger_than_all_examples(self):
        source = Batches(X, self.labels, [0], batch_size=50, sampling="sorted", drop_last=False)
        (batch,) = source.epoch(0)
        assert np.array_equal(batch.labels[0], np.sort(self.labels))


@pytest.mark.parametrize("index", [None, np.arange(22, -1, -1)])
def test_rows_kept_as_stored_are_converted_when_gathered(index):
    raw = np.random.default_rng(0).integers(0, 256, (23, 3)).astype(np.uint8)
    scaling = Scaling(np.array([3.0, 4, 5]), np.array([7.0, 8, np.inf]))
    kept = RawRows(raw, scaling, np.float32, index)
    once = kept[:]
    for seeds in ([0], [0, 1]):
        sources = [
            Batches(x, Y, seeds, batch_size=5, sampling="shuffle", drop_last=False)
            for x in (kept, once)
        ]
        for one, other in zip(*(source.epoch(0) for source in sources), strict=True):
            x, same = one.gather(), other.gather()
            assert x.dtype == same.dtype == np.float32
            assert np.array_equal(x, same)
            assert x.strides == same.strides
