"""One audit's whole memory of a stream: takes messages in stream order, gives back evidence, and in the end a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from auditor.aether.event import Malformed
from auditor.aether.gojson import judge_event, judge_snapshot, version_given
from auditor.aether.subjects import subject_tail, unreachable_reason
from auditor.core.evidence import Evidence
from auditor.core.findings import Cause, Finding, Hidden, Kind, Severity, subject_text
from auditor.core.ledger import Ledger
from auditor.core.report import Outcome

if TYPE_CHECKING:
    from auditor.core.message import StoredMessage
    from auditor.core.scope import Scope

REMEMBERED_UNJUDGED = 10_000
"""Sequences of unjudged messages kept; more are counted all the same."""


NO_ACTOR = "no actor id leads to this subject"


class AuditState(msgspec.Struct):
    """Everything an audit remembers, as plain data: it survives `msgspec.to_builtins` and back unchanged."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    events: dict[Outcome, int] = msgspec.field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    snapshots: dict[Outcome, int] = msgspec.field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    unjudged: int = 0
    unjudged_seqs: list[int] = []
    skipped: int = 0
    content: dict[Kind, int] = {}
    """Exact counts of findings about single messages."""
    malformed_events: dict[tuple[str, str], int] = {}
    """By actor type and reason."""
    details: dict[Kind, list[Finding]] = {}
    """The first findings about single messages of each kind."""

    @property
    def examined(self) -> int:
        """Messages on subjects of the audit, judged or not."""
        return sum(self.events.values()) + sum(self.snapshots.values()) + self.unjudged


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
        """Count a message that `receive` could not judge."""
        self.state.unjudged += 1
        if len(self.state.unjudged_seqs) < REMEMBERED_UNJUDGED:
            self.state.unjudged_seqs.append(message.seq)

    def _event(self, message: StoredMessage, tail: bytes) -> Evidence | None:
        state = self.state
        actor = state.ledger.actors.get(tail)
        if actor is None and tail not in state.ledger.troubles:
            if not self._scope.covers(message.subject):
                state.skipped += 1
                return None
            if why := unreachable_reason(tail):
                self._note(message, Kind.UNREACHABLE_EVENT, Severity.NOTICE, why, None, NO_ACTOR)
                state.events[Outcome.UNREACHABLE] += 1
                return None
        facts = judge_event(message.data)
        if isinstance(facts, Malformed):
            evidence = self._condemn(message, Kind.MALFORMED_EVENT, facts.reason, tail, facts.detail)
            key = (tail.partition(b".")[0].decode(), str(facts.reason))
            state.malformed_events[key] = state.malformed_events.get(key, 0) + 1
            state.ledger.damage(tail, Cause.MALFORMED, message.seq)
            state.events[Outcome.MALFORMED] += 1
            return evidence
        if facts.version <= 0:
            given = version_given(message.data)
            hidden = Hidden.VERSION_NOT_POSITIVE if given else Hidden.VERSION_MISSING
            text = "the version is not above 0" if given else "there is no version"
            evidence = self._condemn(
                message, Kind.HIDDEN_EVENT, hidden, tail, f"{text}: replay drops the event without an error"
            )
            state.ledger.damage(tail, Cause.HIDDEN, message.seq)
            state.events[Outcome.HIDDEN] += 1
            return evidence
        if (actor is None or facts.actor_id != actor.id) and subject_tail(facts.actor_id).encode() != tail:
            evidence = self._condemn(message, Kind.FOREIGN_ACTOR, None, tail, _foreign(facts.actor_id))
            state.ledger.damage(tail, Cause.FOREIGN, message.seq)
            state.events[Outcome.OK] += 1
            return evidence
        state.ledger.event(tail, facts.actor_id, facts.version, message.seq)
        state.events[Outcome.OK] += 1
        return None

    def _snapshot(self, message: StoredMessage, tail: bytes) -> Evidence | None:
        facts = judge_snapshot(message.data)
        evidence = None
        if isinstance(facts, Malformed):
            evidence = self._condemn(message, Kind.MALFORMED_SNAPSHOT, facts.reason, tail, facts.detail)
            self.state.ledger.snapshot(tail, 0, message.seq, Kind.MALFORMED_SNAPSHOT)
            self.state.snapshots[Outcome.MALFORMED] += 1
            return evidence
        if unreachable_reason(tail):
            foreign: str | None = NO_ACTOR
        else:
            foreign = _foreign(facts.actor_id) if subject_tail(facts.actor_id).encode() != tail else None
        if foreign:
            evidence = self._condemn(message, Kind.FOREIGN_SNAPSHOT, None, tail, foreign)
        self.state.ledger.snapshot(tail, facts.version, message.seq, Kind.FOREIGN_SNAPSHOT if foreign else None)
        self.state.snapshots[Outcome.OK] += 1
        return evidence

    def _condemn(self, message: StoredMessage, kind: Kind, reason: str | None, tail: bytes, detail: str) -> Evidence:
        evidence = Evidence(self._where.stream, self._where.created_ns, message, kind, reason, detail)
        prefix = self._where.quarantine_prefix
        key = None if prefix is None else f"{prefix}.{evidence.key}"
        self._note(message, kind, Severity.CORRUPTION, reason, actor_of(tail), detail, key)
        return evidence

    def _note(
        self,
        message: StoredMessage,
        kind: Kind,
        severity: Severity,
        reason: str | None,
        actor: str | None,
        detail: str,
        key: str | None = None,
    ) -> None:
        state = self.state
        state.content[kind] = state.content.get(kind, 0) + 1
        listed = state.details.setdefault(kind, [])
        if len(listed) < self._detail_limit:
            listed.append(
                Finding(
                    kind=kind,
                    severity=severity,
                    reason=reason,
                    seq=message.seq,
                    subject=subject_text(message.subject),
                    actor=actor,
                    detail=detail,
                    quarantine=key,
                )
            )


def actor_of(tail: bytes) -> str | None:
    """The actor id as the subject has it; None where no actor id leads to the subject."""
    return None if unreachable_reason(tail) else tail.rpartition(b".")[2].decode()


def _foreign(actor_id: str) -> str:
    if not actor_id:
        return "actorId: empty, so that it names no actor"
    return "actorId: names another actor than the subject"
