"""Networks of images: shapes, parameters and multiply-adds worked out by hand, and misfits."""

from __future__ import annotations

import pytest

from bnexp.describe import (
    DATASETS,
    Activation,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Hidden,
    MisfitError,
    Norm,
    Pool,
    Pooling,
    auto_groups,
    describe_network,
    norm_words,
)

Asked = int | Hidden | Pooling

NONE = ((0, 0), (0, 0))
ONE = ((1, 1), (1, 1))


def template(kind: str, groups: int = 0) -> Norm:
    return Norm(kind, (), "vector", "vector", 1.0, groups=groups)


def test_shapes_are_inferred_from_the_images_to_the_logits() -> None:
    layers: list[Asked] = [Hidden(8, 3), Pooling(2), Hidden(16, 3), Pooling(None, "average"), 20]
    spec = describe_network((28, 1, 28), 10, layers, activation="relu")
    assert spec.layers == (
        Conv((28, 1, 28), 8, 3, 1, ONE, bias=True),
        Activation("relu", (28, 8, 28)),
        Pool((28, 8, 28), "max", (2, 2), (2, 2)),
        Conv((14, 8, 14), 16, 3, 1, ONE, bias=True),
        Activation("relu", (14, 16, 14)),
        Pool((14, 16, 14), "average", (14, 14), (14, 14)),
        Flatten((1, 16, 1)),
        Dense(16, 20, bias=True),
        Activation("relu", (20,)),
        Dense(20, 10, bias=True),
    )
    assert (spec.inputs, spec.input_shape) == (784, (28, 1, 28))


def test_counts_of_the_cifar_network_by_hand() -> None:
    conv: list[Asked] = [Hidden(8, 3), Hidden(8, 3), Pooling(2), Hidden(16, 3), Hidden(16, 3)]
    conv.append(Pooling(2))
    spec = describe_network((32, 3, 32), 10, [*conv, Hidden(256)], activation="relu")
    weights = [8 * 3 * 9, 8 * 8 * 9, 16 * 8 * 9, 16 * 16 * 9, 1024 * 256, 256 * 10]
    assert spec.parameters == sum(weights) + 8 + 8 + 16 + 16 + 256 + 10
    pixels = [1024, 1024, 256, 256, 1, 1]
    work = [n * size for n, size in zip(weights, pixels, strict=True)]
    assert spec.multiply_adds == sum(work)
    assert spec.step_multiply_adds(5) == 5 * (3 * sum(work) - work[0])
    assert [layer.units for layer in spec.weighted] == [8, 8, 16, 16, 256, 10]


@pytest.mark.parametrize(
    ("asked", "padding", "out"),
    [
        (Hidden(4, 3), ONE, (7, 4, 10)),
        (Hidden(4, 3, padding="valid"), NONE, (5, 4, 8)),
        (Hidden(4, 3, padding=2), ((2, 2), (2, 2)), (9, 4, 12)),
        (Hidden(4, 4), ((1, 2), (1, 2)), (7, 4, 10)),
        (Hidden(4, 3, stride=2), ((1, 1), (0, 1)), (4, 4, 5)),
        (Hidden(4, 3, stride=2, padding="valid"), NONE, (3, 4, 4)),
        (Hidden(4, 1, stride=3), NONE, (3, 4, 4)),
        (Hidden(4, 1, stride=9), NONE, (1, 4, 2)),
        (Hidden(4, 15), ((7, 7), (7, 7)), (7, 4, 10)),
    ],
)
def test_padding_and_stride(asked: Hidden, padding: object, out: tuple[int, ...]) -> None:
    conv = describe_network((7, 2, 10), 3, [asked], activation="relu").layers[0]
    assert isinstance(conv, Conv)
    assert (conv.padding, conv.out_shape) == (padding, out)
    # Counted one window at a time: every position where it fits, and no more.
    for axis, size in ((0, 7), (1, 10)):
        total = size + sum(conv.padding[axis])
        starts = [at for at in range(0, total, conv.stride) if at + conv.kernel <= total]
        assert len(starts) == out[2 * axis]


@pytest.mark.parametrize(
    ("asked", "out"),
    [
        (Pooling(2), (3, 2, 5)),
        (Pooling(3), (2, 2, 3)),
        (Pooling(3, "average", 1), (5, 2, 8)),
        (Pooling(2, stride=3), (2, 2, 3)),
        (Pooling(7), (1, 2, 1)),
        (Pooling(None), (1, 2, 1)),
    ],
)
def test_pools_take_whole_windows(asked: Pooling, out: tuple[int, ...]) -> None:
    spec = describe_network((7, 2, 10), 3, [asked], activation="relu")
    assert spec.layers[0].out_shape == out
    assert spec.layers[1:] == (Flatten(out), Dense(out[0] * 2 * out[2], 3, bias=True))
    assert spec.step_multiply_adds(1) == 2 * spec.multiply_adds


