from __future__ import annotations

import pytest

from auditor.units import NANOSECONDS, format_age, format_rfc3339, format_utc


@pytest.mark.parametrize(
    ("unix_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
    ],
)
def test_a_time_in_rfc_3339_has_all_nine_digits_of_its_nanoseconds(unix_ns: int, text: str) -> None:
    assert format_rfc3339(unix_ns) == text


def test_a_time_for_people_is_in_utc_and_cut_to_the_second() -> None:
    assert format_utc(1_700_000_000_999_999_999) == "2023-11-14 22:13:20 UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (1.9, "1 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_an_age_has_the_largest_unit_of_which_there_are_two(seconds: float, text: str) -> None:
    assert format_age(int(seconds * NANOSECONDS)) == text
