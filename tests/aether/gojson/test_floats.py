from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aether.gojson.floats import format_float, parse_float


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-12.5, "-12.5"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (9.99e-7, "9.99e-7"),
        (1e-7, "1e-7"),
        (1e-10, "1e-10"),
        (123456789.0, "123456789"),
        (1e20, "100000000000000000000"),
        (1.2345e20, "123450000000000000000"),
        (9.999999999999999e20, "999999999999999900000"),
        (1e21, "1e+21"),
        (-1.5e300, "-1.5e+300"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (2.0**53, "9007199254740992"),
    ],
)
def test_a_float_is_written_as_go_writes_it(value: float, text: str) -> None:
    assert format_float(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None)
def test_what_is_written_is_read_back_unchanged(value: float) -> None:
    again = parse_float(format_float(value).encode())
    assert again == value
    assert math.copysign(1, again) == math.copysign(1, value)


@pytest.mark.parametrize(
    "token", [b"1e309", b"-1e309", b"1.7976931348623159e308", b"9" * 309, b"9" * 5_000, b"1e" + b"9" * 5_000]
)
def test_what_overflows_is_infinite(token: bytes) -> None:
    assert math.isinf(parse_float(token))


@pytest.mark.parametrize(
    ("token", "value"),
    [
        (b"0." + b"0" * 900 + b"1e901", 1.0),
        (b"-0." + b"0" * 900 + b"1e901", -1.0),
        (b"1" + b"0" * 900 + b"e-900", 1.0),
        (b"0." + b"3" * 5_000, 1 / 3),
        (b"0." + b"0" * 900, 0.0),
        (b"1e-" + b"9" * 900, 0.0),
        (b"1e" + b"0" * 900 + b"2", 100.0),
    ],
)
def test_a_long_number_is_read_right_where_go_reads_it_right(token: bytes, value: float) -> None:
    assert parse_float(token) == value


def test_an_exponent_stops_counting_once_it_has_reached_10_000() -> None:
    """0.(100,000 zeros)1e100001 is 1; Go reads its exponent as 10,000."""
    assert parse_float(b"0." + b"0" * 100_000 + b"1e100001") == 0.0
    assert parse_float(b"0." + b"0" * 5_000 + b"1e5001") == 1.0


def test_integer_digits_beyond_800_lose_their_scale_where_the_first_19_leave_a_doubt() -> None:
    """2**53 + 1 lies halfway between two floats, so that Go reads all digits, and counts at most 800 of them."""
    halfway = b"9007199254740993" + b"0" * 884
    assert parse_float(halfway + b"e-884") == 9007199254740992.0
    assert parse_float(halfway + b"1e-885") == pytest.approx(9007199254740993e-101, rel=1e-15)


@given(
    st.text("0123456789", min_size=1, max_size=400),
    st.text("0123456789", min_size=401, max_size=900),
    st.integers(-700, 300),
)
@settings(deadline=None)
def test_long_fractions_are_read_as_python_reads_them(whole: str, fraction: str, exponent: int) -> None:
    token = f"{whole.lstrip('0') or '0'}.{fraction}e{exponent}".encode()
    assert parse_float(token) == float(token)
