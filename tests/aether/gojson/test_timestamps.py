from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aether import EncodeError, Timestamp
from auditor.aether.gojson.timestamps import from_match, match, render


def parse(text: str) -> Timestamp | None:
    found = match(text)
    return from_match(found) if found else None


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("1970-01-01T00:00:00Z", Timestamp(0)),
        ("2024-05-06T07:08:09.123456789+02:00", Timestamp(1_714_972_089, 123_456_789, 7200)),
        ("2024-05-06T07:08:09.1234567899Z", Timestamp(1_714_979_289, 123_456_789)),
        ("2024-05-06T7:08:09,5Z", Timestamp(1_714_979_289, 500_000_000)),
        ("2024-05-06T07:08:09-00:00", Timestamp(1_714_979_289)),
        ("2024-05-06T07:08:09+24:60", Timestamp(1_714_979_289 - 90_000, 0, 90_000)),
        ("0001-01-01T00:00:00Z", Timestamp()),
        ("0000-02-29T00:00:00Z", Timestamp(-62_162_121_600)),
        ("9999-12-31T23:59:59Z", Timestamp(253_402_300_799)),
        ("2000-02-29T12:00:00Z", Timestamp(951_825_600)),
    ],
)
def test_what_go_takes_becomes_the_moment_that_go_reads(text: str, timestamp: Timestamp) -> None:
    assert parse(text) == timestamp


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-05-06",
        "2024-05-06T07:08:09",
        "2024-05-06t07:08:09Z",
        "2024-05-06T07:08:09z",
        "2024-05-06 07:08:09Z",
        "2024-5-06T07:08:09Z",
        "12024-05-06T07:08:09Z",
        "2024-05-06T07:08:60Z",
        "2024-05-06T24:00:00Z",
        "2024-05-06T07:8:09Z",
        "2024-05-06T07:08:09.Z",
        "2024-05-06T07:08:09+0200",
        "2024-05-06T07:08:09+25:00",
        "2024-05-06T07:08:09+00:61",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-05-06T07:08:09Z\n",
        "٢٠٢٤-05-06T07:08:09Z",
    ],
)
def test_what_go_refuses_has_no_match(text: str) -> None:
    assert parse(text) is None


@given(st.datetimes(timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))))
@settings(deadline=None)
def test_every_moment_that_python_knows_is_read_as_python_reads_it(moment: datetime) -> None:
    parsed = parse(moment.isoformat().replace("+00:00", "Z"))
    assert parsed
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert parsed.unix_ns == (since // timedelta(microseconds=1)) * 1000
    assert timedelta(seconds=parsed.offset_seconds) == moment.utcoffset()


@given(st.dates(), st.sampled_from(["-", "+"]))
@settings(deadline=None)
def test_every_day_of_the_calendar_matches_and_no_other(day: object, sign: str) -> None:
    assert match(f"{day}T00:00:00{sign}00:00")
    assert not match(f"{str(day)[:8]}32T00:00:00Z")


@pytest.mark.parametrize("year", range(0, 10_000, 100))
def test_a_leap_day_is_in_leap_years_only(year: int) -> None:
    for leap in range(year, year + 100):
        expected = leap % 4 == 0 and (leap % 100 != 0 or leap % 400 == 0)
        assert bool(match(f"{leap:04d}-02-29T00:00:00Z")) == expected


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (Timestamp(), "0001-01-01T00:00:00Z"),
        (Timestamp(0, 500_000_000), "1970-01-01T00:00:00.5Z"),
        (Timestamp(0, 1), "1970-01-01T00:00:00.000000001Z"),
        (Timestamp(0, 0, 7200), "1970-01-01T02:00:00+02:00"),
        (Timestamp(0, 0, -5400), "1969-12-31T22:30:00-01:30"),
        (Timestamp(0, 0, 30), "1970-01-01T00:00:30+00:00"),
        (Timestamp(0, 0, -30), "1969-12-31T23:59:30+00:00"),
        (Timestamp(-62_167_219_200), "0000-01-01T00:00:00Z"),
        (Timestamp(-62_167_219_200 - 3600, 0, 3600), "0000-01-01T00:00:00+01:00"),
        (Timestamp(253_402_300_799, 999_999_999), "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_timestamp_is_written_as_go_writes_it(timestamp: Timestamp, text: str) -> None:
    assert render(timestamp) == text


@pytest.mark.parametrize(
    ("timestamp", "what"),
    [
        (Timestamp(-62_167_219_201), "year"),
        (Timestamp(253_402_300_800), "year"),
        (Timestamp(253_402_300_799, 0, 60), "year"),
        (Timestamp(10**30), "year"),
        (Timestamp(0, 0, 86_400), "zone offset"),
        (Timestamp(0, 0, -86_400), "zone offset"),
        (Timestamp(0, 1_000_000_000), "nanoseconds"),
        (Timestamp(0, -1), "nanoseconds"),
    ],
)
def test_what_go_cannot_write_is_an_encode_error(timestamp: Timestamp, what: str) -> None:
    with pytest.raises(EncodeError, match=what):
        render(timestamp)
