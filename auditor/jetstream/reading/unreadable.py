"""Finds where a stream becomes readable again, after a sequence at which the server finds no message.

nats-server 2.15 gives up its search for the next message at a block that it cannot read. A consumer then delivers nothing, and
a request for the next message finds none, although messages are stored behind the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.jetstream.api import get_message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from auditor.jetstream.api_client import ApiClient

STEP_DIVISOR = 8
"""Each step is this part of the distance. Blocks have similar sizes, so a readable block between up to eight others is found."""


async def next_readable(client: ApiClient, stream: str, subject: str, *, first_seq: int, last_seq: int) -> int:
    """Return the first sequence from `first_seq` on from which the leader finds a message; one after `last_seq` if none.

    As `next_found`. Raises as `api.request`.
    """

    async def find(seq: int) -> int | None:
        message = await get_message(client, stream, seq=seq, next_by_subj=subject)
        return None if message is None else message.seq

    return await next_found(find, first_seq=first_seq, last_seq=last_seq)


async def next_found(find: Callable[[int], Awaitable[int | None]], *, first_seq: int, last_seq: int) -> int:
    """Return the first sequence from `first_seq` on from which `find` finds a message; one after `last_seq` if none.

    `find` returns the sequence of the first message from a sequence on. It is called at most some 400 times: first at growing
    distances, then by halves. A short readable range may be missed.
    """
    unreadable, found = first_seq - 1, None
    while found is None and unreadable < last_seq:
        step = max(1, (unreadable - first_seq) // STEP_DIVISOR)
        probed = min(unreadable + step, last_seq)
        found = await find(probed)
        if found is None:
            unreadable = probed
    if found is None:
        return last_seq + 1
    readable = probed
    while readable - unreadable > 1:
        middle = (unreadable + readable) // 2
        earlier = await find(middle)
        if earlier is None:
            unreadable = middle
        else:
            readable, found = middle, earlier
    return min(found, last_seq + 1)
