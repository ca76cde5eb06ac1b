"""Durations, sizes and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config.values import Duration, Listen, duration, listen, size

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("5m", 300 * 10**9), ("1h30m", 5400 * 10**9), ("500ms", 5 * 10**8), ("7d", 604_800 * 10**9), ("0", 0), (0, 0)],
)
def test_a_duration_is_read_to_the_nanosecond(text: object, nanoseconds: int) -> None:
    assert duration(text).nanoseconds == nanoseconds
    assert duration(str(duration(text))) == duration(text)


@pytest.mark.parametrize("text", ["5", "5 m", "m", "-5m", "", "5m ", "1.5h", "5M", True, None, "٥m", 5, "9" * 10 + "d"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


@pytest.mark.parametrize(("text", "number"), [("1GiB", 2**30), ("512 MiB", 2**29), ("10GB", 10**10), (5, 5), ("7B", 7)])
def test_a_size_is_read_in_bytes(text: object, number: int) -> None:
    assert size(text) == number


@pytest.mark.parametrize("text", ["GiB", "-1", "1.5GiB", "1gib", True, None, "1 G"])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        size(text)


@pytest.mark.parametrize(
    ("text", "number"), [("1KB", 1000), ("1TiB", 2**40), ("999999999999999", 10**15 - 1), ("0", 0)]
)
def test_a_size_has_the_units_of_pydantic(text: str, number: int) -> None:
    assert size(text) == number


@pytest.mark.parametrize(
    ("read", "largest", "above"),
    [
        (size, "9223372TB", "9223373TB"),
        (size, "8388607TiB", "8388608TiB"),
        (duration, "106751d", "106752d"),
    ],
)
def test_a_value_that_does_not_fit_into_64_bits_is_refused(
    read: Callable[[object], object], largest: object, above: object
) -> None:
    assert read(largest)
    with pytest.raises(ValueError, match="is not a"):
        read(above)


def test_an_address_may_be_ipv6_or_leave_the_host_out() -> None:
    assert listen("[::1]:9464") == Listen("::1", 9464)
    assert listen(":0") == Listen("0.0.0.0", 0)
    assert str(listen("[::1]:9464")) == "[::1]:9464"
    assert str(Duration(90 * 10**9)) == "90s"


@pytest.mark.parametrize(
    "text",
    [
        "9464",
        9464,
        "a:b",
        "host:99999",
        "ho st:1",
        "::1:80",
        "999.1.1.1:80",
        "1.2.3:80",
        "5:80",
        "a..b:80",
        "[1.2.3]:80",
        "[::g]:80",
        "[:::1]:80",
        f"{'x' * 70}:80",
    ],
)
def test_what_is_no_address_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        listen(text)
