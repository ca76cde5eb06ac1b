"""Reads the messages on one subject: by single requests if they are few, else with a consumer."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from auditor.errors import ConnectionFailedError
from auditor.jetstream.api import get_message, subject_info
from auditor.jetstream.reading.ordered_walk import check_same, ordered_walk
from auditor.jetstream.reading.stream_info import stream_info_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.jetstream.api_client import ApiClient

MAX_SINGLE_READS = 500
"""Messages on a subject up to which single requests cost less than a consumer, which may stay for seconds after its use."""


async def read_subject(
    client: ApiClient, pinned: StreamInfo, subject: str, *, first_seq: int, last_seq: int, batch: int
) -> AsyncGenerator[Sequence[StoredMessage]]:
    """As `ordered_walk` for one subject without wildcards.

    A walk continues where single requests find nothing more although the subject has a later message, or fail.
    """
    following = first_seq
    if first_seq > last_seq:
        return
    try:
        info = await subject_info(client, pinned.name, subject)
        check_same(stream_info_of(pinned.name, info), pinned)
        if (info.state.subjects or {}).get(subject, 0) <= MAX_SINGLE_READS:
            while following <= last_seq:
                message = await get_message(client, pinned.name, seq=following, next_by_subj=subject)
                if message is None or message.seq > last_seq:
                    break
                following = message.seq + 1
                yield [message]
            info = await subject_info(client, pinned.name, subject)
            check_same(stream_info_of(pinned.name, info), pinned)
            last = await get_message(client, pinned.name, last_by_subj=subject)
            if last is None or last.seq < following or following > last_seq or message is not None:
                return
    except ConnectionFailedError:
        pass  # the walk waits for the connection
    walk = ordered_walk(client, pinned, first_seq=following, last_seq=last_seq, subjects=[subject], batch=batch)
    async with aclosing(walk) as batches:
        async for messages in batches:
            yield messages
