"""Random streams: pinned beginnings, and one stream for each key."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from bnexp.streams import Role, stream


def beginning(seed: int, role: Role, layer: int = 0, epoch: int = 0) -> tuple[int, ...]:
    raw = stream(seed, role, layer=layer, epoch=epoch).bit_generator.random_raw(3)
    return tuple(int(word) for word in raw)


#: Part of every result: a change here makes every stored result another experiment.
GOLDEN: dict[tuple[int, Role, int, int], tuple[int, ...]] = {
    (0, "init", 0, 0): (
        11749869230777074271,
        4976686463289251617,
        755828109848996024,
    ),
    (0, "batches", 0, 0): (
        16412783775159424549,
        10277383025879800780,
        14774146505460541886,
    ),
    (0, "dropout", 0, 0): (
        1490940365631266091,
        7423666954494463881,
        11091828101752031060,
    ),
    (0, "noise", 0, 0): (
        16509333102296552351,
        15871844912512222221,
        5928319099393986110,
    ),
    (0, "augmentation", 0, 0): (
        16289801994831103555,
        4216790513720128820,
        7575092655866945111,
    ),
    (0, "split", 0, 0): (
        7049166861971720082,
        10104186729514042722,
        7589694031072859704,
    ),
    (0, "labels", 0, 0): (
        7601762069095382908,
        3934600863275188227,
        13443229704866688192,
    ),
    (0, "probes", 0, 0): (
        716860066945414073,
        14335471683819562750,
        14742070561240277582,
    ),
    (12, "dropout", 3, 7): (
        18414376288436714084,
        12635672505310399721,
        17031036137807442710,
    ),
    (4294967295, "batches", 0, 4294967295): (
        10076077803240360134,
        17247942518251353101,
        999274169083635981,
    ),
}


@pytest.mark.parametrize("key", GOLDEN)
def test_golden_beginnings(key: tuple[int, Role, int, int]) -> None:
    assert beginning(*key) == GOLDEN[key]


def test_every_role_is_pinned() -> None:
    assert {role for _, role, _, _ in GOLDEN} == set(get_args(Role))


def test_a_stream_begins_anew_each_time() -> None:
    assert beginning(3, "init", 1, 2) == beginning(3, "init", 1, 2)


def test_each_key_has_a_stream_of_its_own() -> None:
    values = (0, 1, 2, 2**32 - 1)
    roles: tuple[Role, ...] = get_args(Role)
    keys = list(itertools.product(values, roles, values, values))
    assert len({beginning(*key) for key in keys}) == len(keys)


def test_an_unknown_role_has_no_stream() -> None:
    with pytest.raises(KeyError):
        stream(0, "weather")  # type: ignore[arg-type]
