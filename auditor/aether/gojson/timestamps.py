"""Parses and formats RFC 3339 timestamps as Go's time.Time does in JSON."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from auditor.aether.event import EncodeError, Timestamp
from auditor.units import NANOSECONDS

_LEAP_YEAR = "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = (
    "(?:[0-9]{4}-(?:"
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8])"
    f")|{_LEAP_YEAR}-02-29)"
)
_TIME = "([01][0-9]|2[0-3]|[0-9]):([0-5][0-9]):([0-5][0-9])(?:[.,]([0-9]+))?"
_ZONE = "(?:Z|([+-])([01][0-9]|2[0-4]):([0-5][0-9]|60))"

match = re.compile(f"({_DATE})T{_TIME}{_ZONE}").fullmatch
"""Matches exactly the texts that Go accepts.

Go accepts more than RFC 3339: an hour of one digit, a comma before the fraction, an offset of up to 24:60.
"""

_DAY = 86_400
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""The period of the calendar. Needed because Go has a year 0, and Python's dates begin with year 1."""
_EPOCH = date(1970, 1, 1).toordinal()


def from_match(found: re.Match[str]) -> Timestamp:
    """Return the time of a text that `match` accepted, cut to nanoseconds."""
    day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups()
    offset = 0
    if sign:
        offset = (int(zone_hour) * 60 + int(zone_minute)) * (-60 if sign == "-" else 60)
    seconds = _days(day) * _DAY + int(hour) * 3600 + int(minute) * 60 + int(second) - offset
    return Timestamp(seconds, int(fraction[:9].ljust(9, "0")) if fraction else 0, offset)


@lru_cache(maxsize=1_000)
def _days(day: str) -> int:
    """Return the days since 1970. Cached, because most events of an actor are of the same days."""
    cycles, year = divmod(int(day[:4]) - 1, _CYCLE_YEARS)
    return date(year + 1, int(day[5:7]), int(day[8:10])).toordinal() + cycles * _CYCLE_DAYS - _EPOCH


def render(timestamp: Timestamp) -> str:
    """Format `timestamp` in its own zone, without trailing zeros of the fraction. Raises EncodeError."""
    days, seconds = divmod(timestamp.unix_seconds + timestamp.offset_seconds, _DAY)
    cycles, day_of_cycle = divmod(days + _EPOCH - 1, _CYCLE_DAYS)
    day = date.fromordinal(day_of_cycle + 1)
    year = day.year + cycles * _CYCLE_YEARS
    if not 0 <= year <= 9999:
        raise EncodeError("timestamp: the year is outside 0 to 9999")
    if not 0 <= timestamp.nanoseconds < NANOSECONDS:
        raise EncodeError("timestamp: nanoseconds are outside 0 to 999,999,999")
    fraction = f".{timestamp.nanoseconds:09d}".rstrip("0").rstrip(".")
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
    return f"{year:04d}-{day:%m-%d}T{clock}{_render_zone(timestamp.offset_seconds)}"


def _render_zone(offset_seconds: int) -> str:
    if offset_seconds == 0:
        return "Z"
    hours, minutes = divmod(abs(offset_seconds) // 60, 60)
    if hours >= 24:
        raise EncodeError("timestamp: the zone offset is 24 hours or more")
    return f"{'-' if offset_seconds <= -60 else '+'}{hours:02d}:{minutes:02d}"
