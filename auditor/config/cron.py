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
    for at, (name, numbers) in enumerate(FIELDS):
        alone = " ".join(field if other == at else "*" for other, field in enumerate(fields))
        if not _is_valid(alone, now):
            raise ValueError(f"{quoted(text)}: the {name} is not *, {numbers}, a range, a step or a list")
    first = next(fire_times(text, now), None)
    if first is None or first - now > MAX_WAIT:
        raise ValueError(f"{quoted(text)} does not fire within five years")


def fire_times(text: str, after: datetime) -> Iterator[datetime]:
    """Yield the times after `after`, in order, at which the cron line fires; none if it never fires."""
    try:
        yield from CronSim(text, after)
    except CronSimError:  # cronsim refuses a day that none of the months has
        return


def _is_valid(line: str, now: datetime) -> bool:
    try:
        CronSim(line, now)
    except (CronSimError, ValueError):  # ValueError: the number has too many digits for int
        return False
    return True
