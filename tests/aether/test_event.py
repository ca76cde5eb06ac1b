from __future__ import annotations

from auditor.aether import Timestamp


def test_a_timestamp_is_the_nanoseconds_since_1970_whatever_its_zone() -> None:
    assert Timestamp(1, 5, offset_seconds=7200).unix_ns == 1_000_000_005


def test_a_moment_before_1970_keeps_its_nanoseconds_above_zero() -> None:
    assert Timestamp.from_unix_ns(-1) == Timestamp(-1, 999_999_999)
    assert Timestamp.from_unix_ns(-1).unix_ns == -1


def test_without_arguments_a_timestamp_is_the_zero_time_of_go() -> None:
    assert Timestamp() == Timestamp(-62_135_596_800, 0, 0)
