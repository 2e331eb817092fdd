import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp.config.scalars import number_remedy, read_scalar

STEADY = settings(derandomize=True, deadline=None, max_examples=200, database=None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E-4", 1e-4),
        ("1e4", 1e4),
        ("+1.5e+3", 1500.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("0.5", 0.5),
        ("1_000", 1000),
        ("1_000.5", 1000.5),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("0x1f", 31),
        ("0o17", 15),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("Yes", True),
        ("ON", True),
        ("false", False),
        ("no", False),
        ("off", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("none", "none"),
        ("y", "y"),
        ("tRUE", "tRUE"),
        ("012", "012"),
        ("1:30", "1:30"),
        ("1__0", "1__0"),
        ("_1", "_1"),
        ("1e", "1e"),
        ("e4", "e4"),
        (".", "."),
        ("0b11", "0b11"),
        ("2001-01-01", "2001-01-01"),
        ("١٢", "١٢"),  # digits to Python's int(), not to YAML
    ],
)
def test_meaning(text, value):
    meant = read_scalar(text)
    assert meant == value
    assert type(meant) is type(value)


def test_nan_is_a_number():
    assert repr(read_scalar(".nan")) == "nan"


def test_a_number_of_5000_digits_is_read():
    assert read_scalar("9" * 5000) == math.inf


@STEADY
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_writes_is_read_back(number):
    assert read_scalar(repr(number)) == number


@STEADY
@given(st.integers())
def test_integers_are_read_back(number):
    assert read_scalar(str(number)) == number
    if abs(number) >= 1000:
        assert read_scalar(f"{number:_}") == number


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("012", "012 begins with 0, which some readers take for base 8; write 12"),
        ("-007", "-007 begins with 0, which some readers take for base 8; write -7"),
        (
            "1:30",
            "1:30 is a number in base 60 to some readers and text to others; write it in base 10",
        ),
        ("1,5", "1,5 has a comma; write 1.5"),
        (",5", ",5 has a comma; write 0.5"),
        ("NaN", "NaN is not a finite number"),
        ("-inf", "-inf is not a finite number"),
        ("abc", None),
    ],
)
def test_remedy(text, remedy):
    assert number_remedy(text) == remedy
