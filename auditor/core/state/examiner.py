"""Examines the messages of a stream, in stream order, and updates the state of an audit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from auditor.aether.event import Malformed
from auditor.aether.gojson.decode import has_version, judge_event, judge_snapshot
from auditor.aether.stream_layout import StreamLayout, actor_id_of, actor_type_of
from auditor.aether.subjects import actor_key, unreachable_reason
from auditor.core.model.finding_identity import message_finding_digest
from auditor.core.model.findings import Finding, Hidden, Kind, spec, subject_text
from auditor.core.model.passes import Outcome
from auditor.core.model.quarantine_entry import QuarantineEntry
from auditor.core.model.subject_filter import is_subset
from auditor.core.state.ledger import Ledger
from auditor.core.state.segments import Segment, Segments, segment_number, segment_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.message import StoredMessage
    from auditor.core.model.subject_filter import SubjectFilter
    from auditor.core.state.ledger import Snapshot

MAX_UNJUDGED_SEQS = 100
"""Sequences of unjudged messages that are kept for each segment. The count of unjudged messages has no limit."""

NO_ACTOR_TEXT = "no actor id leads to this subject"


class AuditState(msgspec.Struct, forbid_unknown_fields=True):
    """The ledger and the segments: what an audit knows of the messages that it has read. Part of a checkpoint."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    segments: Segments = msgspec.field(default_factory=Segments)


@dataclass(frozen=True, slots=True)
class AuditedStream:
    """The audited stream, and the subjects of its records."""

    stream: str
    created_ns: int
    """When the stream was created, nanoseconds since 1970."""
    quarantine_prefix: str | None = None
    """The first tokens of the subjects of records; None if the pass sends no records."""
    layout: StreamLayout | None = None
    """The layout of the subjects of the stream; None for the layout that has the stream's name."""


