"""A cron line fires when Debian's cron would, or is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from auditor.config.cron import MAX_WAIT, check_cron, fire_times

NOW = datetime(2026, 12, 1, 12, 0, 30, 500, UTC)  # a Tuesday


def fires(line: str, count: int, after: datetime = NOW) -> list[str]:
    """The next times, checked and without the year."""
    check_cron(line, after)
    return [f"{time:%m-%d %H:%M}" for time in islice(fire_times(line, after), count)]


@pytest.mark.parametrize(
    "text",
    [
        "*/5 * * * *",
        "0 3 * * *",
        "0,30 8-18/2 1 jan-mar mon-fri",
        "59 23 31 12 7",
        "0 0 * * SUN",
        "0 0 1 jan/2 *",
        "0 0 1 jan-3 *",
        "0 0 29 2 *",
    ],
)
def test_a_cron_line_has_five_fields_in_their_ranges(text: str) -> None:
    check_cron(text, NOW)


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "a * * * *", "1-2-3 * * * *", "1,, * * * *", "@daily", "0 * * * * *", "0 0 * * 5L/2", "0 0 * * 1#2/3", "9" + "9" * 5000 + " * * * *", "\u0661 * * * *"]
)  # fmt: skip
def test_what_is_no_cron_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cron line|is not") as caught:
        check_cron(text, NOW)
    assert "int" not in str(caught.value)


def test_the_field_that_is_wrong_is_named() -> None:
    with pytest.raises(
        ValueError, match="the month is not \\*, a number from 1 to 12, jan to dec, a range, a step or a list"
    ):
        check_cron("0 0 1 foo *", NOW)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 22-4 * * *", "the hour ends before it begins: write 22-23,0-4"),
        ("0 22-4,9 * * *", "the hour ends before it begins: write 22-23,0-4,9"),
        ("50-10 * * * *", "the minute ends before it begins: write 50-59,0-10"),
        ("5-0 * * * *", "the minute ends before it begins: write 5-59,0"),
        ("0 0 28-3 * *", "the day of month ends before it begins: write 28-31,1-3"),
        ("0 0 * Nov-feb *", "the month ends before it begins: write Nov-dec,jan-feb"),
        ("0 0 * * fri-mon", "the day of week ends before it begins: write fri-sat,sun-mon"),
        ("0 0 * * fri-sun", "the day of week ends before it begins: write fri-sat,sun"),
        # no list of ranges has the same steps, and 7 begins no range
        ("0 22-4/2 * * *", "the hour ends before it begins"),
        ("0 0 * * 7-2", "the day of week ends before it begins"),
        ("0 25-4 * * *", "the hour ends before it begins"),
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused_as_in_cron_with_what_to_write(line: str, said: str) -> None:
    with pytest.raises(ValueError, match="before it begins") as caught:
        check_cron(line, NOW)
    assert str(caught.value) == f'"{line}": a range of {said}'
    _, _, ranges = said.partition(": write ")
    if ranges:
        check_cron(" ".join(ranges if "-" in field else field for field in line.split()), NOW)


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 */2", "0 0 30,31 feb *"])
def test_a_line_whose_day_never_comes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not fire within five years"):
        check_cron(text, NOW)
    assert list(fire_times(text, NOW)) == []


def test_a_line_that_fires_in_more_than_five_years_is_refused() -> None:
    before = datetime(2096, 3, 1, tzinfo=UTC)  # 2100 is no leap year
    with pytest.raises(ValueError, match="does not fire within five years"):
        check_cron("0 0 29 2 *", before)
    assert next(fire_times("0 0 29 2 *", before)) - before > MAX_WAIT


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # day of month or day of week, if neither begins with *
        ("0 0 13 * 5", ["12-04 00:00", "12-11 00:00", "12-13 00:00", "12-18 00:00"]),
        ("0 0 30 2 mon", ["02-01 00:00", "02-08 00:00", "02-15 00:00"]),
        ("0 0 13 * *", ["12-13 00:00", "01-13 00:00"]),
        ("0 0 * * 5", ["12-04 00:00", "12-11 00:00"]),
        # 0 and 7 are Sunday
        ("0 0 * * 7", ["12-06 00:00", "12-13 00:00"]),
        ("0 0 * * 0", ["12-06 00:00", "12-13 00:00"]),
        ("0 0 * * 5-7", ["12-04 00:00", "12-05 00:00", "12-06 00:00", "12-11 00:00"]),
        # steps, also above the range, and from a number on
        ("*/90 * * * *", ["12-01 13:00", "12-01 14:00"]),
        ("10-20/30 * * * *", ["12-01 12:10", "12-01 13:10"]),
        ("50/5 * * * *", ["12-01 12:50", "12-01 12:55", "12-01 13:50"]),
        ("0 */30 * * *", ["12-02 00:00", "12-03 00:00"]),
        ("0 0 */40 * *", ["01-01 00:00", "02-01 00:00"]),
        ("0 0 * * */9", ["12-06 00:00", "12-13 00:00"]),
        ("0 0 * * mon/2", ["12-02 00:00", "12-04 00:00", "12-06 00:00", "12-07 00:00"]),
        ("0 0 1 jan/2 *", ["01-01 00:00", "03-01 00:00"]),
        # lists
        ("*,5 * * * *", ["12-01 12:01", "12-01 12:02"]),
        ("0 0 * * 1,*", ["12-02 00:00", "12-03 00:00"]),
        ("0 0 * JAN-mar Mon", ["01-04 00:00", "01-11 00:00"]),
    ],
)
def test_a_line_fires_as_in_cron(line: str, expected: list[str]) -> None:
    assert fires(line, len(expected)) == expected


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", "mon,tue,wed,thu,fri,sat,sun"),
        ("0", "sun"),
        ("7", "sun"),
        ("1-5", "mon,tue,wed,thu,fri"),
        ("sun-tue", "mon,tue,sun"),
        ("5-7", "fri,sat,sun"),
        ("*/2", "tue,thu,sat,sun"),
        ("1-5/2,6", "mon,wed,fri,sat"),
    ],
)
def test_weekdays_are_those_of_cron(field: str, days: str) -> None:
    monday = datetime(2026, 11, 30, tzinfo=UTC)
    week = fire_times(f"0 0 * * {field}", monday - timedelta(seconds=1))
    fired = [f"{time:%a}".lower() for time in islice(week, 7) if time < monday + timedelta(days=7)]
    assert ",".join(fired) == days


def test_the_time_itself_is_not_fired_again() -> None:
    noon = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
    assert fires("0 12 * * *", 1, noon) == ["12-02 12:00"]
    assert fires("0 12 * * *", 1, noon - timedelta(microseconds=1)) == ["12-01 12:00"]
