"""Defines the kinds of findings, in one table, and the value that describes one finding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from auditor.core.model.kind_rules import AcceptedBy, OpenUntil, Replaced, SeverityRule, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(StrEnum):
    """How much a finding weighs, the heaviest first."""

    CORRUPTION = "corruption"
    """Makes a pass corrupt."""
    INCONCLUSIVE = "inconclusive"
    """Makes a pass inconclusive that is not corrupt."""
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """The place in the order of findings: 0 for the heaviest."""
        return list(Severity).index(self)


class Kind(StrEnum):
    """The name of each kind of finding. `KINDS` says what holds for it, `docs/findings.md` what it means and what to do."""

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
    REPLICA_UNREADABLE = "replica_unreadable"
    REPLICA_MISSING = "replica_missing"
    REPLICA_DIFFERS = "replica_differs"
    REPLICA_BEHIND = "replica_behind"
    REPLICA_ABSENT = "replica_absent"
    CONFIG_CHANGED = "config_changed"


class Cause(StrEnum):
    """Why versions are missing, or whether two copies of a version have the same bytes."""

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
    """Why no actor id leads to a subject. The first that applies, in this order."""

    ENCODING = "encoding"
    WILDCARD = "wildcard"
    TOKENS = "tokens"


class Hidden(StrEnum):
    """Why replay drops an event that decodes."""

    VERSION_MISSING = "version_missing"
    VERSION_NOT_POSITIVE = "version_not_positive"


FieldName = Literal[
    "reason", "cause", "seq", "subject", "actor", "ids", "version", "after_version", "before_version",
    "missing", "after_seq", "before_seq", "first_seq", "last_seq", "count", "noticed_at", "quarantine",
    "replica", "leader", "undecided", "ranges",
]  # fmt: skip
"""A field of `Finding` that only some kinds have."""

PlaceField = Literal["seq", "first_seq", "last_seq", "after_seq", "before_seq"]
"""A field of `Finding` that holds a sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec:
    """What holds for every finding of one kind."""

    kind: Kind
    severity_rule: SeverityRule = SeverityRule.CORRUPTION
    unit: Unit = Unit.FINDINGS
    fields: tuple[FieldName, ...]
    """The fields that every finding has, in addition to kind and severity."""
    optional: tuple[FieldName, ...] = ()
    """The fields that some findings have. Every finding may have a detail."""
    place: tuple[PlaceField, ...] = ("seq",)
    """The fields that say where it is, in stream order. Empty if it is about the whole stream."""
    quarantined: bool = False
    """Whether the bytes of the message are the reason, so that it is stored as a record."""
    gap_cause: Cause | None = None
    """The cause of a gap that it explains."""
    accepted_by: AcceptedBy = AcceptedBy.SEQUENCE
    open_until: OpenUntil = OpenUntil.NOT_FOUND
    replaced: Replaced = Replaced.NONE

    @property
    def severities(self) -> tuple[Severity, ...]:
        """The severities that its findings can have, the usual one first."""
        return _SEVERITIES[self.severity_rule]

    def severity(self, *, excused: bool = False) -> Severity:
        """The severity of a finding. `excused`: the circumstances that the severity rule names make it a notice."""
        return self.severities[-1 if excused else 0]


_SEVERITIES: Mapping[SeverityRule, tuple[Severity, ...]] = {
    SeverityRule.CORRUPTION: (Severity.CORRUPTION,),
    SeverityRule.INCONCLUSIVE: (Severity.INCONCLUSIVE,),
    SeverityRule.NOTICE: (Severity.NOTICE,),
    SeverityRule.LAST_SNAPSHOT: (Severity.CORRUPTION, Severity.NOTICE),
    SeverityRule.UNEXPECTED_GAP: (Severity.CORRUPTION, Severity.NOTICE),
}

_EVENT: tuple[FieldName, ...] = ("seq", "subject", "actor")
_SNAPSHOT: tuple[FieldName, ...] = ("seq", "subject")
_GAP: tuple[FieldName, ...] = ("subject", "actor", "cause", "after_version", "before_version", "missing", "before_seq")
_RANGE: tuple[PlaceField, ...] = ("first_seq", "last_seq")
_COPY: tuple[FieldName, ...] = ("replica", "leader", "undecided", *_RANGE, "count", "ranges")

