"""Limits the rate at which messages are read."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from auditor.core.model.message import StoredMessage

STEP_SECONDS = 0.05
"""One step passes on as many messages as the rate allows in this time."""
MAX_CATCH_UP_SECONDS = 0.1
"""After a delay, at most the messages of this time are passed on faster than the rate."""


async def rate_limited(
    batches: AsyncGenerator[Sequence[StoredMessage]], max_rate: int
) -> AsyncGenerator[Sequence[StoredMessage]]:
    """Yield the messages of `batches`, at most `max_rate` a second."""
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
