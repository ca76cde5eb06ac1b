"""Collects the open findings at the end of a pass: exact counts, and a list up to a limit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from auditor.aether.stream_layout import StreamLayout, actor_id_of, actor_type_of
from auditor.core.model.finding_identity import MAX_IDENTITIES, Identity
from auditor.core.model.findings import Cause, Finding, Kind, Severity, spec, subject_text
from auditor.core.model.ranges import merged, subtract
from auditor.core.report.actor_assessment import (
    HEALTHY,
    ActorAssessment,
    MissingVersions,
    RangeFacts,
    Replayability,
    assess_actor,
)
from auditor.core.report.identifier import Identifier
from auditor.core.report.pass_report import BrokenActor
from auditor.core.report.reported_finding import finding_id, reported
from auditor.core.state.acceptance import AcceptedFindings
from auditor.units import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from auditor.core.model.finding_identity import Key
    from auditor.core.model.findings import Incident
    from auditor.core.model.range_account import SubjectCount
    from auditor.core.model.ranges import Ranges
    from auditor.core.report.reported_finding import ReportedFinding
    from auditor.core.state.examiner import AuditState
    from auditor.core.state.ledger import OutOfOrderEvent, Snapshot

OUT_OF_ORDER_TEXT = {
    Kind.LATE_VERSION: "arrived after later versions: replay applies it out of order",
    Kind.DUPLICATE_VERSION: "is stored a second time: replay applies both",
    Kind.VERSION_REGRESSION: "is below the first version stored",
}


class FindingTable:
    """Counts and lists the findings of a pass.

    The constructor adds the findings of the state. The caller then adds those about ranges and incidents.
    """

    def __init__(
        self,
        state: AuditState,
        stream: str,
        facts: RangeFacts,
        *,
        max_findings: int,
        identifier: Identifier | None = None,
        accepted: AcceptedFindings | None = None,
        layout: StreamLayout | None = None,
    ) -> None:
        """`max_findings`: how many findings, accepted findings and broken actors are listed, of each.

        `layout`: by default that of `stream`.
        """
        self.totals: Counter[tuple[Kind, Severity]] = Counter()
        """Open findings; messages for the kinds that count messages."""
        self.accepted: Counter[tuple[Kind, Severity]] = Counter()
        """Accepted findings, which are in no total."""
        self.identities: dict[Key, list[Identity]] = {}
        """All findings, open and accepted ones: the first `MAX_IDENTITIES` of each kind and severity."""
        self.accepted_identities: dict[Key, list[Identity]] = {}
        """Accepted findings."""
        self.counted_only: set[Key] = set()
        """Kinds and severities with more findings than are in `identities`."""
        self.gaps: Counter[tuple[str, Cause]] = Counter()
        """Version gaps, by actor type and cause."""
        self.missing_versions: Counter[tuple[str, Cause]] = Counter()
        """Versions inside the gaps, by actor type and cause."""
        self.replayability_counts: Counter[Replayability] = Counter()
        """Actors by replayability."""
        self.broken_by_type: Counter[str] = Counter()
        """Broken actors, by actor type."""
        self.broken_list: list[BrokenActor] = []
        """The first broken actors by id, at most `max_findings`."""
        self._state = state
        self._layout = layout or StreamLayout(stream)
        self._facts = facts
        self._max_findings = max_findings
        self._identifier = identifier or Identifier(stream, 0)
        self._accepted = accepted or AcceptedFindings()
        self._findings = 0
        self._open_lists: dict[Key, list[ReportedFinding]] = {}
        self._accepted_lists: dict[Key, list[ReportedFinding]] = {}
        self._add_message_findings()
        self._add_snapshot_findings()
        self._add_actors()

    def add_ranges(self, kind: Kind, ranges: Ranges) -> None:
        """Add one finding for each range, counted by messages. The part of a range that is accepted is counted apart."""
        severity = spec(kind).severity()
        key = (kind, severity)
        for first, last in ranges:
            parts: dict[bool, list[Identity]] = {True: [], False: []}
            for identity in self._identifier.sequences(kind, first, last):
                left = self._accepted.open_parts(key, identity)
                covered = subtract([(identity.first, identity.last)], left)
                parts[True] += [Identity(identity.digest, *part) for part in covered]
                parts[False] += [Identity(identity.digest, *part) for part in left]
            for is_accepted, identities in parts.items():
                self._identify(key, identities, accepted=is_accepted)
                by_last = {identity.last: identity for identity in identities}
                for begin, end in merged((each.first, each.last) for each in identities):
                    count = end - begin + 1
                    if (place := self._count(key, count, accepted=is_accepted)) is not None:
                        finding = Finding(kind=kind, severity=severity, first_seq=begin, last_seq=end, count=count)
                        place.append(reported(finding, finding_id(by_last[end], end)))

    def add_unreadable_subjects(self, counts: Mapping[bytes, SubjectCount]) -> None:
        """Add one finding for each subject with unreadable messages, counted by messages."""
        kind = Kind.UNREADABLE_MESSAGE
        severity = spec(kind).severity()
        for subject, count in counts.items():
            key = self._layout.actor_key(subject)
            finding = partial(
                Finding,
                kind=kind,
                severity=severity,
                subject=subject_text(subject),
                actor=None if key is None else actor_id_of(key),
                first_seq=self._facts.first_seq,
                last_seq=count.detected_seq,
                count=count.unreadable,
                detail=f"{count.unreadable} more are stored on this subject by the stream's count than came",
            )
            identity = self._identifier.unreadable_on_subject(subject, count.unreadable)
            self._add((kind, severity), count.detected_seq, [identity], finding, count=count.unreadable)

    def add_copy_findings(self, findings: Iterable[Finding]) -> None:
        """Add findings about single copies of the stream. One is accepted if all its ranges are."""
        for finding in findings:
            key, identities = (finding.kind, finding.severity), self._identifier.copy(finding)
            self._add(
                key, finding.seq_for_acceptance, identities, partial(replace, finding), part=finding.last_seq or 0
            )

    def add_incidents(self, incidents: Sequence[Incident]) -> None:
        """Add findings about the past of the stream."""
        for incident in incidents:
            finding = partial(replace, incident.finding, noticed_at=format_utc(incident.noticed_ns))
            key, identity = (incident.finding.kind, incident.finding.severity), self._identifier.incident(incident)
            self._add(key, 0, [identity], finding, noticed_ns=incident.noticed_ns)

    def add_unlocated_loss(self, size: int) -> None:
        """Add one lost message: the server reports `size` bytes as lost and no sequences."""
        kind = Kind.LOST_MESSAGES
        severity = spec(kind).severity()
        detail = f"the server reports {size} bytes lost, and not of which messages"
        finding = partial(Finding, kind=kind, severity=severity, count=1, detail=detail)
        self._add((kind, severity), self._facts.first_seq, [self._identifier.unlocated_loss(size)], finding)

    @property
    def listed(self) -> tuple[ReportedFinding, ...]:
        """The listed open findings, at most `max_findings`: the heaviest severity first, then in stream order."""
        return self._in_order(self._open_lists)

    @property
    def accepted_listed(self) -> tuple[ReportedFinding, ...]:
        """The listed accepted findings, at most `max_findings`, in the same order."""
        return self._in_order(self._accepted_lists)

    @property
    def truncated(self) -> bool:
        """Whether more findings are open than are listed."""
        return self._findings > len(self.listed)

    def _in_order(self, lists: Mapping[Key, Sequence[ReportedFinding]]) -> tuple[ReportedFinding, ...]:
        everything = [finding for findings in lists.values() for finding in findings]
        everything.sort(key=lambda finding: (finding.severity.rank, finding.position))
        return tuple(everything[: self._max_findings])

    def _add(
        self,
        key: Key,
        seq: int,
        identities: Sequence[Identity],
        finding: Callable[[], Finding],
        *,
        count: int = 1,
        noticed_ns: int | None = None,
        part: int = 0,
    ) -> None:
        """Count and list a finding, which is accepted if all its identities are.

        `seq`: the lowest sequence up to which a rule accepts all of it. `finding`: makes it, and is called only if it is
        listed. `noticed_ns`: when an incident was noticed. `part`: as for `finding_id`.
        """
        accepted = not any(self._accepted.open_parts(key, each, seq=seq, noticed_ns=noticed_ns) for each in identities)
        self._identify(key, identities, accepted=accepted)
        if (place := self._count(key, count, accepted=accepted)) is not None:
            place.append(reported(finding(), finding_id(identities[0], part)))

    def _count(self, key: Key, count: int, *, accepted: bool) -> list[ReportedFinding] | None:
        """Count one finding. Returns the list for it; None if the list is full."""
        if accepted:
            self.accepted[key] += count
        else:
            self.totals[key] += count
            self._findings += 1
        place = (self._accepted_lists if accepted else self._open_lists).setdefault(key, [])
        return place if len(place) < self._max_findings else None

    def _identify(self, key: Key, identities: Iterable[Identity], *, accepted: bool) -> None:
        all_ = self.identities.setdefault(key, [])
        for identity in identities:
            if len(all_) < MAX_IDENTITIES:
                all_.append(identity)
            else:
                self.counted_only.add(key)
            if accepted:
                self.accepted_identities.setdefault(key, []).append(identity)

    def _add_message_findings(self) -> None:
        """Add the findings about single messages, which the examiner counted, listed and identified."""
        segments = self._state.segments
        for number in sorted(segments.segments):
            segment = segments.segments[number]
            for kind, count in segment.content_findings.items():
                key = (kind, spec(kind).severity(excused=True))  # a snapshot is counted here once it is superseded
                accepted_seqs = set()
                identities = {}
                for seq, digest in segments.identified_in(number, kind):
                    identity = identities[seq] = Identity(digest)
                    is_accepted = not self._accepted.open_parts(key, identity, seq=seq)
                    self._identify(key, [identity], accepted=is_accepted)
                    if is_accepted:
                        accepted_seqs.add(seq)
                if count > segment.identified_count(kind):
                    self.counted_only.add(key)
                if accepted_seqs:
                    self.accepted[key] += len(accepted_seqs)
                if not_accepted := count - len(accepted_seqs):
                    self.totals[key] += not_accepted
                    self._findings += not_accepted
                for finding in segment.listed_findings.get(kind, ()):
                    assert finding.seq is not None
                    lists = self._accepted_lists if finding.seq in accepted_seqs else self._open_lists
                    identity = identities.get(finding.seq) or self._identifier.message(kind, finding.seq)
                    id_ = finding_id(identity)
                    lists.setdefault(key, []).append(reported(finding, id_))

    def _add_snapshot_findings(self) -> None:
        """Add the findings about the last snapshot on each subject, which is the one that Aether reads.

        It is certain to be the last one only if the whole range was read.
        """
        for snapshot in self._state.ledger.bad_last_snapshots():
            assert snapshot.finding is not None
            kind = snapshot.finding.kind
            severity = spec(kind).severity(excused=bool(self._facts.unread))
            finding = partial(replace, snapshot.finding, severity=severity)
            self._add((kind, severity), snapshot.seq, [Identity(snapshot.digest)], finding)

    def _add_actors(self) -> None:
        ledger = self._state.ledger
        unusual = dict.fromkeys(ledger.unusual_actor_keys(self._facts.first_version))
        unusual |= dict.fromkeys(key for key in self._facts.unreadable_by_actor if key in ledger.actors)
        self.replayability_counts[HEALTHY.replayability] += ledger.actor_count() - len(unusual)
        for key in unusual:
            assessment = assess_actor(ledger, key, self._facts)
            self.replayability_counts[assessment.replayability] += 1
            if assessment is not HEALTHY:
                if assessment.replayability is Replayability.BROKEN:
                    self.broken_by_type[actor_type_of(key)] += 1
                    self._list_broken(key, assessment)
                self._add_actor_findings(key, assessment)
        self._truncate_broken_list()
        for key in ledger.keys_of_snapshots_alone():
            self._add_actor_findings(key, assess_actor(ledger, key, self._facts))

    def _list_broken(self, key: bytes, assessment: ActorAssessment) -> None:
        actor, required = self._state.ledger.actors.get(key), assessment.required_snapshot
        self.broken_list.append(
            BrokenActor(
                actor=actor_id_of(key) or subject_text(key),
                last_version=actor.last_version if actor else 0,
                snapshot_version=required.version if required else None,
                snapshot_after_seq=required.after_seq if required else 0,
            )
        )
        if len(self.broken_list) > 2 * self._max_findings:
            self._truncate_broken_list()

    def _truncate_broken_list(self) -> None:
        self.broken_list = sorted(self.broken_list)[: self._max_findings]

    def _add_actor_findings(self, key: bytes, assessment: ActorAssessment) -> None:
        subject = subject_text(self._layout.events_prefix.encode() + key)
        finding = partial(Finding, subject=subject, actor=actor_id_of(key))
        if assessment.colliding_ids:
            self._add_collision(finding, subject, assessment)
        if assessment.missing_head:
            self._add_missing_versions(finding, subject, Kind.MISSING_HEAD, assessment.missing_head)
        for gap in assessment.gaps:
            self._add_missing_versions(finding, subject, Kind.VERSION_GAP, gap)
            by_type = (actor_type_of(key), gap.cause)
            self.gaps[by_type] += 1
            self.missing_versions[by_type] += gap.missing
        for event in assessment.out_of_order:
            self._add_out_of_order(finding, subject, event)
        if assessment.snapshot_ahead:
            self._add_snapshot_ahead(finding, subject, assessment.snapshot_ahead)

    def _add_collision(self, finding: partial[Finding], subject: str, assessment: ActorAssessment) -> None:
        kind, seq, ids = Kind.SUBJECT_COLLISION, assessment.collision_seq, tuple(assessment.colliding_ids)
        severity = spec(kind).severity()
        detail = f"{len(ids)} actor ids share this subject and replay each other's events"
        collision = partial(finding, kind=kind, severity=severity, seq=seq, ids=ids, detail=detail)
        self._add((kind, severity), seq, self._identifier.collision(subject, ids, seq), collision)

    def _add_missing_versions(
        self, finding: partial[Finding], subject: str, kind: Kind, missing: MissingVersions
    ) -> None:
        expected = missing.cause is Cause.EXPIRED or not self._facts.is_damage(missing.cause)
        severity = spec(kind).severity(excused=expected)
        identity = self._identifier.missing_versions(kind, subject, missing)
        made = partial(self._missing_versions_finding, partial(finding, kind=kind, severity=severity), missing)
        self._add((kind, severity), missing.before_seq, [identity], made, part=identity.first)

    def _missing_versions_finding(self, finding: partial[Finding], missing: MissingVersions) -> Finding:
        between = f"between sequences {missing.after_seq} and" if missing.after_seq else "before sequence"
        versions = (
            f"version {missing.first_missing} is"
            if missing.missing == 1
            else f"versions {missing.first_missing} to {missing.last_missing} are"
        )
        return finding(
            cause=missing.cause,
            after_version=missing.first_missing - 1,
            before_version=missing.last_missing + 1,
            missing=missing.missing,
            after_seq=missing.after_seq,
            before_seq=missing.before_seq,
            detail=f"{versions} missing {between} {missing.before_seq}{self._start_note(missing)}",
        )

    def _start_note(self, missing: MissingVersions) -> str:
        """The end of the detail: that no limit explains why the first events have left the stream."""
        note = self._facts.unexplained_start if missing.cause is Cause.EXPIRED else ""
        return f"; {note}" if note else ""

    def _add_out_of_order(self, finding: partial[Finding], subject: str, event: OutOfOrderEvent) -> None:
        severity = spec(event.kind).severity()
        identity = self._identifier.version(event.kind, subject, event.version, event.seq)
        made = partial(
            finding,
            kind=event.kind,
            severity=severity,
            cause=(event.cause or Cause.UNKNOWN) if "cause" in spec(event.kind).fields else None,
            seq=event.seq,
            version=event.version,
            detail=f"version {event.version} {OUT_OF_ORDER_TEXT[event.kind]}",
        )
        self._add((event.kind, severity), event.seq, [identity], made)

    def _add_snapshot_ahead(self, finding: partial[Finding], subject: str, snapshot: Snapshot) -> None:
        kind = Kind.SNAPSHOT_AHEAD
        severity = spec(kind).severity()
        identity = self._identifier.version(kind, subject, snapshot.version, snapshot.seq)
        detail = f"the last snapshot, at sequence {snapshot.seq}, is of a later version than the last event"
        made = partial(finding, kind=kind, severity=severity, seq=snapshot.seq, version=snapshot.version, detail=detail)
        self._add((kind, severity), snapshot.seq, [identity], made)
