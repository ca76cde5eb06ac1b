"""When passes begin."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from auditor.daemon.schedule import Schedule, _weekdays


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


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", "*"),
        ("0", "sun"),
        ("7", "sun"),
        ("1-5", "mon,tue,wed,thu,fri"),
        ("sun-tue", "sun,mon,tue"),
        ("5-7", "fri,sat,sun"),
        ("*/2", "sun,tue,thu,sat"),
        ("1-5/2,6", "mon,wed,fri,sat"),
    ],
)
def test_weekdays_are_those_of_cron(field: str, days: str) -> None:
    assert _weekdays(field) == days


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
