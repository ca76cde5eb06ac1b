"""Reads cron lines and computes when they fire, with cronsim, which follows Debian's cron. All times are UTC."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

from auditor.config.values import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

FIELDS = (
    ("minute", "a number from 0 to 59"),
    ("hour", "a number from 0 to 23"),
    ("day of month", "a number from 1 to 31"),
    ("month", "a number from 1 to 12, jan to dec"),
    ("day of week", "a number from 0 to 7, sun to sat"),
)
"""The name of each field, and its values."""

MONTH = 3
"""The index of the month in `FIELDS`, whose names begin at 1."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NAMES: tuple[tuple[str, ...], ...] = ((), (), (), MONTHS, DAYS)
"""The names of the values of each field."""
ENDS = (("0", "59"), ("0", "23"), ("1", "31"), ("jan", "dec"), ("sun", "sat"))
"""The first and the last value of each field."""

MAX_WAIT = timedelta(days=5 * 366)
"""A schedule that does not fire within this time is refused."""


def check_cron(text: str, now: datetime) -> None:
    """Check that `text` is a cron line that fires within `MAX_WAIT` of `now`. Raises ValueError.

    The fields are minute, hour, day of month, month, day of week (0 and 7 are Sunday). If neither the day of month nor the
    day of week begins with `*`, the line fires on the days of both.
    """
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"{quoted(text)} is not a cron line of five fields (minute hour day month weekday)")
    for at, field in enumerate(fields):
        if not _is_valid(_alone(field, at), now):
            raise ValueError(f"{quoted(text)}: {_why_invalid(field, at, now)}")
    first = next(fire_times(text, now), None)
    if first is None or first - now > MAX_WAIT:
        raise ValueError(f"{quoted(text)} does not fire within five years")


def fire_times(text: str, after: datetime) -> Iterator[datetime]:
    """Yield the times after `after`, in order, at which the cron line fires; none if it never fires."""
    try:
        yield from CronSim(text, after)
    except CronSimError:  # cronsim refuses a day that none of the months has
        return


def _why_invalid(field: str, at: int, now: datetime) -> str:
    """What is wrong with a field, as the end of a sentence. Cron refuses a range that ends before it begins."""
    name, values = FIELDS[at]
    ascending = _ascending(field, at)
    if ascending == field:
        return f"the {name} is not *, {values}, a range, a step or a list"
    is_valid = "/" not in field and _is_valid(_alone(ascending, at), now)
    return f"a range of the {name} ends before it begins" + (f": write {ascending}" if is_valid else "")


def _ascending(field: str, at: int) -> str:
    """The field with two ranges in the place of each that ends before it begins."""
    numbers = {name: number for number, name in enumerate(NAMES[at], start=at == MONTH)}

    def number(text: str) -> int:
        return numbers.get(text.lower(), int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else -1)

    parts = []
    for part in field.split(","):
        first, _, last = part.partition("/")[0].partition("-")
        if 0 <= number(last) < number(first):
            lowest, highest = ENDS[at]
            parts += [f"{first}-{highest}", lowest if number(lowest) == number(last) else f"{lowest}-{last}"]
        else:
            parts.append(part)
    return ",".join(parts)


def _alone(field: str, at: int) -> str:
    """A cron line in which only this field is set."""
    return " ".join(field if other == at else "*" for other in range(len(FIELDS)))


def _is_valid(line: str, now: datetime) -> bool:
    try:
        CronSim(line, now)
    except (CronSimError, ValueError, AssertionError):  # too many digits for int; a step after `5L`
        return False
    return True
