"""One audit's whole memory of a stream: takes messages in stream order, gives back evidence, and in the end a report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from auditor.aether.event import Malformed
from auditor.aether.gojson import judge_event, judge_snapshot, version_given
from auditor.aether.subjects import subject_tail, unreachable_reason
from auditor.core.evidence import Evidence
from auditor.core.findings import Cause, Finding, Hidden, Kind, Severity, severities, subject_text
from auditor.core.ledger import Ledger

if TYPE_CHECKING:
    from auditor.core.ledger import Snapshot
    from auditor.core.message import StoredMessage
    from auditor.core.scope import Scope

REMEMBERED_UNJUDGED = 10_000
"""Sequences of unjudged messages kept; more are counted all the same."""

NO_ACTOR = "no actor id leads to this subject"

CAUSES = {
    Kind.MALFORMED_EVENT: Cause.MALFORMED,
    Kind.HIDDEN_EVENT: Cause.HIDDEN,
    Kind.FOREIGN_ACTOR: Cause.FOREIGN,
}
"""What a condemned event may be the cause of."""


class Tally(msgspec.Struct):
    """Messages that were judged, by outcome."""

    ok: int = 0
    malformed: int = 0
    hidden: int = 0
    unreachable: int = 0

    @property
    def judged(self) -> int:
        """All of them."""
        return self.ok + self.malformed + self.hidden + self.unreachable


class AuditState(msgspec.Struct):
    """Everything an audit remembers, as plain data: it survives `msgspec.msgpack` unchanged."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    events: Tally = msgspec.field(default_factory=Tally)
    snapshots: Tally = msgspec.field(default_factory=Tally)
    unjudged: int = 0
    unjudged_seqs: list[int] = []
    skipped: int = 0
    content: dict[Kind, int] = {}
    """Exact counts of findings about single messages. A bad snapshot counts once it is superseded: until then it may be
    the last on its subject, and the ledger has it."""
    malformed_events: dict[tuple[str, str], int] = {}
    """By actor type and reason."""
    details: dict[Kind, list[Finding]] = {}
    """The first findings of `content` of each kind."""

    @property
    def examined(self) -> int:
        """Messages on subjects of the audit, judged or not."""
        return self.events.judged + self.snapshots.judged + self.unjudged


@dataclass(frozen=True, slots=True)
class Where:
    """The stream that is audited, and where evidence about it is kept."""

    stream: str
    created_ns: int
    quarantine_prefix: str | None = None
    """None if no evidence is kept."""


