"""Holds what an audit keeps from one pass to the next, and decides whether a pass can resume from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.message import Loss
from auditor.core.model.passes import Mode
from auditor.core.model.range_account import SubjectCount
from auditor.core.model.ranges import Ranges, intersect, merged, size, subtract
from auditor.core.replicas.digests import CopyDigests
from auditor.core.state.examiner import AuditState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.model.range_account import RangeAccount

FOREVER = 1 << 63


class CheckpointKind(StrEnum):
    """The two checkpoints of an audit."""

    COMPLETED = "completed"
    """The checkpoint of the last pass that reached the end of its range."""
    IN_PROGRESS = "underway"
    """The checkpoint of a full pass that has not reached the end of its range."""


class Checkpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The result of reading a stream up to `next_seq`, exclusive.

    Each sequence from `first_seq` to there was judged, is removed or unreadable, or was not delivered for an unknown reason.
    """

    stream: str
    created_ns: int
    subjects: tuple[str, ...]
    """The subjects of the audit."""
    state: AuditState = msgspec.field(default_factory=AuditState)
    first_seq: int = 1
    """First sequence that this checkpoint covers."""
    next_seq: int = 1
    """First sequence that the next pass reads."""
    lost: Loss = Loss()
    """What the server had reported as lost when the last full pass began."""
    configured_first_seq: int = 1
    """The first sequence that the stream was created with."""
    removed: Ranges = []
    deleted: Ranges = []
    unreadable: Ranges = []
    """As in `RangeAccount`."""
    deleted_after_read: Ranges = []
    """Deleted after they were read: until the next full pass they count as examined, and explain version gaps."""
    undelivered: Ranges = []
    """Not delivered in a walk that has not ended; the reason is not known yet."""
    subject_counts: dict[bytes, SubjectCount] = {}
    """The counts by subject, if the audit reads only some subjects."""
    full_pass_started_ns: int = 0
    """When the full pass began that this checkpoint continues, nanoseconds since 1970."""
    generation: int = 0
    """The generation of the stream's identity in which it began; see `StreamIdentity.generation`."""
    judged_copy: str = ""
    """The server whose copy is judged, of a replicated stream; empty otherwise."""
    copies: dict[str, CopyDigests] = {}
    """By name of the server: what a full pass in progress has read of each copy."""
    is_complete: bool = False
    """Whether that full pass reached the end of its range; if not, the next pass continues it."""

    @property
    def kind(self) -> CheckpointKind:
        """Which of the two checkpoints this is."""
        return CheckpointKind.COMPLETED if self.is_complete else CheckpointKind.IN_PROGRESS

    def why_not_resume(self, info: StreamInfo, subjects: Sequence[str]) -> str | None:
        """Returns why a pass over the stream of `info` cannot resume from this checkpoint; None if it can."""
        if (self.stream, self.subjects) != (info.name, tuple(subjects)):
            return "the saved state is of another stream or of other subjects"
        if self.created_ns != info.created_ns:
            return "the stream was deleted and created again"
        if info.last_seq < self.next_seq - 1:
            return f"the stream ends at sequence {info.last_seq}, and was read up to {self.next_seq - 1} before"
        if info.first_seq < self.first_seq:
            return f"the stream begins at sequence {info.first_seq}, and began at {self.first_seq} before"
        return None

    def deletions_unchanged(self, info: StreamInfo) -> bool:
        """Returns whether no message can have been removed since the last full pass, by the counts of the stream info.

        If not, `has_new_deletions` decides from the list of deleted ranges.
        """
        return self.lost == info.lost and (self.first_seq, size(self.deleted)) == (info.first_seq, info.deleted)

    def has_new_deletions(self, info: StreamInfo, listed: Sequence[tuple[int, int]]) -> bool:
        """Returns whether messages that were read have been deleted from the middle; `listed` are the ranges deleted now."""
        read = [(info.first_seq, self.next_seq - 1)]
        before, now = intersect(self.deleted, read), intersect(subtract(listed, self.undelivered), read)
        return info.lost != self.lost or before != now

    def set_deleted_after_read(self, listed: Sequence[tuple[int, int]]) -> None:
        """Record which messages were deleted after they were read; `listed` are the ranges deleted now."""
        self.deleted_after_read = subtract(
            intersect(listed, [(self.first_seq, self.next_seq - 1)]), merged([*self.deleted, *self.undelivered])
        )

    def replace_range(self, first: int, last: int, undelivered: Ranges) -> None:
        """Enter a range that was read again, and its sequences that were not delivered."""
        again = [(first, last)]
        self.removed, self.deleted, self.unreadable = (
            subtract(ranges, again) for ranges in (self.removed, self.deleted, self.unreadable)
        )
        self.undelivered = merged([*subtract(self.undelivered, again), *undelivered])

    def trim_before(self, first_seq: int) -> None:
        """Drop the ranges before `first_seq`, where the stream begins now. `retention.trim` does it for `state`."""
        self.first_seq = first_seq
        self.next_seq = max(self.next_seq, first_seq)
        kept = [(first_seq, FOREVER)]
        self.removed, self.deleted, self.unreadable, self.deleted_after_read, self.undelivered = (
            intersect(ranges, kept)
            for ranges in (self.removed, self.deleted, self.unreadable, self.deleted_after_read, self.undelivered)
        )

    def count_by_subject(self, batch: Sequence[StoredMessage]) -> None:
        """Count the messages of a batch by subject."""
        for message in batch:
            self.subject_counts.setdefault(message.subject, SubjectCount()).stored += 1

    @property
    def unreadable_by_subject(self) -> dict[bytes, SubjectCount]:
        """The subjects with messages that the server counts and did not deliver."""
        return {subject: count for subject, count in self.subject_counts.items() if count.unreadable}

    def advance(self, next_seq: int, undelivered: Ranges) -> None:
        """Record that the walk, which continues, has read everything before `next_seq`."""
        self.next_seq, self.undelivered = next_seq, undelivered

    def complete(
        self,
        account: RangeAccount,
        *,
        info: StreamInfo,
        mode: Mode,
        reached: int,
        subject_counts: Mapping[bytes, SubjectCount],
    ) -> bool:
        """Enter the results of a pass that read the stream of `info` up to sequence `reached`.

        Returns whether anything changed.
        """
        before = self._results
        self.removed = merged([*self.removed, *account.removed])
        self.deleted = merged([*self.deleted, *account.deleted])
        self.unreadable = merged([*self.unreadable, *account.unreadable])
        self.undelivered = []
        self.subject_counts = dict(subject_counts)
        self.next_seq = max(self.next_seq, reached + 1)
        self.is_complete = self.is_complete or self.next_seq > info.last_seq
        if self.is_complete:
            self.copies = {}
        if mode is Mode.FULL:
            self.lost = info.lost
        return self._results != before

    @property
    def _results(self) -> tuple[object, ...]:
        ranges = (self.removed, self.deleted, self.unreadable, self.undelivered)
        return (ranges, self.subject_counts, self.next_seq, self.is_complete, self.lost)


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """A checkpoint that a pass owns, with whether it is saved and how many records are pending."""

    checkpoint: Checkpoint
    is_saved: bool
    """Whether the saved state has this checkpoint, unchanged."""
    unstored: int = 0
    """Quarantine records of messages below `next_seq` that the quarantine refused. While there are any, the checkpoint must
    not be saved: the pass that starts from an older one submits the records again."""
