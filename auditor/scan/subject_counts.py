"""An audit of single actors reads only their subjects: what the stream counts there is compared with what came.

A message that the server stores and cannot read is counted and comes to nobody. Which sequence it has, only a walk over
the whole stream would tell; on which subject it is, and how many there are, the counts do.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.core.model.range_account import SubjectCount
from auditor.errors import WalkIncompleteError
from auditor.scan.interrupt import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from auditor.core.model.message import StreamState
    from auditor.scan.ports import Source

MAX_CONCURRENT_REQUESTS = 32
"""Requests in flight."""
MAX_ATTEMPTS = 5
"""To count a subject that somebody writes to, purges or trims at the same time; each takes some milliseconds."""


async def reconcile(
    source: Source,
    pinned: StreamState,
    subjects: Sequence[str],
    counts: dict[bytes, SubjectCount],
    interrupted: asyncio.Event,
    max_rate: int = 0,
) -> None:
    """Bring `counts` up to date, after a walk over `subjects` has come to the pinned end.

    Raises the AuditorErrors of a source, and WalkIncompleteError for a subject that does not hold still.
    """
    counting = _Counting(source, pinned.last_seq, interrupted, max_rate)
    for at in range(0, len(subjects), MAX_CONCURRENT_REQUESTS):
        some = subjects[at : at + MAX_CONCURRENT_REQUESTS]
        stored = await asyncio.gather(*map(source.count, some))
        later = await asyncio.gather(*[source.first_on(subject, pinned.last_seq + 1) for subject in some])
        for subject, now, message in zip(some, stored, later, strict=True):
            known = counts.setdefault(subject.encode(), SubjectCount())
            # With nothing newer on the subject, an equal count means that nothing has left it either.
            if now != known.stored or message is not None:
                await counting.count_anew(subject, known)


@dataclass(frozen=True, slots=True)
class _Counting:
    source: Source
    last_seq: int
    """Where the pass ends: what comes later is counted by the next one."""
    interrupted: asyncio.Event
    max_rate: int

    async def count_anew(self, subject: str, known: SubjectCount) -> None:
        """Read the subject once more. All that was counted came; or the same is counted again, and nothing newer is there."""
        for _ in range(MAX_ATTEMPTS):
            pinned = await self.source.info()
            before = await self.source.count(subject)
            came = later = 0
            async for seq in self._seqs(pinned, subject):
                came += 1
                later += seq > self.last_seq
            if came == before or await self._is_stable(subject, before, pinned):
                unreadable = before - came
                if unreadable > known.unreadable:
                    known.detected_seq = self.last_seq
                known.stored, known.unreadable = before - later, unreadable
                return
        raise WalkIncompleteError(f"subject {subject} is written to or trimmed faster than it can be counted")

    async def _is_stable(self, subject: str, count: int, pinned: StreamState) -> bool:
        return (
            await self.source.count(subject) == count
            and await self.source.first_on(subject, pinned.last_seq + 1) is None
        )

    async def _seqs(self, pinned: StreamState, subject: str) -> AsyncIterator[int]:
        """Of every message that comes."""
        first, last = pinned.first_seq, pinned.last_seq
        batches = self.source.read(pinned, first_seq=first, last_seq=last, subjects=[subject], max_rate=self.max_rate)
        async with aclosing(until(self.interrupted, batches)) as coming:
            async for batch in coming:
                for message in batch:
                    yield message.seq
        if self.interrupted.is_set():
            raise WalkIncompleteError("interrupted while what is stored was compared with what came")
