"""Mini-batches: who sees what, and that it depends on seed and epoch alone."""

from __future__ import annotations

import numpy as np
import pytest

from bnexp.data.batches import Batches

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


@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
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
