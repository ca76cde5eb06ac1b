"""Repeats a request while a stream has no leader. The servers of a cluster elect one within seconds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from auditor.errors import NoLeaderError
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from auditor.jetstream.api_client import ApiClient

Reply = TypeVar("Reply")

LEADER_SECONDS = 12.0
"""Time from the first request on after which no other is sent. A request without an answer takes five seconds."""
MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.1, 1.0


async def await_leader(client: ApiClient, ask: Callable[[], Awaitable[Reply]]) -> Reply:
    """Return the result of `ask`, which is called again while it raises NoLeaderError and the connection is up.

    Raises as `ask`: NoLeaderError after `LEADER_SECONDS`.
    """
    clock, delay = asyncio.get_running_loop().time, RetryDelay(MIN_DELAY_SECONDS, MAX_DELAY_SECONDS)
    deadline = clock() + LEADER_SECONDS
    while True:
        try:
            return await ask()
        except NoLeaderError:
            if clock() >= deadline or not client.is_connected:
                raise
        await asyncio.sleep(delay.next())
