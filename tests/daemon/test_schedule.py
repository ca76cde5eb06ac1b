"""When passes begin."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from auditor.daemon.schedule import CLOCK_POLL_SECONDS, CronTrigger, EveryTrigger, Schedule


@pytest.mark.parametrize(("every", "cron"), [(3600.0, None), (None, "0 3 * * sun")])
async def test_the_first_pass_begins_at_once(every: float | None, cron: str | None) -> None:
    schedule, begun = Schedule(), asyncio.Event()

    async def job() -> None:
        begun.set()

    schedule.add("a", job, every=every, cron=cron, jitter=0)
    schedule.start()
    await asyncio.wait_for(begun.wait(), 5)
    due = schedule.next_run("a")
    assert due is not None
    assert due > datetime.now(UTC)
    due_ns = schedule.next_run_ns("a")
    assert due_ns is not None
    assert datetime.fromtimestamp(due_ns / 1e9, UTC).replace(microsecond=0) == due.replace(microsecond=0)
    schedule.stop()
    await asyncio.sleep(0)  # the scheduler stops with the next turn of the event loop
    assert schedule.next_run_ns("a") is None


async def test_a_job_that_raises_is_called_again() -> None:
    schedule, calls, again = Schedule(), [], asyncio.Event()

    async def job() -> None:
        calls.append(1)
        if len(calls) == 3:
            again.set()
        raise ValueError("hunter2")

    schedule.add("a", job, every=0.05, cron=None, jitter=0)
    schedule.start()
    await asyncio.wait_for(again.wait(), 5)
    schedule.stop()


async def test_a_job_runs_once_at_a_time_and_again_when_it_is_done() -> None:
    schedule, running, most, done = Schedule(), 0, 0, asyncio.Event()
    runs = 0

    async def job() -> None:
        nonlocal running, most, runs
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.15)
        running -= 1
        runs += 1
        if runs == 3:
            done.set()

    schedule.add("a", job, every=0.05, cron=None, jitter=0)
    schedule.start()
    await asyncio.wait_for(done.wait(), 5)
    schedule.stop()
    assert most == 1


async def test_a_cron_line_is_read_in_utc() -> None:
    schedule = Schedule()

    async def job() -> None:
        pass

    schedule.add("a", job, every=None, cron="30 3 * * 0", jitter=0)
    schedule.start()
    await asyncio.sleep(0)
    for _ in range(100):
        due = schedule.next_run("a")
        assert due is not None
        if due > datetime.now(UTC):
            break
        await asyncio.sleep(0.01)
    assert (due.hour, due.minute, due.isoweekday(), due.utcoffset().total_seconds()) == (3, 30, 7, 0)
    schedule.stop()


@pytest.mark.parametrize(
    "line", ["*/90 * * * *", "0 */30 * * *", "0 0 13 * 5", "0 0 * * 7", "0 0 * * mon/2", "*,5 * * * *"]
)
async def test_every_line_that_the_configuration_accepts_runs(line: str) -> None:
    schedule = Schedule()

    async def job() -> None:
        pass

    schedule.add("a", job, every=None, cron=line, jitter=0)
    schedule.start()
    first = schedule.next_run("a")
    await until_later(schedule, first)
    due = schedule.next_run("a")
    assert due is not None
    assert timedelta(0) < due - datetime.now(UTC) < timedelta(days=8)
    schedule.stop()


async def until_later(schedule: Schedule, than: datetime | None) -> None:
    """Wait until the next run is another one."""
    async with asyncio.timeout(5):
        while schedule.next_run("a") == than:
            await asyncio.sleep(0.01)


def test_jitter_delays_a_cron_job_by_a_random_time_within_its_bound() -> None:
    now = datetime(2026, 12, 1, 12, 0, 30, tzinfo=UTC)
    exact = datetime(2026, 12, 1, 12, 1, tzinfo=UTC)
    trigger = CronTrigger("* * * * *", jitter=30)
    delays = {trigger.get_next_fire_time(None, now) - exact for _ in range(50)}
    assert len(delays) > 1
    assert min(delays) >= timedelta(0)
    assert max(delays) <= timedelta(seconds=30)
    assert CronTrigger("* * * * *", jitter=0).get_next_fire_time(None, now) == exact


def test_times_that_a_clock_set_ahead_has_skipped_are_not_computed_one_by_one() -> None:
    trigger = EveryTrigger(seconds=3, timezone=UTC)
    before = datetime(2026, 12, 1, 12, 0, 0, tzinfo=UTC)
    assert trigger.get_next_fire_time(before, before) == before + timedelta(seconds=3)
    ahead = before + timedelta(days=365, seconds=4)
    assert trigger.get_next_fire_time(before, ahead) == before + timedelta(days=365, seconds=6)


class Clock:
    """The system clock, which can be set."""

    def __init__(self) -> None:
        self.ahead = 3600.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead


@pytest.mark.parametrize("hour_back", [True, False])
async def test_a_system_clock_that_is_set_back_does_not_delay_an_interval(hour_back: bool) -> None:
    clock, set_back = Clock(), list[float]()
    schedule = Schedule(clock, set_back.append)

    async def job() -> None:
        pass

    schedule.add("a", job, every=7200, cron=None, jitter=0)
    schedule.start()
    await until_later(schedule, schedule.next_run("a"))
    due = schedule.next_run("a")
    clock.ahead -= 3600 if hour_back else CLOCK_POLL_SECONDS / 2
    if hour_back:
        await until_later(schedule, due)
        moved = schedule.next_run("a")
        assert moved is not None
        assert due is not None
        assert abs(due - moved - timedelta(hours=1)) < timedelta(seconds=1)
        assert [round(seconds) for seconds in set_back] == [3600]
    else:
        await asyncio.sleep(1.5 * CLOCK_POLL_SECONDS)
        assert schedule.next_run("a") == due
        assert set_back == []
    schedule.stop()


async def test_after_the_system_clock_was_set_back_a_cron_job_follows_the_new_time() -> None:
    clock = Clock()
    schedule = Schedule(clock)

    async def job() -> None:
        pass

    schedule.add("a", job, every=None, cron="* * * * *", jitter=0)
    schedule.start()
    await until_later(schedule, schedule.next_run("a"))
    ahead = datetime.now(UTC) + timedelta(hours=1)
    schedule._scheduler.get_job("a").modify(next_run_time=ahead)  # as if the clock had been an hour ahead
    clock.ahead -= 3600
    await until_later(schedule, ahead)
    due = schedule.next_run("a")
    assert due is not None
    assert due - datetime.now(UTC) <= timedelta(minutes=1)
    schedule.stop()


async def test_a_system_clock_that_is_set_forward_moves_no_run() -> None:
    clock = Clock()
    schedule = Schedule(clock)

    async def job() -> None:
        pass

    schedule.add("a", job, every=7200, cron=None, jitter=0)
    schedule.start()
    await until_later(schedule, schedule.next_run("a"))
    due = schedule.next_run("a")
    clock.ahead += 3600
    await asyncio.sleep(1.5 * CLOCK_POLL_SECONDS)
    assert schedule.next_run("a") == due
    schedule.stop()
