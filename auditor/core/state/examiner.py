"""One audit's whole memory of a stream: takes messages in stream order, gives back evidence, and in the end a report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from auditor.aether.event import Malformed
from auditor.aether.gojson.decode import fast_event, has_version, judge_event, judge_snapshot
from auditor.aether.stream_layout import StreamLayout, actor_id_of, actor_type_of
from auditor.aether.subjects import actor_key, unreachable_reason
from auditor.core.model.findings import Finding, Hidden, Kind, spec, subject_text
from auditor.core.model.passes import Outcome
from auditor.core.model.quarantine_entry import QuarantineEntry
from auditor.core.state.ledger import Ledger
from auditor.core.state.segments import SEGMENT_SIZE, Segment, Segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.message import StoredMessage
    from auditor.core.model.subject_filter import SubjectFilter
    from auditor.core.state.ledger import Snapshot

MAX_UNJUDGED_SEQS = 100
"""Sequences of unjudged messages kept of each stretch; more are counted all the same."""

NO_ACTOR = "no actor id leads to this subject"


class AuditState(msgspec.Struct, forbid_unknown_fields=True):
    """Everything an audit remembers of messages, as plain data: it survives `msgspec.msgpack` unchanged."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    segments: Segments = msgspec.field(default_factory=Segments)


@dataclass(frozen=True, slots=True)
class AuditedStream:
    """The stream that is audited, and where evidence about it is kept."""

    stream: str
    created_ns: int
    quarantine_prefix: str | None = None
    """None if no evidence is kept."""


