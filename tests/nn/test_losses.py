"""Softmax cross-entropy: gradients, naive values, PyTorch's values, extreme logits, ties."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from gradcheck import assert_gradients
from images import reference
from stacks import OneBatch

from bnexp.nn import SoftmaxCrossEntropy
from bnexp.nn.layer import Array
from bnexp.nn.losses import TrainingLoss

VALUES = json.loads((Path(__file__).parent / "fixtures/torch_values.json").read_text("utf-8"))


def measure(logits: Array, labels: list[list[int]]) -> tuple[Array, Array, Array]:
    """Return summed losses, right answers and the gradient of the mean."""
    return measure_smoothed(logits, np.array(labels), None)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("runs", [1, 3])
def test_gradients(runs: int, shared: bool) -> None:
    rng = np.random.default_rng(1)
    logits = 2 * rng.standard_normal((runs, 4, 6))
    labels = rng.integers(0, 4, (1 if shared else runs, 6))

    def objective() -> Array:
        return SoftmaxCrossEntropy().measure(logits.copy(), labels)[0] / 6

    loss = OneBatch()
    loss.measure(logits.copy(), labels)
    assert_gradients(objective, {"logits": (logits, loss.gradient())})


def test_against_a_naive_loop() -> None:
    rng = np.random.default_rng(2)
    logits, labels = rng.standard_normal((2, 4, 5)), rng.integers(0, 4, (2, 5))
    losses, right, gradient = measure(logits, labels.tolist())
    for k in range(2):
        total, hits = 0.0, 0
        for b in range(5):
            column = logits[k, :, b].tolist()
            sum_of_exponentials = math.fsum(math.exp(z) for z in column)
            total += math.log(sum_of_exponentials) - column[labels[k, b]]
            hits += column.index(max(column)) == labels[k, b]
            for c in range(4):
                share = math.exp(column[c]) / sum_of_exponentials
                expected = (share - (c == labels[k, b])) / 5
                assert gradient[k, c, b] == pytest.approx(expected, rel=1e-12)
        assert losses[k] == pytest.approx(total, rel=1e-13)
        assert right[k] == hits


def test_against_pytorch() -> None:
    expected = VALUES["cross_entropy"]
    losses, _, gradient = measure(np.array(expected["logits"])[None], [expected["labels"]])
    assert losses[0] == pytest.approx(expected["sum"], rel=1e-13)
    np.testing.assert_allclose(gradient[0], expected["gradient_of_mean"], rtol=1e-11, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits(dtype: type) -> None:
    logits: Array = np.array([[[1e4, -1e4], [-1e4, 1e4], [0, 0]]], dtype)
    losses, right, gradient = measure(logits, [[0, 1]])
    assert losses == [0]
    assert right == [2]
    assert (gradient == 0).all()
    losses, right, gradient = measure(logits, [[1, 2]])
    assert losses == [2e4 + 1e4]
    assert right == [0]
    np.testing.assert_array_equal(gradient[0], [[0.5, 0], [-0.5, 0.5], [0, -0.5]])


def test_loss_is_in_float64_and_does_not_lose_small_terms() -> None:
    logits: Array = np.zeros((1, 2, 20_001), np.float32)
    logits[0, 0, 0] = -1e7
    losses, *_ = measure(logits, [[0] * 20_001])
    assert losses.dtype == np.float64
    assert losses[0] == pytest.approx(1e7 + 20_000 * math.log(2), rel=1e-7)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_bad_logits_give_a_loss_that_is_not_finite_in_their_run_only(
    bad: float, label: int
) -> None:
    logits = np.zeros((3, 4, 5), np.float32)
    logits[1, 0, 3] = bad
    losses, *_ = measure(logits, [[label] * 5])
    assert np.isfinite(losses).tolist() == [True, False, True]


def test_minus_infinity_is_probability_0() -> None:
    logits = np.zeros((1, 3, 1), np.float32)
    logits[0, 0] = -np.inf
    assert measure(logits, [[0]])[0] == [np.inf]
    assert measure(logits, [[1]])[0] == pytest.approx(math.log(2))
    assert np.isnan(measure(np.full((1, 3, 1), -np.inf, np.float32), [[1]])[0])


def test_ties_go_to_the_first_class() -> None:
    logits = np.array([[[1.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.0, 2.0, 0.0]]])
    assert measure(logits, [[0, 1, 0]])[1] == [3]
    assert measure(logits, [[1, 2, 2]])[1] == [0]


def test_ties_beside_what_is_not_a_number_are_still_ties() -> None:
    ties = np.zeros((1, 2, 4), np.float32)
    stack = np.concatenate([ties, np.full_like(ties, np.nan), np.full_like(ties, np.inf)])
    assert measure(ties, [[1] * 4])[1] == [0]
    assert measure(stack, [[1] * 4])[1][0] == 0
    assert measure(stack, [[0] * 4])[1][0] == 4
    within = np.array([[[np.nan, 0.0], [0.0, 0.0]]], np.float32)
    assert measure(within, [[0, 1]])[1] <= [1]


def test_each_run_has_its_own_labels() -> None:
    logits = np.array([[[3.0], [0.0]]] * 2)
    losses, right, _ = measure(logits, [[0], [1]])
    assert right.tolist() == [1, 0]
    assert losses[1] - losses[0] == pytest.approx(3)


SHARES = np.array([0.1, 0.0, 1.0, 0.3])


def measure_smoothed(
    logits: Array, labels: Array, smoothing: Array | None
) -> tuple[Array, Array, Array]:
    """Measure as in training; an evaluation must give the same."""
    loss = OneBatch(smoothing)
    with np.errstate(all="ignore"):
        losses, right = loss.measure(logits.copy(), labels)
        evaluated = SoftmaxCrossEntropy(smoothing).measure(logits.copy(), labels)
    assert np.array_equal(evaluated, (losses, right), equal_nan=True)
    return losses, right, loss.gradient().copy()


@pytest.mark.parametrize("runs", [1, 4])
def test_gradients_with_smoothing(runs: int) -> None:
    rng = np.random.default_rng(1)
    logits = 2 * rng.standard_normal((runs, 5, 6))
    labels = rng.integers(0, 5, (1, 6))
    smoothing = SHARES[:runs]

    def objective() -> Array:
        return measure_smoothed(logits, labels, smoothing)[0] / 6

    gradient = measure_smoothed(logits, labels, smoothing)[2]
    assert_gradients(objective, {"logits": (logits, gradient)})


@pytest.mark.parametrize(("name", "values"), reference("smoothing"))
def test_smoothing_against_pytorch(name: str, values: dict[str, Array]) -> None:
    logits = np.repeat(values["logits"].T[None], 2, axis=0)
    smoothing = np.array([0.0, values["share"]])
    losses, _, gradient = measure_smoothed(logits, values["labels"][None], smoothing)
    assert losses[1] == pytest.approx(values["sum"], rel=1e-13)
    np.testing.assert_allclose(gradient[1], values["gradient_of_mean"].T, rtol=1e-11, atol=1e-16)


def test_smoothing_is_the_cross_entropy_with_the_smoothed_target() -> None:
    rng = np.random.default_rng(2)
    logits, labels = rng.standard_normal((4, 5, 7)), rng.integers(0, 5, (4, 7))
    losses, right, gradient = measure_smoothed(logits, labels, SHARES)
    target = np.eye(5)[labels].transpose(0, 2, 1)
    target = (1 - SHARES[:, None, None]) * target + SHARES[:, None, None] / 5
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(losses, -(target * np.log(softmax)).sum(axis=(1, 2)), rtol=1e-13)
    np.testing.assert_allclose(gradient, (softmax - target) / 7, rtol=1e-12, atol=1e-16)
    assert np.array_equal(right, measure_smoothed(logits, labels, None)[1])


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("classes", "batch"), [(10, 100), (10, 97), (100, 32), (3, 1)])
def test_smoothing_alone_and_in_a_stack(classes: int, batch: int, shared: bool) -> None:
    rng = np.random.default_rng((classes, batch))
    logits = (3 * rng.standard_normal((5, classes, batch))).astype(np.float32)
    logits[4] = np.nan
    labels = rng.integers(0, classes, (1 if shared else 5, batch))
    smoothing = np.append(SHARES, 0.2)
    whole = measure_smoothed(logits, labels, smoothing)
    plain = measure_smoothed(logits, labels, None)
    for one, other in zip(whole, plain, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one[1], other[1])  # a share of 0 is off
    for runs in (slice(0, 1), slice(1, 2), slice(1, 4), slice(0, 3)):
        own = labels if shared else labels[runs]
        part = measure_smoothed(logits[runs], own, smoothing[runs])
        for one, other in zip(part, whole, strict=True):
            assert np.array_equal(one, other[runs], equal_nan=True)


def test_without_smoothing_an_infinite_logit_is_no_one_else_s() -> None:
    logits = np.zeros((2, 3, 1))
    logits[:, 1] = -np.inf
    losses, *_ = measure_smoothed(logits, np.array([[0]]), np.array([0.0, 0.1]))
    assert losses[0] == pytest.approx(math.log(2))
    assert losses[1] == np.inf


@pytest.mark.parametrize("smoothing", [None, SHARES])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("unclear", [True, False], ids=["ties and nan", "clear"])
def test_many_batches_are_each_measured_as_alone(
    unclear: bool, shared: bool, smoothing: Array | None
) -> None:
    rng = np.random.default_rng(3)
    classes, size, count = 10, 100, 40 * 100 + 7  # several blocks, and a smaller batch
    labels = rng.integers(0, classes, (1 if shared else 4, count))
    logits = rng.standard_normal((4, classes, count)).astype(np.float32)
    if unclear:
        logits = np.round(2 * logits)
        logits[2, :, 150] = np.nan
    loss = TrainingLoss(SoftmaxCrossEntropy(smoothing))
    loss.start(labels)
    found = []
    for start in range(0, count, size):
        part = slice(start, start + size)
        alone = OneBatch(smoothing)
        expected = alone.measure(logits[..., part].copy(), labels[:, part])
        gradient = loss.gradient(logits[..., part].copy())
        assert np.array_equal(gradient, alone.gradient(), equal_nan=True)
        found.append(expected)
        if start == 0 or loss.is_full:
            losses, right = loss.collect()
            expected_losses, expected_right = (
                np.stack(x, axis=1) for x in zip(*found, strict=True)
            )
            assert np.array_equal(losses, expected_losses, equal_nan=True)
            assert np.array_equal(np.delete(right, 2, axis=0), np.delete(expected_right, 2, axis=0))
            found.clear()
    assert not found


def test_losses_must_be_collected_before_there_are_more() -> None:
    loss = TrainingLoss(SoftmaxCrossEntropy())
    loss.start(np.zeros((1, 6), np.intp))
    loss.gradient(np.zeros((1, 2, 4)))
    with pytest.raises(RuntimeError, match="have not been collected"):
        loss.gradient(np.zeros((1, 2, 2)))


def test_without_counting_no_answer_is_right() -> None:
    loss = TrainingLoss(SoftmaxCrossEntropy(), counts=False)
    loss.start(np.zeros((1, 4), np.intp))
    loss.gradient(np.zeros((1, 2, 4)))
    losses, right = loss.collect()
    assert losses[0, 0] == pytest.approx(4 * math.log(2))
    assert right.tolist() == [[0]]
