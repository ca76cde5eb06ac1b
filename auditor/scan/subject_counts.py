"""Counts the messages on each subject of an audit that reads only some subjects, to find unreadable ones.

The server counts a message that it cannot read, and delivers it to no consumer. Its sequence is found only by reading the
whole stream; the counts tell on which subject such messages are, and how many.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.range_account import SubjectCount
from auditor.errors import AuditorError, WalkIncompleteError
from auditor.scan.interrupt import take_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from auditor.core.model.message import StreamInfo
    from auditor.scan.ports import Source
    from auditor.scan.request import PassRequest

MAX_CONCURRENT_REQUESTS = 32
"""Requests in flight."""
MAX_ATTEMPTS = 5
"""Attempts to count a subject that is written to, purged or trimmed at the same time; each takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class CountResult:
    """The counts of an audit's subjects."""

    counts: Mapping[bytes, SubjectCount] = field(default_factory=dict)
    """By subject. Only those before the error are up to date."""
    error: str | None = None
    """Why the subjects could not be counted, in one line; None if they were."""


async def count_subjects(
    source: Source, info: StreamInfo, counts: Mapping[bytes, SubjectCount], request: PassRequest
) -> CountResult:
    """The counts after a walk over the subjects of the audit that has reached the end of its range.

    `counts`: what the walk and earlier passes counted; it is not changed. Never raises an AuditorError.
    """
    current = {subject: msgspec.structs.replace(count) for subject, count in counts.items()}
    subjects = request.audit.all_subjects
    counting = _Counting(source, info.last_seq, request)
    try:
        for at in range(0, len(subjects), MAX_CONCURRENT_REQUESTS):
            some = subjects[at : at + MAX_CONCURRENT_REQUESTS]
            stored = await asyncio.gather(*map(source.count, some))
            later = await asyncio.gather(*[source.first_on(subject, info.last_seq + 1) for subject in some])
            for subject, now, message in zip(some, stored, later, strict=True):
                known = current.setdefault(subject.encode(), SubjectCount())
                # If the count is equal and nothing newer is on the subject, nothing was removed from it either.
                if now != known.stored or message is not None:
                    current[subject.encode()] = await counting.recount(subject, known)
    except AuditorError as error:
        return CountResult(current, str(error))
    return CountResult(current)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What one attempt found on a subject."""

    stored: int
    """Messages up to the end of the pass's range that the stream counts."""
    unreadable: int


@dataclass(frozen=True, slots=True)
class _Counting:
    source: Source
    last_seq: int
    """End of the pass's range: what is stored after it is counted by the next pass."""
    request: PassRequest

    async def recount(self, subject: str, known: SubjectCount) -> SubjectCount:
        """Read the subject again until an attempt is valid. Raises WalkIncompleteError if none is.

        An attempt that found unreadable messages must be confirmed by the next one: a purge between two of its requests
        could hide that the subject has changed.
        """
        unconfirmed: _Attempt | None = None
        for _ in range(MAX_ATTEMPTS):
            attempt = await self._read_again(subject)
            if attempt is not None and (attempt.unreadable == 0 or attempt == unconfirmed):
                has_grown = attempt.unreadable > known.unreadable
                detected_seq = self.last_seq if has_grown else known.detected_seq
                return SubjectCount(attempt.stored, attempt.unreadable, detected_seq)
            unconfirmed = attempt
        raise WalkIncompleteError(f"subject {subject} is written to or trimmed faster than it can be counted")

    async def _read_again(self, subject: str) -> _Attempt | None:
        """Count the subject and read it; None if it may have changed meanwhile.

        The count is taken after the stream info. If all counted messages are delivered, none was stored or removed between.
        """
        info = await self.source.info()
        before = await self.source.count(subject)
        was_growing = await self._has_newer(subject, info)
        delivered = later = 0
        async for seq in self._seqs(info, subject):
            delivered += 1
            later += seq > self.last_seq
        if delivered == before:
            return _Attempt(before - later, 0)
        if was_growing or await self.source.count(subject) != before or await self._has_newer(subject, info):
            return None
        return _Attempt(before - later, before - delivered)

    async def _has_newer(self, subject: str, info: StreamInfo) -> bool:
        return await self.source.first_on(subject, info.last_seq + 1) is not None

    async def _seqs(self, info: StreamInfo, subject: str) -> AsyncIterator[int]:
        """The sequence of every message that is delivered."""
        batches = self.source.read(
            info,
            first_seq=info.first_seq,
            last_seq=info.last_seq,
            subjects=[subject],
            max_rate=self.request.audit.max_rate,
        )
        async with aclosing(take_until(self.request.interrupt, batches)) as coming:
            async for batch in coming:
                for message in batch:
                    yield message.seq
        if self.request.interrupt.is_set():
            raise WalkIncompleteError("interrupted while the messages on a subject were counted")
