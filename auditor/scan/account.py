"""What became of sequences that a walk did not deliver: removed, unreadable, or in doubt. Guessed of none."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from auditor.core.model.ranges import Ranges, intersect, merged, subtract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.message import StoredMessage
    from auditor.core.model.range_account import Walked
    from auditor.scan.ports import Source

MAX_UNDELIVERED_CHECKED = 1_000
"""Sequences asked for one by one before they are called unreadable; beyond it a whole block is gone, and it is said."""


def holes(batch: Sequence[StoredMessage], following: int) -> Ranges:
    """The sequences from `following` on that are not in `batch`, and before its end."""
    between: Ranges = []
    if batch[-1].seq - following + 1 == len(batch):
        return between
    for message in batch:
        if message.seq != following:
            between.append((following, message.seq - 1))
        following = message.seq + 1
    return between


async def account(source: Source, walked: Walked, absent: Ranges, reached: int) -> None:
    """Say in `walked` of every sequence that is `absent` what became of it; the walk came to sequence `reached`.

    Raises an AuditorError if the stream does not tell; what `walked` says is then still true.
    """
    beyond = intersect(absent, [(reached + 1, walked.pinned.last_seq)])
    # Of a filtered walk, whatever else did not come is on other subjects.
    walked.unread = beyond if walked.filtered else absent
    if not absent:
        walked.accounted = True
        return
    now, listed = await source.deleted(walked.pinned)
    walked.first_seq = now.first_seq
    walked.deleted = intersect(absent, listed)
    walked.removed = merged([*walked.deleted, *intersect(absent, [(1, now.first_seq - 1)])])
    walked.unread = subtract(walked.unread, walked.removed)
    if not walked.filtered:
        suspects = subtract(walked.unread, beyond)
        walked.unreadable = subtract(suspects, await _readable_after_all(source, suspects))
        walked.unread = subtract(walked.unread, walked.unreadable)
    walked.accounted = True


async def _readable_after_all(source: Source, suspects: Ranges) -> Ranges:
    """Of sequences that were neither delivered nor deleted, those that may be read after all."""
    asked = list(islice((seq for first, last in suspects for seq in range(first, last + 1)), MAX_UNDELIVERED_CHECKED))
    stored = [(seq, seq) for seq in asked if await source.is_readable(seq)]
    # What was not asked for is like what was: gone with it, or in doubt with it.
    return merged([*stored, *subtract(suspects, [(1, asked[-1])])]) if stored else []
