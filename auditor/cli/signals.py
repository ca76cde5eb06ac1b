"""Turns the signals that stop a process into an event, and ends work when it is set."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

Result = TypeVar("Result")

CANCEL_AGAIN_SECONDS = 1.0
"""The time after which work that has not ended is cancelled again."""


def stop_signal() -> asyncio.Event:
    """Returns an event that SIGTERM and SIGINT set from now on, instead of ending the process."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def result_until(stop: asyncio.Event, work: Coroutine[object, object, Result]) -> Result | None:
    """The result of `work`; None if `stop` is set before it ends, which cancels it. Raises what `work` raises."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return None
    finally:
        stopped.cancel()
        # wait_for of Python 3.11 loses a cancellation if what it waits for ends at the same time.
        while not working.done():
            working.cancel()
            await asyncio.wait({working}, timeout=CANCEL_AGAIN_SECONDS)
