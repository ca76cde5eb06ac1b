"""Brings a saved checkpoint up to date with the stream before a pass resumes from it.

What has been removed from the start of the stream since is dropped from the checkpoint, and the actors and segments that
this touches are read again. Messages that the auditor failed on are tried again.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING

from auditor.aether.stream_layout import actor_id_of
from auditor.core.model.ranges import merged, subtract
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.state.examiner import Examiner
from auditor.core.state.retention import replace_actor, replace_segment, set_first_event, trim
from auditor.core.state.segments import segment_number, segment_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.core.state.examiner import AuditedStream
    from auditor.scan.ports import Source
    from auditor.scan.request import PassRequest

MAX_LOOKUPS = 20_000
"""Actors whose first event is looked up in one pass, with one small request each: about five seconds."""
MAX_REREADS = 500
"""Actors that are read again in one pass: each takes about two milliseconds and its messages."""
MAX_RETRIES = 100
"""Messages that the auditor failed on and that are tried again in one pass."""
MAX_CONCURRENT_REQUESTS = 64
"""Requests in flight."""


class CatchUp(Enum):
    """The outcome of `catch_up`."""

    UNCHANGED = auto()
    CHANGED = auto()
    TOO_MUCH = auto()
    """It is more work than reading the whole stream. The checkpoint cannot be used any more."""


async def catch_up(
    source: Source, info: StreamInfo, checkpoint: Checkpoint, stream: AuditedStream, request: PassRequest
) -> CatchUp:
    """Make the checkpoint describe what is left of the range that was read.

    Raises the AuditorErrors of a source; the checkpoint then cannot be used any more.
    """
    state, first_seq = checkpoint.state, info.first_seq
    has_moved = first_seq > checkpoint.first_seq
    trimmed = trim(state, first_seq) if has_moved else None
    checkpoint.trim_before(first_seq)
    reader = _Reader(source, info, stream, request)
    actors, segments = await _retry_unjudged(reader, checkpoint)
    if trimmed is not None:
        if len(trimmed.first_event_expired) > MAX_LOOKUPS or len(trimmed.to_reread) > MAX_REREADS:
            return CatchUp.TOO_MUCH
        actors |= {
            *trimmed.to_reread,
            *await _without_first_event(reader, checkpoint, trimmed.first_event_expired),
        }
        if trimmed.partial_segment is not None:
            segments.add(trimmed.partial_segment)
    for key in sorted(actors):
        await _reread_actor(reader, checkpoint, key)
    for number in sorted(segments):
        await _reread_segment(reader, checkpoint, number)
    if actors and not checkpoint.deletions_unchanged(info):
        _, listed = await source.deleted(info)
        checkpoint.set_deleted_after_read(listed)
    return CatchUp.CHANGED if has_moved or actors or segments else CatchUp.UNCHANGED


@dataclass(frozen=True, slots=True)
class _Examined:
    """The result of reading a range again."""

    examiner: Examiner
    seqs: list[int]
    """The sequences that were delivered."""


@dataclass(frozen=True, slots=True)
class _Reader:
    source: Source
    info: StreamInfo
    stream: AuditedStream
    request: PassRequest

    async def examine_range(self, first_seq: int, last_seq: int, subjects: Sequence[str] = ()) -> _Examined:
        """Read a range with a new examiner; only the messages on `subjects`, if there are any."""
        subject_filter = SubjectFilter(self.request.audit.all_subjects)
        examiner = Examiner(self.stream, subject_filter, detail_limit=self.request.detail_limit)
        seqs: list[int] = []
        batches = self.source.read(
            self.info,
            first_seq=first_seq,
            last_seq=last_seq,
            subjects=subjects,
            max_rate=self.request.audit.max_rate,
        )
        async with aclosing(batches) as coming:
            async for batch in coming:
                for message in batch:
                    _examine(examiner, message)
                seqs += [message.seq for message in batch]
        return _Examined(examiner, seqs)


def _examine(examiner: Examiner, message: StoredMessage) -> None:
    try:
        examiner.examine(message)
    except Exception:  # noqa: BLE001 - it was logged when the message was first read
        examiner.record_failure(message)


async def _retry_unjudged(reader: _Reader, checkpoint: Checkpoint) -> tuple[set[bytes], set[int]]:
    """Actors and segments of messages that the auditor failed on before and does not fail on now."""
    actors, segments = set[bytes](), set[int]()
    for seq in islice(checkpoint.state.segments.unjudged_seqs, MAX_RETRIES):
        state = (await reader.examine_range(seq, seq)).examiner.state
        if state.segments.examined and not state.segments.unjudged:
            actors |= {*state.ledger.actor_keys(), *state.ledger.snapshots}
            segments.add(segment_number(seq))
    return actors, segments


async def _without_first_event(reader: _Reader, checkpoint: Checkpoint, keys: Iterable[bytes]) -> list[bytes]:
    """Look up the new first events of actors whose first events were removed; the actors for which none was found."""
    source, first_seq, layout = reader.source, reader.info.first_seq, reader.request.audit.layout
    missing: list[bytes] = []
    for some in _batches(keys, MAX_CONCURRENT_REQUESTS):
        lookups = [source.first_on(layout.event_subject(_actor_id(key)), first_seq) for key in some]
        for key, message in zip(some, await asyncio.gather(*lookups), strict=True):
            if not set_first_event(checkpoint.state.ledger, key, message):
                missing.append(key)
    return missing


async def _reread_actor(reader: _Reader, checkpoint: Checkpoint, key: bytes) -> None:
    actor_id = actor_id_of(key)
    if actor_id is None:
        return
    layout = reader.request.audit.layout
    subjects = [layout.event_subject(actor_id), layout.snapshot_subject(actor_id)]
    again = await reader.examine_range(reader.info.first_seq, checkpoint.next_seq - 1, subjects)
    replace_actor(checkpoint.state.ledger, key, again.examiner.state.ledger)


async def _reread_segment(reader: _Reader, checkpoint: Checkpoint, number: int) -> None:
    first, last = segment_range(number)
    first, last = max(first, reader.info.first_seq), min(last, checkpoint.next_seq - 1)
    again = await reader.examine_range(first, last)
    replace_segment(checkpoint.state, number, again.examiner, reader.request.detail_limit)
    checkpoint.replace_range(first, last, subtract([(first, last)], merged((seq, seq) for seq in again.seqs)))


def _actor_id(key: bytes) -> str:
    """From the id, as Aether makes the subject: a stored subject may contain wildcards."""
    actor_id = actor_id_of(key)
    assert actor_id is not None
    return actor_id


def _batches(keys: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(keys)
    while some := list(islice(rest, size)):
        yield some
