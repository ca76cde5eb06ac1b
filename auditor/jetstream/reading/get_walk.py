"""Reads a range by single requests, for a stream that lets the auditor create no consumer.

Every sequence of the range is requested from the leader of the stream. That is slow and complete.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.core.model.subject_filter import SubjectFilter
from auditor.errors import ConnectionFailedError, WalkIncompleteError
from auditor.jetstream.api import get_message, stream_info
from auditor.jetstream.reading.ordered_walk import GIVE_UP_SECONDS, MAX_DELAY_SECONDS, MIN_DELAY_SECONDS, check_same
from auditor.jetstream.reading.stream_info import stream_info_of
from auditor.jetstream.reading.unreadable import next_readable
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.jetstream.api_client import ApiClient

WINDOW = 64
"""Messages that are requested at once."""


async def get_walk(
    client: ApiClient, pinned: StreamInfo, *, first_seq: int, last_seq: int, subjects: Sequence[str] = ()
) -> AsyncGenerator[list[StoredMessage]]:
    """As `ordered_walk`. In a subject that is not UTF-8, the server replaces bytes by U+FFFD."""
    wanted = SubjectFilter(tuple(subjects)) if subjects else None
    delay = RetryDelay(MIN_DELAY_SECONDS, MAX_DELAY_SECONDS)
    clock = asyncio.get_running_loop().time
    following, failing_since = first_seq, None
    while following <= last_seq:
        last = min(following + WINDOW - 1, last_seq)
        try:
            found = await asyncio.gather(
                *(get_message(client, pinned.name, seq=seq) for seq in range(following, last + 1))
            )
            # Requested after the messages: they are then messages of this stream.
            check_same(stream_info_of(pinned.name, await stream_info(client, pinned.name)), pinned)
            messages = [message for message in found if message is not None]
            if not messages and last < last_seq:
                following = await next_readable(client, pinned.name, ">", first_seq=last + 1, last_seq=last_seq)
                continue
        except ConnectionFailedError as error:
            failing_since = failing_since or clock()
            if client.is_connected and clock() - failing_since > GIVE_UP_SECONDS:
                raise WalkIncompleteError(f"no message for {GIVE_UP_SECONDS:.0f} s: {error}") from error
            await client.wait_connected()
            await asyncio.sleep(delay.next())
            continue
        failing_since = None
        delay.reset()
        following = last + 1
        if wanted is not None:
            messages = [message for message in messages if wanted.matches(message.subject)]
        if messages:
            yield messages