class Audit:
    """Judges the messages of one stream that are in `scope`. `receive` never sees a message twice, and sees them in order."""

    def __init__(self, where: Where, scope: Scope, *, detail_limit: int, state: AuditState | None = None) -> None:
        """`detail_limit`: findings listed in detail, for each kind; counts stay exact beyond it."""
        self.state = state or AuditState()
        self._where = where
        self._scope = scope
        self._detail_limit = detail_limit
        self._event_prefix = f"{where.stream}.events.".encode()
        self._snapshot_prefix = f"{where.stream}.snapshots.".encode()

    def receive(self, message: StoredMessage) -> Evidence | None:
        """Judge one message; the evidence to keep if its content condemns it.

        Whatever is raised is the auditor's own failure: the caller then calls `failed_on` with the message.
        """
        subject = message.subject
        if subject.startswith(self._event_prefix):
            return self._event(message, subject[len(self._event_prefix) :])
        if subject.startswith(self._snapshot_prefix) and self._scope.covers(subject):
            return self._snapshot(message, subject[len(self._snapshot_prefix) :])
        self.state.skipped += 1
        return None

    def failed_on(self, message: StoredMessage) -> None:
        """Count a message that `receive` could not judge, and remember what it casts doubt on."""
        state, subject = self.state, message.subject
        state.unjudged += 1
        if len(state.unjudged_seqs) < REMEMBERED_UNJUDGED:
            state.unjudged_seqs.append(message.seq)
        if subject.startswith(self._event_prefix):
            state.ledger.unjudged.add(subject[len(self._event_prefix) :])
        elif subject.startswith(self._snapshot_prefix):
            self._superseded(state.ledger.snapshots.pop(subject[len(self._snapshot_prefix) :], None))

    def _event(self, message: StoredMessage, tail: bytes) -> Evidence | None:
        state = self.state
        actor = state.ledger.actors.get(tail)
        if actor is None and tail not in state.ledger.troubles:
            if not self._scope.covers(message.subject):
                state.skipped += 1
                return None
            if unreachable := unreachable_reason(tail):
                self._note(_finding(message, Kind.UNREACHABLE_EVENT, unreachable, NO_ACTOR))
                state.events.unreachable += 1
                return None
        facts = judge_event(message.data)
        if isinstance(facts, Malformed):
            evidence = self._damage(message, tail, Kind.MALFORMED_EVENT, facts.reason, facts.detail)
            key = (actor_type(tail), str(facts.reason))
            state.malformed_events[key] = state.malformed_events.get(key, 0) + 1
            state.events.malformed += 1
            return evidence
        if facts.version <= 0:
            given = version_given(message.data)
            hidden = Hidden.VERSION_NOT_POSITIVE if given else Hidden.VERSION_MISSING
            text = "the version is not above 0" if given else "there is no version"
            detail = f"{text}: replay drops the event without an error"
            evidence = self._damage(message, tail, Kind.HIDDEN_EVENT, hidden, detail)
            state.events.hidden += 1
            return evidence
        if (actor is None or facts.actor_id != actor.id) and (foreign := _foreign(facts.actor_id, tail)):
            evidence = self._damage(message, tail, Kind.FOREIGN_ACTOR, None, foreign)
            state.events.ok += 1
            return evidence
        state.ledger.event(tail, facts.actor_id, facts.version, message.seq)
        state.events.ok += 1
        return None

    def _damage(self, message: StoredMessage, tail: bytes, kind: Kind, reason: str | None, detail: str) -> Evidence:
        evidence, finding = self._condemn(message, tail, kind, reason, detail)
        self._note(finding)
        self.state.ledger.damage(tail, CAUSES[kind], message.seq)
        return evidence

    def _snapshot(self, message: StoredMessage, tail: bytes) -> Evidence | None:
        state = self.state
        facts = judge_snapshot(message.data)
        evidence = finding = None
        if isinstance(facts, Malformed):
            evidence, finding = self._condemn(message, tail, Kind.MALFORMED_SNAPSHOT, facts.reason, facts.detail)
            self._superseded(state.ledger.snapshot(tail, 0, message.seq, finding))
            state.snapshots.malformed += 1
        else:
            if foreign := _foreign(facts.actor_id, tail):
                evidence, finding = self._condemn(message, tail, Kind.FOREIGN_SNAPSHOT, None, foreign)
            self._superseded(state.ledger.snapshot(tail, facts.version, message.seq, finding))
            state.snapshots.ok += 1
        return evidence

    def _superseded(self, snapshot: Snapshot | None) -> None:
        """Only the last snapshot on a subject is ever read: an earlier bad one is a notice."""
        if snapshot is not None and snapshot.finding is not None:
            self._note(replace(snapshot.finding, severity=Severity.NOTICE))

    def _condemn(
        self, message: StoredMessage, tail: bytes, kind: Kind, reason: str | None, detail: str
    ) -> tuple[Evidence, Finding]:
        where = self._where
        evidence = Evidence(where.stream, where.created_ns, message, kind, reason, detail)
        key = None if where.quarantine_prefix is None else f"{where.quarantine_prefix}.{evidence.key}"
        return evidence, _finding(message, kind, reason, detail, actor_of(tail), key)

    def _note(self, finding: Finding) -> None:
        """Count a finding whose weight is settled, and list it while there is room."""
        state = self.state
        state.content[finding.kind] = state.content.get(finding.kind, 0) + 1
        listed = state.details.setdefault(finding.kind, [])
        if len(listed) < self._detail_limit:
            listed.append(finding)


def actor_of(tail: bytes) -> str | None:
    """The actor id as the subject has it; None where no actor id leads to the subject."""
    return None if unreachable_reason(tail) else tail.rpartition(b".")[2].decode()


def actor_type(tail: bytes) -> str:
    """The actor type as the subject has it."""
    return subject_text(tail.partition(b".")[0])


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
        severity=severities(kind)[0],
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
    if subject_tail(actor_id).encode() == tail:
        return None
    return NO_ACTOR if unreachable_reason(tail) else "actorId: names another actor than the subject"
