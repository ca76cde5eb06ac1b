"""Durations, sizes and addresses."""

from __future__ import annotations

import pytest

from auditor.config.values import Duration, Listen, duration, listen, size


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


def test_an_address_may_be_ipv6_or_leave_the_host_out() -> None:
    assert listen("[::1]:9464") == Listen("::1", 9464)
    assert listen(":0") == Listen("0.0.0.0", 0)
    assert str(listen("[::1]:9464")) == "[::1]:9464"
    assert str(Duration(90 * 10**9)) == "90s"


@pytest.mark.parametrize("text", ["9464", 9464, "a:b", "host:99999", "ho st:1", "::1:80"])
def test_what_is_no_address_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        listen(text)
