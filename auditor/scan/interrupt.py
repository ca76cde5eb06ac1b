"""Ends an iteration early when an event is set."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

Item = TypeVar("Item")


async def take_until(interrupted: asyncio.Event, items: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
    """Yield `items` until they end or `interrupted` is set, whichever comes first."""
    stop = asyncio.ensure_future(interrupted.wait())
    awaited: set[asyncio.Future[Any]] = {stop}
    try:
        while True:
            coming = asyncio.ensure_future(anext(items))
            awaited = {stop, coming}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if interrupted.is_set():
                return
            try:
                item = coming.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        for future in awaited:  # an iterator cannot be closed while it is running
            future.cancel()
        await asyncio.gather(*awaited, return_exceptions=True)
        await items.aclose()
