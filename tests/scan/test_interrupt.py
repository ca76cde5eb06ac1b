"""`take_until` ends an iteration as soon as an event is set."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.scan.interrupt import take_until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Numbers:
    """Yields the numbers from 1 to `last`, and waits forever before `stuck_at`."""

    def __init__(self, last: int, stuck_at: int | None = None) -> None:
        self.last, self.stuck_at, self.closed = last, stuck_at, False

    async def __call__(self) -> AsyncGenerator[int]:
        try:
            for number in range(1, self.last + 1):
                if number == self.stuck_at:
                    await asyncio.Event().wait()
                yield number
        finally:
            self.closed = True


async def test_without_an_interruption_every_item_is_returned() -> None:
    numbers = Numbers(3)
    assert [number async for number in take_until(asyncio.Event(), numbers())] == [1, 2, 3]
    assert numbers.closed


async def test_after_an_interruption_no_further_item_is_returned() -> None:
    numbers, interrupted, seen = Numbers(5), asyncio.Event(), []
    async for number in take_until(interrupted, numbers()):
        seen.append(number)
        if number == 2:
            interrupted.set()
    assert seen == [1, 2]
    assert numbers.closed


async def test_an_interruption_ends_the_wait_for_the_next_item_at_once() -> None:
    numbers, interrupted = Numbers(5, stuck_at=3), asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, interrupted.set)
    async with asyncio.timeout(5):
        seen = [number async for number in take_until(interrupted, numbers())]
    assert seen == [1, 2]
    assert numbers.closed
