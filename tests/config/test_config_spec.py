import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp.config.scalars import read_scalar
from bnexp.config.spec import explain_exponents, parse_space, split_list
from bnexp.errors import ConfigError

STEADY = settings(derandomize=True, deadline=None, max_examples=200, database=None)

BOOK = [
    "1", "0.541169526546", "0.292864456463", "0.158489319246", "0.0857695898591",
    "0.0464158883361", "0.0251188643151", "0.0135935639088", "0.0073564225446",
    "0.00398107170553", "0.00215443469003", "0.00116591440118", "0.00063095734448",
    "0.000341454887383", "0.000184784979742", "0.0001",
]  # fmt: skip


def read(text):
    """The values of an axis as a reader of its text finds them."""
    spaced = parse_space(text)
    return spaced if spaced is not None else tuple(map(read_scalar, split_list(text)))


@pytest.mark.parametrize(
    "text", ["logspace", "logspace(0, -4, 16)", "logspace:0:-4:16", " logspace (0,-4, 16) "]
)
def test_the_16_scales_of_the_figure(text):
    assert parse_space(text) == tuple(map(float, BOOK))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("logspace(0, -4, 5)", (1.0, 0.1, 0.01, 0.001, 0.0001)),
        ("logspace(-3, -3, 1)", (0.001,)),
        ("logspace:2:5:1", (100.0,)),
        ("logspace(-.5, .5, 3)", (0.316227766017, 1.0, 3.16227766017)),
        ("logspace(-300, 300, 2)", (1e-300, 1e300)),
        ("linspace(0, 1, 11)", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
        ("linspace:-0.3:0.6:10", (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
        ("linspace(1e-3, 3e-3, 3)", (0.001, 0.002, 0.003)),
        ("linspace(5, 9, 1)", (5.0,)),
        ("1,0.1,1e-2", (1, 0.1, 0.01)),
        ("batch, none", ("batch", "none")),
        ("on,off", (True, False)),
        ("0.123456789012345678", (0.123456789012345678,)),
    ],
)
def test_values(text, values):
    assert read(text) == values


def test_zero_has_no_sign():
    assert str(parse_space("linspace(-1, 1, 3)")) == "(-1.0, 0.0, 1.0)"


FORMS = "allowed: logspace(0, -4, 16), linspace(0, 1, 11), or values with commas: 1, 0.1, 0.01"
COUNT = "is not how many values; allowed: a whole number from 1 to 10,000"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"it is empty; {FORMS}"),
        ("1,,2", f"a value is missing beside a comma; {FORMS}"),
        ("1,2,", f"a value is missing beside a comma; {FORMS}"),
        ("linspace", "linspace needs three numbers: linspace(first, last, how many)"),
        ("logspace()", "logspace needs three numbers: logspace(first, last, how many)"),
        ("logspace(0, -4)", "logspace needs three numbers: logspace(first, last, how many)"),
        ("logspace:0:-4", "logspace needs three numbers: logspace(first, last, how many)"),
        (
            "logspce(0, -4, 3)",
            f"logspce(0, -4, 3) is not understood, did you mean logspace?; {FORMS}",
        ),
        ("linspce:0:1:5", f"linspce:0:1:5 is not understood, did you mean linspace?; {FORMS}"),
        ("logspce", f"logspce is not understood, did you mean logspace?; {FORMS}"),
        ("logspace(0, 1", f"logspace(0, 1 is not understood; {FORMS}"),
        ("logspace(0, 1, 2), 3", f"logspace(0, 1, 2), 3 is not understood; {FORMS}"),
        ("logspace(0, -4, 0)", f'logspace: "0" {COUNT}'),
        ("logspace(0, -4, 2.5)", f'logspace: "2.5" {COUNT}'),
        ("logspace(0, -4, true)", f'logspace: "true" {COUNT}'),
        ("linspace(0, 1, 10001)", f'linspace: "10001" {COUNT}'),
        ("linspace(0, 1, 9999999999999)", f'linspace: "9999999999999" {COUNT}'),
        ("logspace(a, 1, 2)", 'logspace: "a" is not allowed; allowed: powers from -300 to 300'),
        ("logspace(0, 301, 2)", 'logspace: "301" is not allowed; allowed: powers from -300 to 300'),
        ("logspace(0, 1e9, 2)", 'logspace: "1e9" is not allowed; allowed: powers from -300 to 300'),
        ("linspace(.nan, 1, 2)", 'linspace: ".nan" is not allowed; allowed: finite numbers'),
        ("linspace(0, 1e400, 2)", 'linspace: "1e400" is not allowed; allowed: finite numbers'),
        ("linspace(010, 1, 2)", 'linspace: "010" is not allowed; allowed: finite numbers'),
        ("1," * 10_000 + "1", "10,001 values; allowed: at most 10,000"),
    ],
)
def test_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value) == message


@STEADY
@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(1, 50))
def test_linspace_begins_and_ends_where_it_says(first, last, count):
    values = parse_space(f"linspace({first / 10}, {last / 10}, {count})") or ()
    assert len(values) == count
    assert values[0] == first / 10
    assert count == 1 or values[-1] == last / 10


@STEADY
@given(st.integers(-30, 30), st.integers(-30, 30), st.integers(2, 50))
def test_logspace_is_even_in_the_exponent(first, last, count):
    values = parse_space(f"logspace({first}, {last}, {count})") or ()
    step = (last - first) / (count - 1)
    for i, value in enumerate(values):
        assert isinstance(value, float)
        assert math.log10(value) == pytest.approx(first + i * step, abs=1e-10)
        assert value == float(f"{value:.11e}")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("logspace(0.001, 1, 4)", "1.002 to 10; logspace(-3, 0, 4) is 0.001 to 1"),
        (" logspace:1:1e-2:3", "10 to 1.023; logspace(0, -2, 3) is 1 to 0.01"),
        ("logspace(0.1, 0.5, 3)", "1.259 to 3.162; logspace(-1, -0.301, 3) is 0.1 to 0.5"),
        ("logspace(0.05, 0.1, 3)", "1.122 to 1.259; logspace(-1.301, -1, 3) is 0.05 to 0.1"),
        ("logspace(1e-4, 300, 3)", "1 to 1e+300; logspace(-4, 2.477, 3) is 0.0001 to 300"),
    ],
)
def test_ends_where_exponents_belong(text, meant):
    assert explain_exponents(text) == f"logspace takes exponents: {text.strip()} is {meant}"


@pytest.mark.parametrize(
    "text",
    ["logspace", "logspace(-3, 0, 4)", "logspace(0, 1, 3)", "logspace(0.5, 1.5, 3)", "0.001, 1",
     "linspace(0.001, 1, 4)", "logspace(0.1)", "logspace(0.1, x, 3)", "logspace(", ""],
)  # fmt: skip
def test_exponents_as_they_should_be(text):
    assert explain_exponents(text) is None
