"""Calls a job for each audit when its schedule says so, with APScheduler."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from auditor.config import fire_times

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CLOCK_POLL_SECONDS = 1.0
"""The time between two checks of the system clock, and how far it may be set back without any change."""


class CronTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires at the times of a cron line, each up to `jitter` seconds later, at random."""

    def __init__(self, line: str, jitter: float) -> None:
        self._line = line
        self._jitter = jitter

    def get_next_fire_time(self, _previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The next time after `now`. A time before `now` that was missed is not made up for."""
        fires = next(fire_times(self._line, now.astimezone(UTC)), None)
        delayed: datetime | None = self._apply_jitter(fires, self._jitter, now)
        return delayed


class EveryTrigger(IntervalTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires at intervals, each time up to `jitter` seconds later, at random.

    APScheduler asks for one time after the other until one is after now. After the system clock was set far ahead, that would take
    the event loop seconds. So all missed times but the last are left out.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first time after `now` if a time was missed, otherwise the time after the previous one."""
        if previous_fire_time is not None and previous_fire_time < now:
            previous_fire_time += (now - previous_fire_time) // self.interval * self.interval
        fires: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        return fires


class Schedule:
    """Runs one job for each audit: once at the start, then when it is due.

    A job never runs twice at a time. A late job still runs, once. A system clock that is set back delays no job by more
    than its interval; the clock of APScheduler is the system clock.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, on_set_back: Callable[[float], None] = lambda _: None
    ) -> None:
        """`clock` returns the system time in seconds.

        After the system clock was set back and the next calls were moved, `on_set_back` is called with the seconds.
        """
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._clock = clock
        self._on_set_back = on_set_back
        self._following: asyncio.TimerHandle | None = None
        """None before `start`."""

    def add(
        self, name: str, job: Callable[[], Awaitable[None]], *, every: float | None, cron: str | None, jitter: float
    ) -> None:
        """Call `job` at the start, and then every `every` seconds or as the `cron` line says.

        Each call comes up to `jitter` seconds later, at random.
        """
        trigger = (
            EveryTrigger(seconds=every or 0, timezone=UTC, jitter=jitter or None)
            if cron is None
            else CronTrigger(cron, jitter)
        )
        self._scheduler.add_job(job, trigger, id=name, name=name, next_run_time=datetime.now(UTC))

    def start(self) -> None:
        """Start. The first call of each job follows at once."""
        self._scheduler.start()
        self._follow_clock(self._clock_offset())

    def stop(self) -> None:
        """Stop: call no job again. A job that runs is not cancelled."""
        if self._following is not None:
            self._following.cancel()
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

    def _clock_offset(self) -> float:
        """The system time less that of the event loop, which cannot be set, in seconds."""
        return self._clock() - asyncio.get_running_loop().time()

    def _follow_clock(self, previous_offset: float) -> None:
        """Move the next calls if the system clock was set back since the last check, and check again later."""
        offset = self._clock_offset()
        if offset < previous_offset - CLOCK_POLL_SECONDS:
            set_back = timedelta(seconds=previous_offset - offset)
            for job in self._scheduler.get_jobs():
                if isinstance(job.trigger, CronTrigger):
                    job.modify(next_run_time=job.trigger.get_next_fire_time(None, datetime.now(UTC)))
                else:
                    job.modify(next_run_time=job.next_run_time - set_back)
            self._on_set_back(set_back.total_seconds())
        self._following = asyncio.get_running_loop().call_later(CLOCK_POLL_SECONDS, self._follow_clock, offset)
