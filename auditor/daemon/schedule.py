"""When passes begin: APScheduler, with the auditor's rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Cron counts from Sunday, APScheduler from Monday: names mean the same to both."""


class Schedule:
    """One job for each audit: begun at once and then when due, never twice at a time, never dropped for being late."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def add(
        self, name: str, job: Callable[[], Awaitable[None]], *, every: float | None, cron: str | None, jitter: float
    ) -> None:
        """Call `job` now, and then `every` so many seconds or as the `cron` line says, up to `jitter` seconds later."""
        late = jitter or None
        if cron is not None:
            minute, hour, day, month, weekday = cron.lower().split()
            trigger: CronTrigger | IntervalTrigger = CronTrigger(
                minute=minute,
                hour=hour,
                day=day,
                month=month,
                day_of_week=_weekdays(weekday),
                timezone=UTC,
                jitter=late,
            )
        else:
            trigger = IntervalTrigger(seconds=every or 0, timezone=UTC, jitter=late)
        self._scheduler.add_job(job, trigger, id=name, name=name, next_run_time=datetime.now(UTC))

    def start(self) -> None:
        """Begin; the first passes are due now."""
        self._scheduler.start()

    def stop(self) -> None:
        """Call no job any more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def next_run(self, name: str) -> datetime | None:
        """When the next pass is due; None once stopped."""
        job = self._scheduler.get_job(name)
        return job.next_run_time if job else None

    def next_run_ns(self, name: str) -> int | None:
        """As `next_run`, in nanoseconds since 1970."""
        due = self.next_run(name)
        return None if due is None else (due - EPOCH) // timedelta(microseconds=1) * 1_000


def _weekdays(field: str) -> str:
    """A cron field of weekdays in names, every day by itself: a range of APScheduler's cannot begin on a Sunday."""
    if field.startswith("*"):
        return field if field == "*" else ",".join(WEEKDAYS[: 7 : int(field[2:])])
    days = []
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin, end = _day(first), _day(last or first)
        days += [WEEKDAYS[day] for day in range(begin, end + 1, int(step or 1))]
    return ",".join(dict.fromkeys(days))


def _day(text: str) -> int:
    return int(text) if text.isdigit() else WEEKDAYS.index(text)
