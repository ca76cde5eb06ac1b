"""The limit of the rate of a walk."""

from __future__ import annotations

import asyncio
import time

import pytest

from auditor.core.model.message import StoredMessage
from auditor.jetstream.reading.rate_limit import rate_limited

MESSAGE = StoredMessage(1, 0, b"S.events.a.a-1", None, b"")


async def batches(*sizes, pause=0.0):
    for size in sizes:
        yield [MESSAGE] * size
        await asyncio.sleep(pause)


async def arrivals(stream):
    """Return when each message came, in seconds after the start."""
    started = time.monotonic()
    return [
        at
        for messages in [(time.monotonic() - started, batch) async for batch in stream]
        for at in [messages[0]] * len(messages[1])
    ]


@pytest.mark.parametrize(("rate", "sizes"), [(1000, [1000]), (1000, [7] * 150), (20_000, [20_000]), (30, [30])])
async def test_the_rate_is_held_within_five_percent(rate, sizes):
    came = await arrivals(rate_limited(batches(*sizes), rate))
    assert len(came) == sum(sizes)
    assert len(came) / came[-1] == pytest.approx(rate, rel=0.05)


async def test_there_is_no_burst_at_the_start_and_none_anywhere():
    came = await arrivals(rate_limited(batches(500), 1000))
    for first, last in zip(came, came[200:], strict=False):
        assert last - first >= 0.09


async def test_after_a_standstill_the_messages_are_not_passed_on_faster_than_the_rate():
    async def stopping():
        yield [MESSAGE] * 100
        await asyncio.sleep(0.3)
        yield [MESSAGE] * 300

    came = await arrivals(rate_limited(stopping(), 1000))
    assert came[-1] >= 0.1 + 0.3 + 0.3 - 0.11


async def test_at_less_than_one_message_in_a_step_messages_come_one_by_one():
    came = await arrivals(rate_limited(batches(3), 10))
    assert [round(at, 1) for at in came] == [0.1, 0.2, 0.3]


async def test_closing_the_limited_batches_closes_the_batches():
    left = False

    async def endless():
        nonlocal left
        try:
            while True:
                yield [MESSAGE]
        finally:
            left = True

    stream = rate_limited(endless(), 1000)
    assert await anext(stream)
    await stream.aclose()
    assert left
