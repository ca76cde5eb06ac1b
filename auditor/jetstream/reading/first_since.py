"""Finds the first message that was stored at or after a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.jetstream.reading.stream_source import StreamSource


async def first_seq_since(source: StreamSource, since_ns: int) -> int:
    """Return the first sequence stored at `since_ns` (since 1970) or later; one after the last sequence if there is none.

    Requests one message for each halving of the range. Raises as `StreamSource.info`.
    """
    pinned = await source.info()
    low, high = pinned.first_seq, pinned.last_seq + 1
    while low < high:
        middle = (low + high) // 2
        message = await source.first_from(middle)
        if message is None or message.time_ns >= since_ns:
            high = middle
        else:
            low = message.seq + 1
    return low
