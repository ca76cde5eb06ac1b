"""Units and formats of time."""

from __future__ import annotations

from datetime import UTC, datetime

NANOSECONDS = 1_000_000_000


def format_utc(unix_ns: int) -> str:
    """Format `unix_ns` for people: in UTC, to the second."""
    return f"{datetime.fromtimestamp(unix_ns // NANOSECONDS, UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_rfc3339(unix_ns: int) -> str:
    """Format `unix_ns` as RFC 3339 in UTC, with nine digits of a second."""
    seconds, nanoseconds = divmod(unix_ns, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
