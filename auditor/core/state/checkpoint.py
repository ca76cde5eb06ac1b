"""What an audit remembers from one pass to the next, as plain data, and whether a pass may go on from there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.core.model.message import StreamState
from auditor.core.model.passes import Mode, PassTimes
from auditor.core.model.range_account import SubjectCount, Walked
from auditor.core.model.ranges import Ranges, intersect, intersects_open_interval, merged, size, subtract
from auditor.core.state.examiner import AuditState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.message import StoredMessage

FOREVER = 1 << 63

Position = tuple[object, ...]
"""Where a memory stands; two of one memory are equal if nothing has happened in between."""


EncodedState = Mapping[str, Any]
"""State that is encoded and ready to be saved. What is in it is up to the state store that made it."""


class CheckpointKind(StrEnum):
    """What is remembered of the stream, side by side."""

    COMPLETED = "completed"
    """As of the last pass that came to its end."""
    IN_PROGRESS = "underway"
    """Of a full pass that has not come to its end."""


class Checkpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything below `next_seq`: judged, or known to be removed or unreadable, or yet to be accounted for."""

    stream: str
    created_ns: int
    subjects: tuple[str, ...]
    """The subjects that were looked at."""
    state: AuditState = msgspec.field(default_factory=AuditState)
    first_seq: int = 1
    """Nothing is remembered of what was stored before."""
    next_seq: int = 1
    lost_seqs: tuple[int, ...] = ()
    lost_bytes: int = 0
    """As of the last full pass."""
    removed: Ranges = []
    deleted: Ranges = []
    unreadable: Ranges = []
    """As in `Walked`."""
    deleted_after_read: Ranges = []
    """Deleted after they were read: until the next full pass they count as examined, and explain what is missing."""
    undelivered: Ranges = []
    """What did not come in a walk that has not ended, and why is not known yet."""
    subject_counts: dict[bytes, SubjectCount] = {}
    """Of an audit that reads only some."""
    full_pass_started_ns: int = 0
    """When the full pass began that this goes back to."""
    is_complete: bool = False
    """Whether that came to its end; else the next pass goes on with it."""
    certain: bool = True
    """False if something below `next_seq` was stored and did not come, or may have: then this must not be saved."""
    unstored: int = 0
    """Records of messages below `next_seq` that the quarantine refused. If there are any, this must not be saved, but it may
    be held, so that a full pass that has yielded can continue. The pass after that one starts from what was saved, and sends
    the records again."""

    @property
    def kind(self) -> CheckpointKind:
        """Which of the two this is."""
        return CheckpointKind.COMPLETED if self.is_complete else CheckpointKind.IN_PROGRESS

    @property
    def position(self) -> Position:
        """Whether anything has happened, told by comparing two."""
        return (self.first_seq, self.next_seq, size(self.deleted), self.lost_seqs, self.state.segments.unjudged)

    def objection(self, pinned: StreamState, patterns: Sequence[str]) -> str | None:
        """Why a pass over what `pinned` describes cannot go on from here; None if it can."""
        if (self.stream, self.subjects) != (pinned.name, tuple(patterns)):
            return "what is remembered is of another stream, or of other subjects"
        if self.created_ns != pinned.created_ns:
            return "the stream was deleted and created again"
        if pinned.last_seq < self.next_seq - 1:
            return f"the stream ends at sequence {pinned.last_seq}, and was read up to {self.next_seq - 1} before"
        if pinned.first_seq < self.first_seq:
            return f"the stream begins at sequence {pinned.first_seq}, and began at {self.first_seq} before"
        return None

    def deletions_unchanged(self, pinned: StreamState) -> bool:
        """Whether nothing that was read can have been removed since: otherwise ask what was deleted, and `has_new_deletions`."""
        lost = (self.lost_seqs, self.lost_bytes) == (pinned.lost, pinned.lost_bytes)
        return lost and (self.first_seq, size(self.deleted)) == (pinned.first_seq, pinned.deleted)

    def has_new_deletions(self, pinned: StreamState, listed: Sequence[tuple[int, int]]) -> bool:
        """Whether messages that were read are gone from the middle: `listed` are the ranges that are deleted now."""
        read = [(pinned.first_seq, self.next_seq - 1)]
        before, now = intersect(self.deleted, read), intersect(subtract(listed, self.undelivered), read)
        return (pinned.lost, pinned.lost_bytes) != (self.lost_seqs, self.lost_bytes) or before != now

    def set_deleted_after_read(self, listed: Sequence[tuple[int, int]]) -> None:
        """`listed` are the ranges that are deleted now, some of them since they were read."""
        self.deleted_after_read = subtract(
            intersect(listed, [(self.first_seq, self.next_seq - 1)]), merged([*self.deleted, *self.undelivered])
        )

    def replace_range(self, first: int, last: int, absent: Ranges) -> None:
        """The messages between two sequences were counted again; `absent` did not come, and is to be accounted for."""
        again = [(first, last)]
        self.removed, self.deleted, self.unreadable = (
            subtract(ranges, again) for ranges in (self.removed, self.deleted, self.unreadable)
        )
        self.undelivered = merged([*subtract(self.undelivered, again), *absent])

    def trim_before(self, first_seq: int) -> None:
        """The stream now begins at `first_seq`. The state is the business of auditor/core/state/retention.py."""
        self.first_seq = first_seq
        self.next_seq = max(self.next_seq, first_seq)
        kept = [(first_seq, FOREVER)]
        self.removed, self.deleted, self.unreadable, self.deleted_after_read, self.undelivered = (
            intersect(ranges, kept)
            for ranges in (self.removed, self.deleted, self.unreadable, self.deleted_after_read, self.undelivered)
        )

    def count_by_subject(self, batch: Sequence[StoredMessage]) -> None:
        """These came, and the stream counts them."""
        for message in batch:
            self.subject_counts.setdefault(message.subject, SubjectCount()).stored += 1

    @property
    def unreadable_by_subject(self) -> dict[bytes, SubjectCount]:
        """By subject: those with messages that are stored and did not come."""
        return {subject: count for subject, count in self.subject_counts.items() if count.unreadable}

    def advance(self, next_seq: int, absent: Ranges) -> None:
        """A walk has come so far, and has not ended."""
        self.next_seq, self.undelivered = next_seq, absent

    def take(self, walked: Walked) -> None:
        """The pass is over. What it says of ranges speaks from now on of all that is remembered, too."""
        pinned, read = walked.pinned, walked.read
        self.certain = walked.accounted and not (read and intersects_open_interval(walked.unread, 0, read.last_seq + 1))
        walked.removed = self.removed = merged([*self.removed, *walked.removed])
        walked.deleted = self.deleted = merged([*self.deleted, *walked.deleted])
        walked.unreadable = self.unreadable = merged([*self.unreadable, *walked.unreadable])
        walked.gone, walked.short = self.deleted_after_read, self.unreadable_by_subject
        self.undelivered = []
        self.next_seq = max(self.next_seq, read.last_seq + 1 if read else 0)
        self.is_complete = self.is_complete or self.next_seq > pinned.last_seq
        if walked.mode is Mode.FULL:
            self.lost_seqs, self.lost_bytes = pinned.lost, pinned.lost_bytes

    def recalled(self, mode: Mode, times: PassTimes, *, filtered: bool) -> Walked:
        """The pass that this is left of, for its report to be made once more."""
        last_seq = self.next_seq - 1
        removed = sum(last - first + 1 for first, last in self.removed)
        pinned = StreamState(
            name=self.stream,
            created_ns=self.created_ns,
            first_seq=self.first_seq,
            last_seq=last_seq,
            messages=last_seq - self.first_seq + 1 - removed,
            deleted=size(self.deleted),
            lost=self.lost_seqs,
            lost_bytes=self.lost_bytes,
        )
        return Walked(
            pinned=pinned,
            mode=mode,
            first_seq=self.first_seq,
            removed=self.removed,
            deleted=self.deleted,
            unreadable=self.unreadable,
            gone=self.deleted_after_read,
            short=self.unreadable_by_subject,
            filtered=filtered,
            accounted=True,
            full_ns=self.full_pass_started_ns,
            started_ns=times.started_ns,
            finished_ns=times.finished_ns,
        )
