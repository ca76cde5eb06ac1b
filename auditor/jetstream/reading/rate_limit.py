"""A walk that leaves the server room: no more than so many messages a second."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from auditor.core.model.message import StoredMessage

STEP_SECONDS = 0.05
"""Seconds' worth of messages let through at once."""
MAX_CATCH_UP_SECONDS = 0.1
"""Seconds' worth of messages that may follow faster after a late wake-up, but not after a standstill."""


async def rate_limited(
    batches: AsyncGenerator[list[StoredMessage]], max_rate: int
) -> AsyncGenerator[list[StoredMessage]]:
    """The messages of `batches`, at most `max_rate` a second over any time, and as many where they come fast enough."""
    clock = asyncio.get_running_loop().time
    step = max(1, int(max_rate * STEP_SECONDS))
    due = clock()
    async with aclosing(batches):
        async for batch in batches:
            for at in range(0, len(batch), step):
                part = batch[at : at + step]
                due = max(due, clock() - MAX_CATCH_UP_SECONDS) + len(part) / max_rate
                await asyncio.sleep(due - clock())
                yield part
