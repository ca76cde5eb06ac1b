"""The closed set of facts that an operator should know, and what each one weighs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class Unit(StrEnum):
    """What the count of a kind counts."""

    FINDINGS = "findings"
    MESSAGES = "messages"
    """Such findings are listed as ranges of sequences."""


class AcceptedBy(StrEnum):
    """What decides whether an acceptance covers a finding."""

    SEQUENCE = "sequence"
    TIME = "time"
    """The kind compares the stream with what it was: no stored message shows it, so it stands until it is accepted."""


PlaceField = Literal["seq", "first_seq", "last_seq", "after_seq", "before_seq"]
"""A field of `Finding` that holds a sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec:
    """What holds for every finding of one kind."""

    kind: Kind
    severities: tuple[Severity, ...] = (Severity.CORRUPTION,)
    """All that its findings can have, the normal one first; a second one is for findings that circumstances make a notice."""
    unit: Unit = Unit.FINDINGS
    place: tuple[PlaceField, ...] = ("seq",)
    """The fields that say where it is, each of which may be unset; empty if it is about the whole stream."""
    quarantined: bool = False
    """Whether it is about the bytes of one message, which are therefore kept in the quarantine."""
    gap_cause: Cause | None = None
    """The cause of a gap that it explains."""
    accepted_by: AcceptedBy = AcceptedBy.SEQUENCE


_NOTICE = (Severity.NOTICE,)
_EITHER = (Severity.CORRUPTION, Severity.NOTICE)
_RANGE: tuple[PlaceField, ...] = ("first_seq", "last_seq")

SPECS = (
    KindSpec(kind=Kind.MALFORMED_EVENT, quarantined=True, gap_cause=Cause.MALFORMED),
    KindSpec(kind=Kind.HIDDEN_EVENT, quarantined=True, gap_cause=Cause.HIDDEN),
    KindSpec(kind=Kind.FOREIGN_ACTOR, quarantined=True, gap_cause=Cause.FOREIGN),
    KindSpec(kind=Kind.SUBJECT_COLLISION),
    KindSpec(kind=Kind.UNREACHABLE_EVENT, severities=_NOTICE),
    KindSpec(kind=Kind.VERSION_GAP, severities=_EITHER, place=("after_seq", "before_seq")),
    KindSpec(kind=Kind.DUPLICATE_VERSION),
    KindSpec(kind=Kind.LATE_VERSION),
    KindSpec(kind=Kind.VERSION_REGRESSION),
    KindSpec(kind=Kind.MISSING_HEAD, severities=_EITHER, place=("before_seq",)),
    KindSpec(kind=Kind.MALFORMED_SNAPSHOT, severities=_EITHER, quarantined=True),
    KindSpec(kind=Kind.FOREIGN_SNAPSHOT, severities=_EITHER, quarantined=True),
    KindSpec(kind=Kind.SNAPSHOT_AHEAD),
    KindSpec(
        kind=Kind.DELETED_MESSAGES,
        severities=_NOTICE,
        unit=Unit.MESSAGES,
        place=_RANGE,
        gap_cause=Cause.DELETED,
    ),
    KindSpec(kind=Kind.UNREADABLE_MESSAGE, unit=Unit.MESSAGES, place=_RANGE, gap_cause=Cause.UNREADABLE),
    KindSpec(kind=Kind.LOST_MESSAGES, unit=Unit.MESSAGES, place=_RANGE),
    KindSpec(kind=Kind.STREAM_ROLLBACK, place=_RANGE, accepted_by=AcceptedBy.TIME),
    KindSpec(kind=Kind.STREAM_RECREATED, place=(), accepted_by=AcceptedBy.TIME),
    KindSpec(kind=Kind.HISTORY_CHANGED, place=_RANGE, accepted_by=AcceptedBy.TIME),
    KindSpec(kind=Kind.CONFIG_CHANGED, severities=_NOTICE, place=(), accepted_by=AcceptedBy.TIME),
)
"""One row for each kind. Texts that name several kinds name them in this order."""

KINDS: Mapping[Kind, KindSpec] = MappingProxyType({each.kind: each for each in SPECS})

MESSAGE_KINDS = tuple(each.kind for each in SPECS if each.unit is Unit.MESSAGES)
"""Kinds that are counted by messages and listed as ranges, in the order of the table."""

HISTORY_KINDS = frozenset(each.kind for each in SPECS if each.accepted_by is AcceptedBy.TIME)
"""Kinds that are accepted by time."""


def spec(kind: Kind) -> KindSpec:
    """The row of `kind`."""
    return KINDS[kind]


def severities(kind: Kind) -> tuple[Severity, ...]:
    """The severities that findings of `kind` can have."""
    return spec(kind).severities


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


def place_of(finding: Finding) -> str:
    """Where `finding` is, in words: a sequence, a range, or between two sequences; empty if it has no place in the stream."""
    match spec(finding.kind).place:
        case ("seq",) if finding.seq is not None:
            return f"sequence {finding.seq}"
        case ("first_seq", "last_seq") if finding.first_seq is not None:
            return f"sequences {finding.first_seq} to {finding.last_seq}"
        case (*_, "before_seq") if finding.before_seq is not None:
            after = f"after sequence {finding.after_seq}, " if finding.after_seq else ""
            return f"{after}before {finding.before_seq}"
    return ""


def subject_text(subject: bytes) -> str:
    r"""`subject` as valid Unicode: bytes that are not UTF-8 become \xNN."""
    return subject.decode("utf-8", "backslashreplace")


class Incident(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding about the stream's history: it stands until an operator accepts it."""

    noticed_ns: int
    finding: Finding