class Examiner:
    """Examines the messages of one stream that match a subject filter.

    The caller passes each message once, in stream order.
    """

    def __init__(
        self, stream: AuditedStream, subjects: SubjectFilter, *, detail_limit: int, state: AuditState | None = None
    ) -> None:
        """`detail_limit`: how many findings of each kind are listed. `state`: the state to continue from."""
        self.state = state or AuditState()
        self._stream = stream
        self._subjects = subjects
        self._detail_limit = detail_limit
        layout = stream.layout or StreamLayout(stream.stream)
        self._event_prefix = layout.events_prefix.encode()
        self._snapshot_prefix = layout.snapshots_prefix.encode()
        self._takes_new = any(is_subset(pattern, layout.all_events) for pattern in subjects.patterns)
        """Whether the audit reads the events of all actors."""
        takes_snapshots = any(is_subset(pattern, layout.all_snapshots) for pattern in subjects.patterns)
        self._snapshot_prefix_of_all = self._snapshot_prefix if takes_snapshots else b""
        """Empty if the audit does not read the snapshots of all actors."""
        self._segment = Segment()
        """The segment of the last message."""
        self._segment_end = -1
        """The last sequence of that segment."""
        self._outcomes_at_start = Counter[Outcome]()
        """The counts of the segment before this examiner added to it."""
        self._outcomes_before = Counter[Outcome]()
        """The counts that this examiner added to earlier segments."""

    @property
    def outcomes(self) -> Counter[Outcome]:
        """Messages by outcome that this examiner has examined, without those of the state that it continued from."""
        return self._outcomes_before + _outcomes(self._segment) - self._outcomes_at_start

    def examine(self, message: StoredMessage) -> QuarantineEntry | None:
        """Examine one message. Returns its quarantine entry if its bytes are the reason for a finding.

        An exception is a failure of the auditor. The caller then calls `record_failure` with the same message.
        """
        if message.seq > self._segment_end:
            self._switch_segment(message.seq)
        subject = message.subject
        if subject.startswith(self._event_prefix):
            return self._event(message, subject[len(self._event_prefix) :])
        if subject.startswith(self._snapshot_prefix) and self._subjects.matches(subject):
            return self._snapshot(message, subject[len(self._snapshot_prefix) :])
        self._segment.skip(subject)
        return None

    def examine_expected(self, messages: Sequence[StoredMessage], at: int = 0) -> int:
        """Examine messages from index `at` on while they are ordinary, as `PythonTable.take` defines it.

        Returns the index of the first other message, which is for `examine`. The result is that of `examine`, in less time.
        """
        table, count = self.state.ledger.table, len(messages)
        while at < count:
            at, events, snapshots = table.take(
                messages, at, self._event_prefix, self._snapshot_prefix_of_all, self._segment_end, self._takes_new
            )
            self._segment.events.ok += events
            self._segment.snapshots.ok += snapshots
            if at == count or (seq := messages[at].seq) <= self._segment_end:
                break
            self._switch_segment(seq)
        return at

    def _switch_segment(self, seq: int) -> None:
        self._outcomes_before = self.outcomes
        self._segment = self.state.segments.segment_for(seq)
        self._outcomes_at_start = _outcomes(self._segment)
        _, self._segment_end = segment_range(segment_number(seq))

    def record_failure(self, message: StoredMessage) -> None:
        """Count a message on which `examine` failed as unjudged, and mark what it makes uncertain."""
        if message.seq > self._segment_end:
            self._switch_segment(message.seq)
        ledger, segment, subject = self.state.ledger, self._segment, message.subject
        segment.unjudged += 1
        if len(segment.unjudged_seqs) < MAX_UNJUDGED_SEQS:
            segment.unjudged_seqs.append(message.seq)
        if subject.startswith(self._event_prefix):
            ledger.unjudged.add(subject[len(self._event_prefix) :])
        elif subject.startswith(self._snapshot_prefix):
            self.supersede_snapshot(ledger.snapshots.pop(subject[len(self._snapshot_prefix) :], None))

    def _event(self, message: StoredMessage, key: bytes) -> QuarantineEntry | None:
        ledger, segment = self.state.ledger, self._segment
        actor = ledger.actors.get(key)
        if actor is None and key not in ledger.anomalies:
            if not self._subjects.matches(message.subject):
                segment.skipped += 1
                return None
            if unreachable := unreachable_reason(key):
                kind = Kind.UNREACHABLE_EVENT
                self._add_finding(_finding(message, kind, unreachable, NO_ACTOR_TEXT), self._digest(kind, message))
                segment.events.unreachable += 1
                return None
        event = judge_event(message.data)
        if isinstance(event, Malformed):
            entry = self._bad_event(message, key, Kind.MALFORMED_EVENT, event.reason, event.detail)
            by_type = (actor_type_of(key), str(event.reason))
            segment.malformed_events[by_type] = segment.malformed_events.get(by_type, 0) + 1
            segment.events.malformed += 1
            return entry
        if event.version <= 0:
            given = has_version(message.data)
            hidden = Hidden.VERSION_NOT_POSITIVE if given else Hidden.VERSION_MISSING
            text = "the version is not above 0" if given else "there is no version"
            detail = f"{text}: replay drops the event without an error"
            entry = self._bad_event(message, key, Kind.HIDDEN_EVENT, hidden, detail)
            segment.events.hidden += 1
            return entry
        if (actor is None or event.actor_id != actor.id) and (foreign := _foreign_detail(event.actor_id, key)):
            entry = self._bad_event(message, key, Kind.FOREIGN_ACTOR, None, foreign)
            segment.events.ok += 1
            return entry
        ledger.add_event(key, event.actor_id, event.version, message.seq)
        segment.events.ok += 1
        return None

    def _bad_event(
        self, message: StoredMessage, key: bytes, kind: Kind, reason: str | None, detail: str
    ) -> QuarantineEntry:
        entry, finding = self._quarantine_entry(message, key, kind, reason, detail)
        self._add_finding(finding, self._digest(kind, message))
        cause = spec(kind).gap_cause
        assert cause is not None
        self.state.ledger.add_bad_message(key, cause, message.seq)
        return entry

    def _snapshot(self, message: StoredMessage, key: bytes) -> QuarantineEntry | None:
        ledger, segment = self.state.ledger, self._segment
        snapshot = judge_snapshot(message.data)
        entry = finding = None
        digest = b""
        if isinstance(snapshot, Malformed):
            kind, reason, detail = Kind.MALFORMED_SNAPSHOT, snapshot.reason, snapshot.detail
            entry, finding = self._quarantine_entry(message, key, kind, reason, detail)
            self.supersede_snapshot(ledger.add_snapshot(key, 0, message.seq, finding, self._digest(kind, message)))
            segment.snapshots.malformed += 1
        else:
            if foreign := _foreign_detail(snapshot.actor_id, key):
                entry, finding = self._quarantine_entry(message, key, Kind.FOREIGN_SNAPSHOT, None, foreign)
                digest = self._digest(Kind.FOREIGN_SNAPSHOT, message)
            self.supersede_snapshot(ledger.add_snapshot(key, snapshot.version, message.seq, finding, digest))
            segment.snapshots.ok += 1
        return entry

    def supersede_snapshot(self, snapshot: Snapshot | None) -> None:
        """Count the finding of a snapshot that is no longer the last on its subject. Aether reads only the last one."""
        if snapshot is not None and snapshot.finding is not None:
            severity = spec(snapshot.finding.kind).severity(excused=True)
            self._add_finding(replace(snapshot.finding, severity=severity), snapshot.digest)

    def _quarantine_entry(
        self, message: StoredMessage, key: bytes, kind: Kind, reason: str | None, detail: str
    ) -> tuple[QuarantineEntry, Finding]:
        stream = self._stream
        entry = QuarantineEntry(stream.stream, stream.created_ns, message, kind, reason, detail)
        record = None if stream.quarantine_prefix is None else f"{stream.quarantine_prefix}.{entry.key}"
        return entry, _finding(message, kind, reason, detail, actor_id_of(key), record)

    def _digest(self, kind: Kind, message: StoredMessage) -> bytes:
        return message_finding_digest(kind, self._stream.stream, self._stream.created_ns, message)

    def _add_finding(self, finding: Finding, digest: bytes) -> None:
        """Count a finding whose severity no longer changes; list and identify it while its kind is below the limits."""
        self.state.segments.add_finding(finding, digest, self._detail_limit)


def _outcomes(segment: Segment) -> Counter[Outcome]:
    events, snapshots = segment.events, segment.snapshots
    return Counter(
        {
            Outcome.OK: events.ok + snapshots.ok,
            Outcome.MALFORMED: events.malformed + snapshots.malformed,
            Outcome.HIDDEN: events.hidden,
            Outcome.UNREACHABLE: events.unreachable,
            Outcome.UNJUDGED: segment.unjudged,
        }
    )


def _finding(
    message: StoredMessage,
    kind: Kind,
    reason: str | None,
    detail: str,
    actor: str | None = None,
    quarantine: str | None = None,
) -> Finding:
    return Finding(
        kind=kind,
        severity=spec(kind).severity(),
        reason=reason,
        seq=message.seq,
        subject=subject_text(message.subject),
        actor=actor,
        detail=detail,
        quarantine=quarantine,
    )


def _foreign_detail(actor_id: str, key: bytes) -> str | None:
    """Why a body with this actor id does not belong to the actor key; None if it does."""
    if not actor_id:
        return "actorId: empty, so that it names no actor"
    if actor_key(actor_id).encode() == key:
        return None
    return NO_ACTOR_TEXT if unreachable_reason(key) else "actorId: names another actor than the subject"