@pytest.mark.parametrize(
    ("inputs", "layers", "index", "part"),
    [
        ((8, 1, 8), [Pooling(2)] * 4, 3, "a window of 2 does not fit: 1 x 1 images of 1 channel"),
        ((8, 1, 8), [Hidden(4, 9, padding="valid")], 0, "8 x 8 images of 1 channel reach it"),
        ((8, 1, 9), [Hidden(4, 9, padding="valid")], 0, "a kernel of 9 does not fit"),
        ((8, 1, 8), [Hidden(4, 3, padding=3)], 0, "allowed: 0 to 2, same, valid"),
        ((8, 1, 8), [Hidden(4, 3), 9, Hidden(4, 3)], 2, "a conv layer needs images, but 9 feature"),
        ((8, 1, 8), [1, Pooling(2)], 1, "a pool layer needs images, but 1 feature reach it"),
        ((64,), [Hidden(4, 3)], 0, "a conv layer needs images, but 64 features"),
    ],
)
def test_a_layer_that_does_not_fit(
    inputs: tuple[int, ...], layers: list[Asked], index: int, part: str
) -> None:
    with pytest.raises(MisfitError) as caught:
        describe_network(inputs, 10, layers, activation="relu")
    assert caught.value.index == index
    assert part in caught.value.what


@pytest.mark.parametrize(
    ("kind", "place", "biases"),
    [
        ("none", "before", [True, True, True]),
        ("batch", "before", [False, False, True]),
        ("batch", "after", [True, True, True]),
        ("noisy_batch", "before", [False, False, True]),
        ("instance", "before", [False, False, True]),
        ("batch_renorm", "before", [True, True, True]),
        ("layer", "before", [True, True, True]),
        ("group", "before", [True, True, True]),
        ("rms", "before", [True, True, True]),
    ],
)
def test_a_bias_that_the_norm_subtracts_is_left_out(
    kind: str, place: str, biases: list[bool]
) -> None:
    spec = describe_network(
        (8, 1, 8),
        10,
        [Hidden(4, 3), 16],
        activation="relu",
        norm=template(kind),
        norm_place=place,  # type: ignore[arg-type]
    )
    assert [layer.bias for layer in spec.weighted] == biases


def test_what_a_layer_has_of_its_own() -> None:
    layers = [
        Hidden(4, 3, norm="group", dropout=0.5),
        Hidden(4, 3, norm="none", activation="tanh", bias=False, dropout=0.0),
        Hidden(16),
    ]
    spec = describe_network(
        (8, 1, 8),
        10,
        layers,
        activation="relu",
        norm=template("batch"),
        dropout=True,
        spatial=True,
    )
    group = Norm("group", (8, 4, 8), "vector", "vector", 1.0, groups=2)
    batch = Norm("batch", (16,), "vector", "vector", 1.0, ordinal=2)
    assert spec.layers == (
        Conv((8, 1, 8), 4, 3, 1, ONE, bias=True),
        group,
        Activation("relu", (8, 4, 8)),
        Dropout((8, 4, 8), 0, 0.5, spatial=True),
        Conv((8, 4, 8), 4, 3, 1, ONE, bias=False),
        Activation("tanh", (8, 4, 8)),
        Flatten((8, 4, 8)),
        Dense(256, 16, bias=False),
        batch,
        Activation("relu", (16,)),
        Dropout((16,), 2),
        Dense(16, 10, bias=True),
    )
    assert (group.units, group.parameters, batch.parameters) == (4, 8, 32)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((8, 64, 8), 32),
        ((8, 32, 8), 16),
        ((8, 16, 8), 8),
        ((8, 6, 8), 3),
        ((8, 7, 8), 1),
        ((8, 1, 8), 1),
        ((8, 2, 8), 1),
        ((512,), 32),
        ((256,), 32),
        ((100,), 10),
        ((16,), 2),
        ((15,), 1),
        ((97,), 1),
        ((1,), 1),
    ],
)
def test_groups_that_are_chosen(shape: tuple[int, ...], groups: int) -> None:
    assert auto_groups(shape) == groups


def test_groups_of_each_kind() -> None:
    def groups(kind: str, asked: int = 0) -> list[int]:
        layers: list[Asked] = [Hidden(4, 3), 16]
        spec = describe_network(
            (8, 1, 8), 10, layers, activation="relu", norm=template(kind, asked)
        )
        return [layer.groups for layer in spec.layers if isinstance(layer, Norm)]

    assert groups("group") == [2, 2]
    assert groups("group", 4) == [4, 4]
    assert groups("instance") == [4, 16]
    assert groups("layer") == groups("batch") == groups("rms") == [1, 1]


def test_images_and_rows_come_in_the_shape_the_first_layer_takes() -> None:
    dense = describe_network((8, 1, 8), 10, [5, 6], activation="relu")
    assert (dense.inputs, dense.input_shape) == (64, (64,))
    assert dense.layers[0] == Dense(64, 5, bias=True)
    pooled = describe_network((8, 1, 8), 10, [Pooling(2)], activation="relu")
    assert (pooled.inputs, pooled.input_shape) == (64, (8, 1, 8))


def test_shapes_of_datasets() -> None:
    shapes = {name: facts.input_shape for name, facts in DATASETS.items()}
    assert shapes == {
        "digits": (8, 1, 8),
        "mnist": (28, 1, 28),
        "fashion-mnist": (28, 1, 28),
        "cifar10": (32, 3, 32),
    }
    cifar = DATASETS["cifar10"]
    assert (cifar.train, cifar.test, len(cifar.content)) == (50_000, 10_000, 6)


def test_words_for_norms() -> None:
    words = [norm_words(kind) for kind in ("batch", "batch_renorm", "rms", "noisy_batch")]
    assert words == ["batch norm", "batch renorm", "RMS norm", "noisy batch norm"]
