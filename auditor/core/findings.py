"""The closed set of facts that an operator should know, and what each one weighs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Only `corruption` can make a pass corrupt."""

    CORRUPTION = "corruption"
    NOTICE = "notice"


class Kind(StrEnum):
    """Every kind of finding; `docs/findings.md` says what each means and what to do."""

    MALFORMED_EVENT = "malformed_event"
    HIDDEN_EVENT = "hidden_event"
    FOREIGN_ACTOR = "foreign_actor"
    SUBJECT_COLLISION = "subject_collision"
    UNREACHABLE_EVENT = "unreachable_event"
    VERSION_GAP = "version_gap"
    DUPLICATE_VERSION = "duplicate_version"
    LATE_VERSION = "late_version"
    VERSION_REGRESSION = "version_regression"
    MISSING_HEAD = "missing_head"
    MALFORMED_SNAPSHOT = "malformed_snapshot"
    FOREIGN_SNAPSHOT = "foreign_snapshot"
    SNAPSHOT_AHEAD = "snapshot_ahead"
    UNREADABLE_MESSAGE = "unreadable_message"
    LOST_MESSAGES = "lost_messages"
    DELETED_MESSAGES = "deleted_messages"
    STREAM_ROLLBACK = "stream_rollback"
    STREAM_RECREATED = "stream_recreated"
    HISTORY_CHANGED = "history_changed"
    CONFIG_CHANGED = "config_changed"


class Cause(StrEnum):
    """Why versions are missing, and what a second copy of a version holds."""

    MALFORMED = "malformed"
    HIDDEN = "hidden"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"
    DELETED = "deleted"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    SAME_PAYLOAD = "same_payload"
    DIFFERENT_PAYLOAD = "different_payload"


class Unreachable(StrEnum):
    """Why no actor id leads to a subject; the first that applies, in this order."""

    ENCODING = "encoding"
    WILDCARD = "wildcard"
    TOKENS = "tokens"


class Hidden(StrEnum):
    """Why replay drops an event that decodes."""

    VERSION_MISSING = "version_missing"
    VERSION_NOT_POSITIVE = "version_not_positive"


CONTENT_KINDS = frozenset(
    {
        Kind.MALFORMED_EVENT,
        Kind.HIDDEN_EVENT,
        Kind.FOREIGN_ACTOR,
        Kind.MALFORMED_SNAPSHOT,
        Kind.FOREIGN_SNAPSHOT,
    }
)
"""Kinds that condemn one message, whose bytes are therefore kept in the quarantine."""

RANGE_KINDS = frozenset({Kind.DELETED_MESSAGES, Kind.UNREADABLE_MESSAGE, Kind.LOST_MESSAGES})
"""Kinds that are counted by messages and listed as ranges; every other kind counts findings."""


HISTORY_KINDS = frozenset(
    {Kind.STREAM_ROLLBACK, Kind.STREAM_RECREATED, Kind.HISTORY_CHANGED, Kind.CONFIG_CHANGED},
)
"""Kinds that compare the stream with what it was: nothing that is stored shows them, so they stand until they are accepted."""

_NOTICES = frozenset({Kind.UNREACHABLE_EVENT, Kind.DELETED_MESSAGES, Kind.CONFIG_CHANGED})
_BY_CIRCUMSTANCE = frozenset({Kind.VERSION_GAP, Kind.MISSING_HEAD, Kind.MALFORMED_SNAPSHOT, Kind.FOREIGN_SNAPSHOT})


def severities(kind: Kind) -> tuple[Severity, ...]:
    """The severities that findings of `kind` can have."""
    if kind in _BY_CIRCUMSTANCE:
        return (Severity.CORRUPTION, Severity.NOTICE)
    return (Severity.NOTICE,) if kind in _NOTICES else (Severity.CORRUPTION,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact. Which fields are set depends on the kind; text is valid Unicode, and never a value from a payload."""

    kind: Kind
    severity: Severity
    reason: str | None = None
    """Of a content finding: what is wrong with the message."""
    cause: Cause | None = None
    """Of version_gap, missing_head and duplicate_version."""
    seq: int | None = None
    subject: str | None = None
    """Bytes that are not UTF-8 are shown as \\xNN."""
    actor: str | None = None
    """The actor id as it stands in the subject; it leads to the actor in every command."""
    detail: str | None = None
    ids: tuple[str, ...] | None = None
    """Of subject_collision: actor ids that share the subject, at most 10."""
    version: int | None = None
    after_version: int | None = None
    before_version: int | None = None
    missing: int | None = None
    after_seq: int | None = None
    before_seq: int | None = None
    first_seq: int | None = None
    last_seq: int | None = None
    count: int | None = None
    noticed_at: str | None = None
    """Of a finding about the stream's history: when."""
    quarantine: str | None = None
    """Subject of the quarantine record that keeps the message's bytes."""

    @property
    def position(self) -> int:
        """The sequence at which it is seen; 0 for one that has no place in the stream."""
        return next((seq for seq in (self.seq, self.before_seq, self.first_seq) if seq is not None), 0)


def subject_text(subject: bytes) -> str:
    r"""`subject` as valid Unicode: bytes that are not UTF-8 become \xNN."""
    return subject.decode("utf-8", "backslashreplace")