SPECS = (
    KindSpec(
        kind=Kind.MALFORMED_EVENT,
        fields=(*_EVENT, "reason"),
        optional=("quarantine",),
        quarantined=True,
        gap_cause=Cause.MALFORMED,
    ),
    KindSpec(
        kind=Kind.HIDDEN_EVENT,
        fields=(*_EVENT, "reason"),
        optional=("quarantine",),
        quarantined=True,
        gap_cause=Cause.HIDDEN,
    ),
    KindSpec(
        kind=Kind.FOREIGN_ACTOR, fields=_EVENT, optional=("quarantine",), quarantined=True, gap_cause=Cause.FOREIGN
    ),
    KindSpec(kind=Kind.SUBJECT_COLLISION, fields=(*_EVENT, "ids")),
    KindSpec(kind=Kind.UNREACHABLE_EVENT, severity_rule=SeverityRule.NOTICE, fields=("seq", "subject", "reason")),
    KindSpec(
        kind=Kind.VERSION_GAP,
        severity_rule=SeverityRule.UNEXPECTED_GAP,
        fields=(*_GAP, "after_seq"),
        place=("after_seq", "before_seq"),
    ),
    KindSpec(kind=Kind.DUPLICATE_VERSION, fields=(*_EVENT, "version", "cause")),
    KindSpec(kind=Kind.LATE_VERSION, fields=(*_EVENT, "version")),
    KindSpec(kind=Kind.VERSION_REGRESSION, fields=(*_EVENT, "version")),
    KindSpec(kind=Kind.MISSING_HEAD, severity_rule=SeverityRule.UNEXPECTED_GAP, fields=_GAP, place=("before_seq",)),
    KindSpec(
        kind=Kind.MALFORMED_SNAPSHOT,
        severity_rule=SeverityRule.LAST_SNAPSHOT,
        fields=(*_SNAPSHOT, "reason"),
        optional=("actor", "quarantine"),
        quarantined=True,
    ),
    KindSpec(
        kind=Kind.FOREIGN_SNAPSHOT,
        severity_rule=SeverityRule.LAST_SNAPSHOT,
        fields=_SNAPSHOT,
        optional=("actor", "quarantine"),
        quarantined=True,
    ),
    KindSpec(kind=Kind.SNAPSHOT_AHEAD, fields=(*_EVENT, "version")),
    KindSpec(
        kind=Kind.DELETED_MESSAGES,
        severity_rule=SeverityRule.NOTICE,
        unit=Unit.MESSAGES,
        fields=(*_RANGE, "count"),
        place=_RANGE,
        gap_cause=Cause.DELETED,
    ),
    KindSpec(
        kind=Kind.UNREADABLE_MESSAGE,
        unit=Unit.MESSAGES,
        fields=(*_RANGE, "count"),
        optional=("subject", "actor"),
        place=_RANGE,
        gap_cause=Cause.UNREADABLE,
    ),
    KindSpec(kind=Kind.LOST_MESSAGES, unit=Unit.MESSAGES, fields=("count",), optional=_RANGE, place=_RANGE),
    KindSpec(
        kind=Kind.STREAM_ROLLBACK,
        fields=(*_RANGE, "count"),
        optional=("noticed_at",),
        place=_RANGE,
        accepted_by=AcceptedBy.TIME,
        open_until=OpenUntil.ACCEPTED,
        replaced=Replaced.RANGE,
    ),
    KindSpec(
        kind=Kind.STREAM_RECREATED,
        fields=("count",),
        optional=("noticed_at",),
        place=(),
        accepted_by=AcceptedBy.TIME,
        open_until=OpenUntil.ACCEPTED,
    ),
    KindSpec(
        kind=Kind.HISTORY_CHANGED,
        fields=(*_RANGE, "count"),
        optional=("noticed_at",),
        place=_RANGE,
        accepted_by=AcceptedBy.TIME,
        open_until=OpenUntil.ACCEPTED,
        replaced=Replaced.ALL,
    ),
    KindSpec(kind=Kind.REPLICA_UNREADABLE, fields=_COPY, place=_RANGE, open_until=OpenUntil.COPY_READ),
    KindSpec(kind=Kind.REPLICA_MISSING, fields=_COPY, place=_RANGE, open_until=OpenUntil.COPY_READ),
    KindSpec(kind=Kind.REPLICA_DIFFERS, fields=_COPY, place=_RANGE, open_until=OpenUntil.COPY_READ),
    KindSpec(
        kind=Kind.REPLICA_BEHIND,
        severity_rule=SeverityRule.INCONCLUSIVE,
        fields=("replica", "leader", *_RANGE, "count"),
        place=_RANGE,
    ),
    KindSpec(
        kind=Kind.REPLICA_ABSENT,
        severity_rule=SeverityRule.INCONCLUSIVE,
        fields=("replica", "leader"),
        place=(),
    ),
    KindSpec(
        kind=Kind.CONFIG_CHANGED,
        severity_rule=SeverityRule.NOTICE,
        fields=(),
        optional=("noticed_at",),
        place=(),
        accepted_by=AcceptedBy.TIME,
        open_until=OpenUntil.ACCEPTED,
    ),
)
"""One row for each kind. Texts that name several kinds name them in this order."""

