"""The findings that stand at the end of a pass: counted exactly, listed up to a bound."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from auditor.aether.stream_layout import StreamLayout, actor_id_of, actor_type_of
from auditor.core.model.findings import Cause, Finding, Kind, Severity, spec, subject_text
from auditor.core.report.actor_assessment import (
    ORDINARY,
    ActorAssessment,
    MissingVersions,
    RangeFacts,
    Replayability,
    assess_actor,
)
from auditor.core.report.pass_report import BrokenActor
from auditor.units import format_utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.model.findings import Incident
    from auditor.core.model.range_account import SubjectCount
    from auditor.core.model.ranges import Ranges
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.examiner import AuditState
    from auditor.core.state.ledger import OutOfOrderEvent

OUT_OF_ORDER_TEXT = {
    Kind.LATE_VERSION: "arrived after later versions: replay applies it out of order",
    Kind.DUPLICATE_VERSION: "is stored a second time: replay applies both",
    Kind.VERSION_REGRESSION: "is below the first version stored",
}


class FindingTable:
    """Takes what a pass remembered, room by room; the totals and lists are then complete."""

    def __init__(
        self,
        state: AuditState,
        stream: str,
        circumstances: RangeFacts,
        *,
        max_findings: int,
        accepted: Mapping[Kind, Acceptance] | None = None,
    ) -> None:
        self.totals: Counter[tuple[Kind, Severity]] = Counter()
        self.accepted: Counter[tuple[Kind, Severity]] = Counter()
        """Findings that were accepted, and are in no total."""
        self.gaps: Counter[tuple[str, Cause]] = Counter()
        """Version gaps by actor type and cause."""
        self.missing: Counter[tuple[str, Cause]] = Counter()
        """Versions inside those gaps."""
        self.replays: Counter[Replayability] = Counter()
        self.broken: Counter[str] = Counter()
        """Broken actors by actor type."""
        self.broken_actors: list[BrokenActor] = []
        """The first of them by id, at most as many as findings are listed."""
        self._state = state
        self._layout = StreamLayout(stream)
        self._circumstances = circumstances
        self._most = max_findings
        self._acceptances = accepted or {}
        self._findings = 0
        self._lists: dict[tuple[Kind, Severity], list[Finding]] = {}
        self._take_messages()
        self._take_snapshots()
        self._take_actors()

    def add_ranges(self, kind: Kind, ranges: Ranges) -> None:
        """One finding for each range, counted by messages."""
        severity = spec(kind).severity()
        acceptance = self._acceptances.get(kind)
        for first, last in ranges:
            known = min(last, acceptance.up_to_seq) if acceptance else 0
            if first <= known:
                self._count(kind, severity, known, known - first + 1)
            begin = max(first, known + 1)
            if begin <= last and self._count(kind, severity, last, last - begin + 1):
                count = last - begin + 1
                self._list(Finding(kind=kind, severity=severity, first_seq=begin, last_seq=last, count=count))

    def add_unreadable_subjects(self, short: Mapping[bytes, SubjectCount]) -> None:
        """One finding for each subject, counted by messages; it is seen at the end of what was read when it was noticed."""
        kind, severity = Kind.UNREADABLE_MESSAGE, Severity.CORRUPTION
        for subject, count in short.items():
            if self._count(kind, severity, count.detected_seq, count.unreadable):
                key = self._layout.actor_key(subject)
                self._list(
                    Finding(
                        kind=kind,
                        severity=severity,
                        subject=subject_text(subject),
                        actor=None if key is None else actor_id_of(key),
                        first_seq=self._circumstances.first_seq,
                        last_seq=count.detected_seq,
                        count=count.unreadable,
                        detail=f"{count.unreadable} more are stored on this subject by the stream's count than came",
                    )
                )

    def add_incidents(self, incidents: Sequence[Incident]) -> None:
        """What happened to the stream and cannot be seen in it."""
        for incident in incidents:
            finding = incident.finding
            key, acceptance = (finding.kind, finding.severity), self._acceptances.get(finding.kind)
            if acceptance is not None and acceptance.covers_time(incident.noticed_ns):
                self.accepted[key] += 1
                continue
            self.totals[key] += 1
            self._findings += 1
            listed = self._lists.setdefault(key, [])
            if len(listed) < self._most:
                listed.append(replace(finding, noticed_at=format_utc(incident.noticed_ns)))

    def add_unlocated_loss(self, size: int) -> None:
        """The server reports `size` bytes lost, and not of which messages: it counts as one message, at the stream's end."""
        if self._count(Kind.LOST_MESSAGES, Severity.CORRUPTION, self._circumstances.first_seq):
            detail = f"the server reports {size} bytes lost, and not of which messages"
            self._list(Finding(kind=Kind.LOST_MESSAGES, severity=Severity.CORRUPTION, count=1, detail=detail))

    @property
    def listed(self) -> tuple[Finding, ...]:
        """At most as many findings as asked for, corruption first, then in stream order."""
        everything = [finding for findings in self._lists.values() for finding in findings]
        everything.sort(key=lambda finding: (finding.severity is Severity.NOTICE, finding.position))
        return tuple(everything[: self._most])

    @property
    def cut(self) -> bool:
        """Whether more findings stand than are listed."""
        return self._findings > len(self.listed)

    def _count(self, kind: Kind, severity: Severity, seq: int, count: int = 1) -> bool:
        """Count one finding that is seen at `seq`; whether it is to be listed as well."""
        acceptance = self._acceptances.get(kind)
        if acceptance is not None and acceptance.covers(seq):
            self.accepted[kind, severity] += count
            return False
        self.totals[kind, severity] += count
        self._findings += 1
        return len(self._lists.setdefault((kind, severity), [])) < self._most

    def _list(self, finding: Finding) -> None:
        self._lists[finding.kind, finding.severity].append(finding)

    def _take_messages(self) -> None:
        """Findings about single messages were counted and listed while the walk went on."""
        details = self._state.segments.listed_findings
        for kind, count in self._state.segments.content_findings.items():
            severity = spec(kind).severity(excused=True)  # a snapshot is counted here once it is superseded
            acceptance, listed = self._acceptances.get(kind), details.get(kind, [])
            if acceptance is not None and (known := acceptance.count_accepted(self._state.segments)):
                self.accepted[kind, severity] += known
                count -= known  # noqa: PLW2901 - the rest stands
                listed = [finding for finding in listed if not acceptance.covers(finding.seq_for_acceptance)]
            if count:
                self.totals[kind, severity] += count
                self._findings += count
                self._lists[kind, severity] = listed

    def _take_snapshots(self) -> None:
        """The last snapshot on a subject is the one that Aether reads. Which is the last, only a whole walk knows."""
        for snapshot in self._state.ledger.snapshots.values():
            if snapshot.finding is None:
                continue
            kind = snapshot.finding.kind
            severity = spec(kind).severity(excused=bool(self._circumstances.unread))
            if self._count(kind, severity, snapshot.seq):
                self._list(replace(snapshot.finding, severity=severity))

    def _take_actors(self) -> None:
        ledger = self._state.ledger
        for tail in ledger.actor_keys():
            judgement = assess_actor(ledger, tail, self._circumstances)
            self.replays[judgement.replay] += 1
            if judgement is not ORDINARY:
                if judgement.replay is Replayability.BROKEN:
                    self.broken[actor_type_of(tail)] += 1
                    self._list_broken(tail, judgement)
                self._take_judgement(tail, judgement)
        self._cut_broken()
        for tail in ledger.snapshots:
            if tail not in ledger.actors and tail not in ledger.anomalies:
                self._take_judgement(tail, assess_actor(ledger, tail, self._circumstances))

    def _list_broken(self, tail: bytes, judgement: ActorAssessment) -> None:
        actor, bridge = self._state.ledger.actors.get(tail), judgement.bridge
        self.broken_actors.append(
            BrokenActor(
                actor=actor_id_of(tail) or subject_text(tail),
                last_version=actor.last_version if actor else 0,
                snapshot_version=bridge.version if bridge else None,
                snapshot_after_seq=bridge.after_seq if bridge else 0,
            )
        )
        if len(self.broken_actors) > 2 * self._most:
            self._cut_broken()

    def _cut_broken(self) -> None:
        self.broken_actors = sorted(self.broken_actors)[: self._most]

    def _take_judgement(self, tail: bytes, judgement: ActorAssessment) -> None:
        subject = subject_text(self._layout.events_prefix.encode() + tail)
        found = partial(Finding, subject=subject, actor=actor_id_of(tail))
        ids, snapshot = judgement.colliding_ids, judgement.snapshot_ahead
        if ids and self._count(Kind.SUBJECT_COLLISION, Severity.CORRUPTION, judgement.colliding_seq):
            detail = f"{len(ids)} actor ids share this subject and replay each other's events"
            seq = judgement.colliding_seq
            self._list(
                found(kind=Kind.SUBJECT_COLLISION, severity=Severity.CORRUPTION, seq=seq, ids=tuple(ids), detail=detail)
            )
        if judgement.head:
            self._take_hole(found, Kind.MISSING_HEAD, judgement.head)
        for gap in judgement.gaps:
            self._take_hole(found, Kind.VERSION_GAP, gap)
            key = (actor_type_of(tail), gap.cause)
            self.gaps[key] += 1
            self.missing[key] += gap.missing
        for event in judgement.misplaced:
            self._take_misplaced(found, event)
        if snapshot and self._count(Kind.SNAPSHOT_AHEAD, Severity.CORRUPTION, snapshot.seq):
            detail = f"the last snapshot, at sequence {snapshot.seq}, is of a later version than the last event"
            self._list(
                found(
                    kind=Kind.SNAPSHOT_AHEAD,
                    severity=Severity.CORRUPTION,
                    seq=snapshot.seq,
                    version=snapshot.version,
                    detail=detail,
                )
            )

    def _take_hole(self, found: partial[Finding], kind: Kind, hole: MissingVersions) -> None:
        expected = hole.cause is Cause.EXPIRED or not self._circumstances.is_damage(hole.cause)
        severity = spec(kind).severity(excused=expected)
        if not self._count(kind, severity, hole.before_seq):
            return
        between = f"between sequences {hole.after_seq} and" if hole.after_seq else "before sequence"
        versions = (
            f"version {hole.first_missing} is"
            if hole.missing == 1
            else f"versions {hole.first_missing} to {hole.last_missing} are"
        )
        self._list(
            found(
                kind=kind,
                severity=severity,
                cause=hole.cause,
                after_version=hole.first_missing - 1,
                before_version=hole.last_missing + 1,
                missing=hole.missing,
                after_seq=hole.after_seq,
                before_seq=hole.before_seq,
                detail=f"{versions} missing {between} {hole.before_seq}",
            )
        )

    def _take_misplaced(self, found: partial[Finding], event: OutOfOrderEvent) -> None:
        if not self._count(event.kind, Severity.CORRUPTION, event.seq):
            return
        cause = (event.cause or Cause.UNKNOWN) if event.kind is Kind.DUPLICATE_VERSION else None
        self._list(
            found(
                kind=event.kind,
                severity=Severity.CORRUPTION,
                cause=cause,
                seq=event.seq,
                version=event.version,
                detail=f"version {event.version} {OUT_OF_ORDER_TEXT[event.kind]}",
            )
        )