class Audit:
    """Judges the messages of one stream that are in `scope`. `examine` never sees a message twice, and sees them in order."""

    def __init__(
        self, where: AuditedStream, scope: SubjectFilter, *, detail_limit: int, state: AuditState | None = None
    ) -> None:
        """`detail_limit`: findings listed in detail, for each kind; counts stay exact beyond it."""
        self.state = state or AuditState()
        self._where = where
        self._scope = scope
        self._detail_limit = detail_limit
        layout = StreamLayout(where.stream)
        self._event_prefix = layout.events_prefix.encode()
        self._snapshot_prefix = layout.snapshots_prefix.encode()
        self._stretch = Segment()
        """That of the last message; it ends at `_until`."""
        self._until = -1
        self._before = Counter[Outcome]()
        """What had been counted in that stretch when this audit came to it."""
        self._examined = Counter[Outcome]()
        """In the stretches before, by this audit."""

    @property
    def examined(self) -> Counter[Outcome]:
        """Messages judged since this audit was made, which may have gone on with a state of before."""
        return self._examined + _outcomes(self._stretch) - self._before

    def examine(self, message: StoredMessage) -> QuarantineEntry | None:
        """Judge one message; the evidence to keep if its content condemns it.

        Whatever is raised is the auditor's own failure: the caller then calls `record_failure` with the message.
        """
        if message.seq > self._until:
            self._enter(message.seq)
        subject = message.subject
        if subject.startswith(self._event_prefix):
            return self._event(message, subject[len(self._event_prefix) :])
        if subject.startswith(self._snapshot_prefix) and self._scope.covers(subject):
            return self._snapshot(message, subject[len(self._snapshot_prefix) :])
        self._stretch.skipped += 1
        return None

    def examine_expected(self, messages: Sequence[StoredMessage], at: int = 0) -> int:
        """Take messages from index `at` on, as long as each is the next event of an ordinary actor.

        The index of the first one that is not, for `examine`. This says nothing that `examine` would not: it says it of
        millions of messages in half the time.
        """
        prefix, cut, until = self._event_prefix, len(self._event_prefix), self._until
        actors, troubles = self.state.ledger.actors.get, self.state.ledger.anomalies
        begin = at
        while at < len(messages):
            message = messages[at]
            subject = message.subject
            if message.seq > until or not subject.startswith(prefix):
                break
            tail = subject[cut:]
            actor = actors(tail)
            if actor is None or tail in troubles:
                break
            try:
                facts = fast_event(message.data)
            except Exception:  # noqa: BLE001 - `examine` meets it again
                break
            if facts is None or facts.version != actor.last_version + 1 or facts.actor_id != actor.id:
                break
            actor.last_version = facts.version
            actor.last_seq = message.seq
            at += 1
        self._stretch.events.ok += at - begin
        return at

    def _enter(self, seq: int) -> None:
        self._examined = self.examined
        self._stretch = self.state.segments.segment_for(seq)
        self._before = _outcomes(self._stretch)
        self._until = (seq // SEGMENT_SIZE + 1) * SEGMENT_SIZE - 1

    def record_failure(self, message: StoredMessage) -> None:
        """Count a message that `examine` could not judge, and remember what it casts doubt on."""
        if message.seq > self._until:
            self._enter(message.seq)
        ledger, stretch, subject = self.state.ledger, self._stretch, message.subject
        stretch.unjudged += 1
        if len(stretch.unjudged_seqs) < MAX_UNJUDGED_SEQS:
            stretch.unjudged_seqs.append(message.seq)
        if subject.startswith(self._event_prefix):
            ledger.unjudged.add(subject[len(self._event_prefix) :])
        elif subject.startswith(self._snapshot_prefix):
            self.supersede_snapshot(ledger.snapshots.pop(subject[len(self._snapshot_prefix) :], None))

    def _event(self, message: StoredMessage, tail: bytes) -> QuarantineEntry | None:
        ledger, stretch = self.state.ledger, self._stretch
        actor = ledger.actors.get(tail)
        if actor is None and tail not in ledger.anomalies:
            if not self._scope.covers(message.subject):
                stretch.skipped += 1
                return None
            if unreachable := unreachable_reason(tail):
                self._note(_finding(message, Kind.UNREACHABLE_EVENT, unreachable, NO_ACTOR))
                stretch.events.unreachable += 1
                return None
        facts = judge_event(message.data)
        if isinstance(facts, Malformed):
            evidence = self._damage(message, tail, Kind.MALFORMED_EVENT, facts.reason, facts.detail)
            key = (actor_type_of(tail), str(facts.reason))
            stretch.malformed_events[key] = stretch.malformed_events.get(key, 0) + 1
            stretch.events.malformed += 1
            return evidence
        if facts.version <= 0:
            given = has_version(message.data)
            hidden = Hidden.VERSION_NOT_POSITIVE if given else Hidden.VERSION_MISSING
            text = "the version is not above 0" if given else "there is no version"
            detail = f"{text}: replay drops the event without an error"
            evidence = self._damage(message, tail, Kind.HIDDEN_EVENT, hidden, detail)
            stretch.events.hidden += 1
            return evidence
        if (actor is None or facts.actor_id != actor.id) and (foreign := _foreign(facts.actor_id, tail)):
            evidence = self._damage(message, tail, Kind.FOREIGN_ACTOR, None, foreign)
            stretch.events.ok += 1
            return evidence
        ledger.add_event(tail, facts.actor_id, facts.version, message.seq)
        stretch.events.ok += 1
        return None

    def _damage(
        self, message: StoredMessage, tail: bytes, kind: Kind, reason: str | None, detail: str
    ) -> QuarantineEntry:
        evidence, finding = self._condemn(message, tail, kind, reason, detail)
        self._note(finding)
        cause = spec(kind).gap_cause
        assert cause is not None
        self.state.ledger.add_bad_message(tail, cause, message.seq)
        return evidence

    def _snapshot(self, message: StoredMessage, tail: bytes) -> QuarantineEntry | None:
        ledger, stretch = self.state.ledger, self._stretch
        facts = judge_snapshot(message.data)
        evidence = finding = None
        if isinstance(facts, Malformed):
            evidence, finding = self._condemn(message, tail, Kind.MALFORMED_SNAPSHOT, facts.reason, facts.detail)
            self.supersede_snapshot(ledger.add_snapshot(tail, 0, message.seq, finding))
            stretch.snapshots.malformed += 1
        else:
            if foreign := _foreign(facts.actor_id, tail):
                evidence, finding = self._condemn(message, tail, Kind.FOREIGN_SNAPSHOT, None, foreign)
            self.supersede_snapshot(ledger.add_snapshot(tail, facts.version, message.seq, finding))
            stretch.snapshots.ok += 1
        return evidence

    def supersede_snapshot(self, snapshot: Snapshot | None) -> None:
        """`snapshot` is the last on its subject no more. Only the last one is ever read: an earlier bad one is a notice."""
        if snapshot is not None and snapshot.finding is not None:
            self._note(replace(snapshot.finding, severity=spec(snapshot.finding.kind).severity(excused=True)))

    def _condemn(
        self, message: StoredMessage, tail: bytes, kind: Kind, reason: str | None, detail: str
    ) -> tuple[QuarantineEntry, Finding]:
        where = self._where
        evidence = QuarantineEntry(where.stream, where.created_ns, message, kind, reason, detail)
        key = None if where.quarantine_prefix is None else f"{where.quarantine_prefix}.{evidence.key}"
        return evidence, _finding(message, kind, reason, detail, actor_id_of(tail), key)

    def _note(self, finding: Finding) -> None:
        """Count a finding whose weight is settled, and list it while there is room."""
        self.state.segments.add_finding(finding, self._detail_limit)


def _outcomes(stretch: Segment) -> Counter[Outcome]:
    events, snapshots = stretch.events, stretch.snapshots
    return Counter(
        {
            Outcome.OK: events.ok + snapshots.ok,
            Outcome.MALFORMED: events.malformed + snapshots.malformed,
            Outcome.HIDDEN: events.hidden,
            Outcome.UNREACHABLE: events.unreachable,
            Outcome.UNJUDGED: stretch.unjudged,
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


def _foreign(actor_id: str, tail: bytes) -> str | None:
    """Why a body with `actor_id` does not belong where it is stored; None if it does."""
    if not actor_id:
        return "actorId: empty, so that it names no actor"
    if actor_key(actor_id).encode() == tail:
        return None
    return NO_ACTOR if unreachable_reason(tail) else "actorId: names another actor than the subject"