KINDS: Mapping[Kind, KindSpec] = MappingProxyType({each.kind: each for each in SPECS})

MESSAGE_KINDS = tuple(each.kind for each in SPECS if each.unit is Unit.MESSAGES)
"""Kinds that are counted by messages and listed as ranges."""

MISSING_VERSION_KINDS = tuple(each.kind for each in SPECS if "missing" in each.fields)
"""Kinds that report missing versions of an actor."""

REPLICA_KINDS = tuple(each.kind for each in SPECS if "replica" in each.fields)
"""Kinds that report one copy of a replicated stream."""

SNAPSHOT_KINDS = tuple(each.kind for each in SPECS if each.severity_rule is SeverityRule.LAST_SNAPSHOT)
"""Kinds that report the bytes of a snapshot."""


def spec(kind: Kind) -> KindSpec:
    """Returns the row of `kind`."""
    return KINDS[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact about the stream. Its kind decides which fields are set.

    Text is valid Unicode and never holds a value of a payload. Raises ValueError if a field of the kind is missing, or if a
    field is set that the kind does not have.
    """

    kind: Kind
    severity: Severity
    reason: str | None = None
    """What is wrong with the message."""
    cause: Cause | None = None
    """Why versions are missing, or whether two copies of a version have the same bytes."""
    seq: int | None = None
    subject: str | None = None
    """Bytes that are not UTF-8 are shown as \\xNN."""
    actor: str | None = None
    """The actor id in the form that the subject has. Every command takes it."""
    detail: str | None = None
    ids: tuple[str, ...] | None = None
    """Actor ids that share the subject, at most 10."""
    version: int | None = None
    after_version: int | None = None
    before_version: int | None = None
    missing: int | None = None
    """How many versions are missing."""
    after_seq: int | None = None
    before_seq: int | None = None
    first_seq: int | None = None
    last_seq: int | None = None
    count: int | None = None
    noticed_at: str | None = None
    """When the finding was first reported."""
    quarantine: str | None = None
    """The subject of the record that holds the bytes of the message."""
    replica: str | None = None
    """The name of the server whose copy of the stream it is about."""
    leader: bool | None = None
    """Whether that server was the leader of the stream."""
    undecided: bool | None = None
    """Whether this copy may be the good one: what is stored does not tell which copies are damaged."""
    ranges: tuple[tuple[int, int], ...] | None = None
    """The sequences (first, last), at most the first 100 ranges."""

    def __post_init__(self) -> None:
        row = KINDS[self.kind]
        if self.severity not in row.severities:
            raise ValueError(f"a finding of kind {self.kind} has the severity {self.severity}, which it cannot have")
        for name in _FIELD_NAMES:
            if getattr(self, name) is None:
                if name in row.fields:
                    raise ValueError(f"a finding of kind {self.kind} has no {name}")
            elif name not in row.fields and name not in row.optional:
                raise ValueError(f"a finding of kind {self.kind} has a {name}, which it cannot have")

    @property
    def position(self) -> int:
        """The sequence by which findings are sorted; 0 if it has no place in the stream."""
        return next((seq for seq in (self.seq, self.before_seq, self.first_seq) if seq is not None), 0)

    @property
    def seq_for_acceptance(self) -> int:
        """The lowest sequence up to which an acceptance covers all of it; 0 if it has no place in the stream."""
        return next((seq for seq in (self.seq, self.before_seq, self.last_seq) if seq is not None), 0)


_FIELD_NAMES: tuple[FieldName, ...] = get_args(FieldName)


def place_of(finding: Finding) -> str:
    """Returns the sequences where `finding` is, as text: "17", "17–20" or "after 17, before 20".

    Empty if it has no place in the stream.
    """
    place = spec(finding.kind).place
    if "first_seq" in place and finding.first_seq is not None:
        return "–".join(str(seq) for seq in dict.fromkeys((finding.first_seq, finding.last_seq)))
    texts = {"seq": "", "after_seq": "after ", "before_seq": "before "}
    return ", ".join(f"{texts[name]}{seq}" for name in place if (seq := getattr(finding, name)) is not None)


def subject_text(subject: bytes) -> str:
    r"""Returns `subject` as valid Unicode: bytes that are not UTF-8 become \xNN."""
    return subject.decode("utf-8", "backslashreplace")


class Incident(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding about the past of the stream. It stays open until an operator accepts it.

    Raises ValueError for a kind that is open only until a pass no longer finds it.
    """

    noticed_ns: int
    """When it was first reported, nanoseconds since 1970."""
    finding: Finding

    def __post_init__(self) -> None:
        if spec(self.finding.kind).open_until is not OpenUntil.ACCEPTED:
            raise ValueError(f"a finding of kind {self.finding.kind} cannot be an incident")
