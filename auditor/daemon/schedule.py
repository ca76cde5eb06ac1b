"""Calls a job for each audit when its schedule says so, with APScheduler."""

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
"""Names of the weekdays from 0 to 7. Cron counts from Sunday, APScheduler from Monday, so numbers differ."""


class Schedule:
    """Runs one job for each audit: once at the start, then when it is due.

    A job never runs twice at a time. A late job still runs, once.
    """

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def add(
        self, name: str, job: Callable[[], Awaitable[None]], *, every: float | None, cron: str | None, jitter: float
    ) -> None:
        """Call `job` at the start, and then every `every` seconds or as the `cron` line says.

        Each call comes up to `jitter` seconds later, at random.
        """
        if cron is not None:
            minute, hour, day, month, weekday = cron.lower().split()
            trigger: CronTrigger | IntervalTrigger = CronTrigger(
                minute=minute,
                hour=hour,
                day=day,
                month=month,
                day_of_week=_weekdays(weekday),
                timezone=UTC,
                jitter=jitter or None,
            )
        else:
            trigger = IntervalTrigger(seconds=every or 0, timezone=UTC, jitter=jitter or None)
        self._scheduler.add_job(job, trigger, id=name, name=name, next_run_time=datetime.now(UTC))

    def start(self) -> None:
        """Start. The first call of each job follows at once."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop: call no job again. A job that runs is not cancelled."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def next_run(self, name: str) -> datetime | None:
        """Return when the next call of the job is due; None after `stop`."""
        job = self._scheduler.get_job(name)
        return job.next_run_time if job else None

    def next_run_ns(self, name: str) -> int | None:
        """Return `next_run` in nanoseconds since 1970."""
        due = self.next_run(name)
        return None if due is None else (due - EPOCH) // timedelta(microseconds=1) * 1_000


def _weekdays(field: str) -> str:
    """Write a cron field of weekdays as a list of names, because a range of APScheduler cannot begin on a Sunday."""
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
