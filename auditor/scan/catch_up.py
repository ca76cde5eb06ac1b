"""Going on from what is remembered: what has left the stream since is forgotten, and what that touches is read again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from auditor.aether.stream_layout import StreamLayout, actor_id_of
from auditor.core.model.ranges import merged, subtract
from auditor.core.state.examiner import Examiner
from auditor.core.state.retention import replace_actor, replace_segment, set_first_event, trim
from auditor.core.state.segments import SEGMENT_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from auditor.core.model.message import StoredMessage, StreamState
    from auditor.core.model.subject_filter import SubjectFilter
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.core.state.examiner import AuditedStream
    from auditor.scan.ports import Source

MAX_LOOKUPS = 20_000
"""Actors whose first event is looked up in one pass, a small request each: about five seconds."""
MAX_REREADS = 500
"""Actors that are read again in one pass: as many walks, of about two milliseconds and their messages."""
MAX_RETRIES = 100
"""Messages that the auditor failed on and tries again in one pass."""
MAX_CONCURRENT_REQUESTS = 64
"""Requests in flight."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """A memory, and the stream as it is now."""

    source: Source
    pinned: StreamState
    memory: Checkpoint
    where: AuditedStream
    scope: SubjectFilter
    limit: int
    """Findings listed in detail, of each kind."""
    max_rate: int = 0
    """Messages a second; 0 for no limit."""

    async def catch_up(self) -> bool:
        """Have the memory speak of what is left of what was read. False if that is more work than reading all.

        Raises the AuditorErrors of a source; the memory is then good for nothing.
        """
        state, first_seq = self.memory.state, self.pinned.first_seq
        aged = trim(state, first_seq) if first_seq > self.memory.first_seq else None
        self.memory.trim_before(first_seq)
        doubtful, stretches = await self._judgeable()
        if aged is not None:
            if len(aged.first_event_expired) > MAX_LOOKUPS or len(aged.to_reread) > MAX_REREADS:
                return False
            doubtful |= {*aged.to_reread, *[tail async for tail in self._not_found(aged.first_event_expired)]}
            if aged.partial_segment is not None:
                stretches.add(aged.partial_segment)
        for tail in sorted(doubtful):
            await self._read_again(tail)
        for number in sorted(stretches):
            await self._count_again(number)
        if doubtful and not self.memory.deletions_unchanged(self.pinned):
            _, listed = await self.source.deleted(self.pinned)
            self.memory.set_deleted_after_read(listed)
        return True

    async def _judgeable(self) -> tuple[set[bytes], set[int]]:
        """Actors and stretches of messages that the auditor failed on, and now does not any more."""
        tails, stretches = set[bytes](), set[int]()
        for seq in islice(self.memory.state.segments.unjudged_seqs, MAX_RETRIES):
            again = await self._judged(seq, seq)
            if again.state.segments.examined and not again.state.segments.unjudged:
                tails |= {*again.state.ledger.actor_keys(), *again.state.ledger.snapshots}
                stretches.add(seq // SEGMENT_SIZE)
        return tails, stretches

    async def _not_found(self, moved: Sequence[bytes]) -> AsyncIterator[bytes]:
        """Of ordinary actors whose first events have left, those whose first event now was not found in one look."""
        first_seq = self.pinned.first_seq
        for some in _batches(moved, MAX_CONCURRENT_REQUESTS):
            subjects = [self._subject(tail) for tail in some]
            looks = [self.source.first_on(subject, first_seq) for subject in subjects]
            for tail, message in zip(some, await asyncio.gather(*looks), strict=True):
                if not set_first_event(self.memory.state.ledger, tail, message):
                    yield tail

    async def _read_again(self, tail: bytes) -> None:
        actor_id = actor_id_of(tail)
        if actor_id is None:
            return
        layout = StreamLayout(self.pinned.name)
        subjects = [layout.event_subject(actor_id), layout.snapshot_subject(actor_id)]
        again = await self._judged(self.pinned.first_seq, self.memory.next_seq - 1, subjects)
        replace_actor(self.memory.state.ledger, tail, again.state.ledger)

    async def _count_again(self, number: int) -> None:
        first = max(number * SEGMENT_SIZE, self.pinned.first_seq)
        last = min((number + 1) * SEGMENT_SIZE, self.memory.next_seq) - 1
        came: list[int] = []
        replace_segment(self.memory.state, number, await self._judged(first, last, came=came), self.limit)
        self.memory.replace_range(first, last, subtract([(first, last)], merged((seq, seq) for seq in came)))

    async def _judged(
        self, first_seq: int, last_seq: int, subjects: Sequence[str] = (), came: list[int] | None = None
    ) -> Examiner:
        """A fresh audit that has seen a part of the stream; `came` is given the sequences of that."""
        audit = Examiner(self.where, self.scope, detail_limit=self.limit)
        batches = self.source.walk(
            self.pinned, first_seq=first_seq, last_seq=last_seq, subjects=subjects, max_rate=self.max_rate
        )
        async with aclosing(batches) as coming:
            async for batch in coming:
                for message in batch:
                    _judge(audit, message)
                if came is not None:
                    came += [message.seq for message in batch]
        return audit

    def _subject(self, tail: bytes) -> str:
        """Made of the id, as Aether makes it: a stored subject may have wildcards."""
        actor_id = actor_id_of(tail)
        assert actor_id is not None
        return StreamLayout(self.pinned.name).event_subject(actor_id)


def _judge(audit: Examiner, message: StoredMessage) -> None:
    try:
        audit.examine(message)
    except Exception:  # noqa: BLE001 - it was logged when it was first read
        audit.record_failure(message)


def _batches(tails: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(tails)
    while some := list(islice(rest, size)):
        yield some
