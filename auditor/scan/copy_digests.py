"""Reads the copies of a stream that are not judged, and computes their digests."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.core.replicas.digests import ChunkDigester, CopyDigests
from auditor.errors import CopyAbsentError
from auditor.scan.interrupt import take_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from auditor.core.model.message import StreamInfo
    from auditor.scan.ports import Source
    from auditor.scan.request import PassRequest

COPY_SECONDS = 60.0
"""Time that reading one copy may take, in addition to that of its messages."""
MIN_RATE = 1_000
"""Messages a second that reading a copy should reach, or half of `max_rate` if that is less."""


@dataclass(frozen=True, slots=True)
class CopyRange:
    """What is to be read of one copy."""

    name: str
    before: CopyDigests
    """What was read of it already."""
    last_seq: int
    """The pinned end, or the last sequence of a copy that ends before it."""


async def read_copy(
    source: Source,
    info: StreamInfo,
    copy: CopyRange,
    request: PassRequest,
    subjects: Sequence[str],
    on_batch: Callable[[ChunkDigester, int], Awaitable[bool]],
) -> CopyDigests:
    """Read one copy up to its end. Returns its digests, or those of its whole chunks if it is ended early.

    `subjects`: only messages on these, if there are any. `on_batch` is called after each batch, with what has the digests
    and the number of messages; the reading ends if it returns true. Raises the AuditorErrors of a source, and
    CopyAbsentError if the copy takes too long.
    """
    before = copy.before if copy.before.next_seq == copy.last_seq + 1 else copy.before.whole_chunks()
    if before.next_seq > copy.last_seq:
        return before
    digester = ChunkDigester(before)
    pinned = replace(info, first_seq=before.first_seq, last_seq=copy.last_seq)
    batches = source.of_copy(copy.name).read(
        pinned,
        first_seq=before.next_seq,
        last_seq=copy.last_seq,
        subjects=subjects,
        max_rate=request.audit.max_rate,
    )
    seconds = _allowed_seconds(copy.last_seq - before.next_seq + 1, request.audit.max_rate)
    try:
        async with asyncio.timeout(seconds), aclosing(take_until(request.interrupt, batches)) as coming:
            async for batch in coming:
                digester.add(batch)
                if await on_batch(digester, len(batch)):
                    return digester.whole_chunks
    except TimeoutError:
        raise CopyAbsentError(f"it was not read to its end within {seconds:.0f} s") from None
    if request.interrupt.is_set():
        return digester.whole_chunks
    return digester.finish(copy.last_seq)


def _allowed_seconds(messages: int, max_rate: int) -> float:
    return COPY_SECONDS + messages / min(MIN_RATE, max_rate / 2 or MIN_RATE)
