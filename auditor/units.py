"""Units and formats of time."""

from __future__ import annotations

from datetime import UTC, datetime

NANOSECONDS = 1_000_000_000
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
"""Seconds in each unit of an age, the largest first."""


def format_utc(unix_ns: int) -> str:
    """Format `unix_ns` for people: in UTC, to the second."""
    return f"{datetime.fromtimestamp(unix_ns // NANOSECONDS, UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_rfc3339(unix_ns: int) -> str:
    """Format `unix_ns` as RFC 3339 in UTC, with nine digits of a second."""
    seconds, nanoseconds = divmod(unix_ns, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def format_age(age_ns: int) -> str:
    """Format an age in nanoseconds for people, in the largest unit of which there are at least two; 0 s if it is negative."""
    seconds = max(0, age_ns) // NANOSECONDS
    return next((f"{seconds // size} {unit}" for size, unit in UNITS if seconds >= 2 * size), f"{seconds} s")
