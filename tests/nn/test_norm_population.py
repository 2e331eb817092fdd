"""Statistics of all training examples: what is collected, what is left alone, when they count."""

from __future__ import annotations

import numpy as np
import pytest
from norm_cases import BATCH_KINDS, make_norm

from bnexp.nn.layer import Array, Shape
from bnexp.nn.norms import BatchNorm

SHAPES: list[Shape] = [(6,), (3, 4, 2)]
EPS = [0.1, 0.0]


def make_population(kind: str, shape: Shape, **options: object) -> BatchNorm:
    layer = make_norm(kind, shape, EPS, statistics="population", **options)
    assert isinstance(layer, BatchNorm)
    return layer


def batches(shape: Shape, sizes: tuple[int, ...] = (8, 5, 2)) -> list[Array]:
    rng = np.random.default_rng(3)
    return [5 + (1 + i) * rng.standard_normal((2, *shape, n)) for i, n in enumerate(sizes)]


def collect(layer: BatchNorm, data: list[Array]) -> None:
    layer.begin_population()
    for x in data:
        layer.forward(x.astype(layer.workspace.dtype), True)
    layer.end_population()


def by_channel(values: Array) -> Array:
    """Return (K, C, numbers)."""
    if values.ndim == 3:
        return values
    channels = values.shape[2]
    return values.transpose(0, 2, 1, 3, 4).reshape(len(values), channels, -1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", BATCH_KINDS)
def test_evaluation_is_by_the_averages_over_batches(kind: str, shape: Shape) -> None:
    layer = make_population(kind, shape)
    data = batches(shape)
    collect(layer, data)
    mean = np.mean([by_channel(x).mean(axis=2, keepdims=True) for x in data], axis=0)
    var = np.mean([by_channel(x).var(axis=2, keepdims=True, ddof=1) for x in data], axis=0)
    h = (by_channel(data[0]) - mean) / np.sqrt(var + np.array(EPS)[:, None, None])
    expected = layer.params["gamma"] * h + layer.params["beta"]
    found = by_channel(layer.forward(data[0].copy(), False))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", BATCH_KINDS)
def test_collecting_leaves_state_and_gradients_alone(kind: str) -> None:
    layer = make_population(kind, (3, 4, 2))
    data = batches((3, 4, 2))
    layer.backward(layer.forward(data[0].copy(), True).copy())
    before = {**layer.stats, **layer.grads}
    before = {name: array.copy() for name, array in before.items()}
    collect(layer, data)
    for name, array in {**layer.stats, **layer.grads}.items():
        assert np.array_equal(array, before[name]), name
    # Afterwards training goes on as if nothing had been.
    layer.forward(data[1].copy(), True)
    assert not np.array_equal(layer.stats["running"], before["running"])


def test_batch_renorm_collects_as_batch_norm_does() -> None:
    data = batches((6,))
    renorm, batch = (make_population(kind, (6,)) for kind in ("batch_renorm", "batch"))
    renorm.begin_population()
    batch.begin_population()
    for x in data:
        assert np.array_equal(renorm.forward(x.copy(), True), batch.forward(x.copy(), True))
    renorm.end_population()
    batch.end_population()
    assert np.array_equal(renorm.forward(data[0].copy(), False), batch.forward(data[0], False))


def test_each_begin_starts_anew() -> None:
    first, second = make_population("batch", (6,)), make_population("batch", (6,))
    one, two, three = batches((6,))
    collect(first, [one, two])
    collect(first, [three])
    collect(second, [three])
    assert np.array_equal(first.forward(one.copy(), False), second.forward(one.copy(), False))


def test_sums_are_in_float64() -> None:
    layer = make_population("batch", (6,), dtype=np.float32, gamma="none", beta="none")
    rng = np.random.default_rng(3)
    data = [(1000 + rng.standard_normal((2, 6, 10))).astype(np.float32) for _ in range(500)]
    collect(layer, data)
    assert layer.population is not None
    mean, var = layer.population.values()
    assert mean.dtype == var.dtype == np.float32
    exact = np.mean([x.astype(np.float64).mean(axis=2) for x in data], axis=0)
    assert np.abs(mean[..., 0] - exact).max() <= np.spacing(np.float32(1000))
    unbiased = np.mean([x.astype(np.float64).var(axis=2, ddof=1) for x in data], axis=0)
    np.testing.assert_allclose(var[..., 0], unbiased, rtol=1e-5)


def test_a_batch_of_one_number_has_no_variance() -> None:
    layer = make_population("batch", (6,))
    collect(layer, [np.full((2, 6, 1), 3.0), np.full((2, 6, 1), 5.0)])
    assert layer.population is not None
    mean, var = layer.population.values()
    assert (mean == 4).all()
    assert (var == 0).all()


def test_misuse() -> None:
    layer = make_population("batch", (6,))
    x = batches((6,))[0]
    layer.forward(x.copy(), True)
    for misuse in (lambda: layer.forward(x.copy(), False), layer.end_population):
        with pytest.raises(RuntimeError, match="collected"):
            misuse()
    layer.begin_population()
    with pytest.raises(RuntimeError, match="collected"):
        layer.end_population()
    collect(layer, [x])
    layer.forward(x.copy(), False)
    layer.clear_population()
    with pytest.raises(RuntimeError, match="have not been collected"):
        layer.forward(x.copy(), False)
    running = make_norm("batch", (6,), EPS)
    assert isinstance(running, BatchNorm)
    with pytest.raises(RuntimeError, match="running statistics"):
        running.begin_population()
