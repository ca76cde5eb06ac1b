"""Classifies sequences that the consumer did not deliver as deleted, expired, unreadable or unknown, by asking the server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from auditor.core.model.range_account import RangeAccount
from auditor.core.model.ranges import Ranges, intersect, merged, subtract
from auditor.errors import AuditorError
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.core.model.message import StreamInfo
    from auditor.scan.ports import Source

MAX_UNDELIVERED_CHECKED = 200_000
"""Sequences requested one by one. Those after them stay unread, because the server was not asked about them."""
MAX_CONCURRENT_REQUESTS = 32
"""Requests in flight."""
MAX_CHECK_SECONDS = 30
"""After this time no more sequences are requested. A request in a damaged compressed block takes the server milliseconds."""


async def classify_undelivered(
    source: Source,
    info: StreamInfo,
    undelivered: Ranges,
    reached: int,
    steady_clock: Callable[[], int],
    *,
    filtered: bool,
) -> RangeAccount:
    """What became of the sequences of `undelivered`, in a pass that read up to sequence `reached`.

    `steady_clock` returns nanoseconds. `filtered`: only some subjects were read, so that undelivered sequences may hold messages on others. Never raises: if a
    request fails, the account holds its error and what was known before it.
    """
    not_reached = intersect(undelivered, [(reached + 1, info.last_seq)])
    account = RangeAccount(unread=not_reached if filtered else undelivered)
    try:
        after = await source.info(lost=True)
        if after.contradiction is not None:
            return replace(account, error=after.contradiction)
        if after.created_ns != info.created_ns:
            return replace(account, error=f"stream {info.name} was deleted and created again during this pass")
        account = replace(account, first_seq=after.first_seq, lost=after.lost)
        if not undelivered:
            return account
        now, listed = await source.deleted(info)
        deleted = intersect(undelivered, listed)
        removed = merged([*deleted, *intersect(undelivered, [(1, now.first_seq - 1)])])
        unread = subtract(account.unread, removed)
        account = replace(account, first_seq=now.first_seq, removed=removed, deleted=deleted, unread=unread)
        if filtered:
            return account
        suspects = subtract(unread, not_reached)
        unreadable = subtract(suspects, await _readable_after_all(source, suspects, steady_clock))
        return replace(account, unreadable=unreadable, unread=subtract(unread, unreadable))
    except AuditorError as error:
        return replace(account, error=str(error))


async def _readable_after_all(source: Source, suspects: Ranges, steady_clock: Callable[[], int]) -> Ranges:
    """The sequences of `suspects` that may be read after all, although they were neither delivered nor deleted.

    These are the ones that the server can read, and the ones about which it is not asked.
    """
    seqs = (seq for first, last in suspects for seq in range(first, last + 1))
    readable: list[tuple[int, int]] = []
    last_asked = 0
    until_ns = steady_clock() + MAX_CHECK_SECONDS * NANOSECONDS
    for _ in range(0, MAX_UNDELIVERED_CHECKED, MAX_CONCURRENT_REQUESTS):
        asked = list(islice(seqs, MAX_CONCURRENT_REQUESTS))
        if not asked:
            return merged(readable)
        answers = await asyncio.gather(*map(source.is_readable, asked))
        readable += [(seq, seq) for seq, is_readable in zip(asked, answers, strict=True) if is_readable]
        last_asked = asked[-1]
        if steady_clock() >= until_ns:
            break
    return merged([*readable, *subtract(suspects, [(1, last_asked)])])
