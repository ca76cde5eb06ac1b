"""The findings that stand at the end of a pass: counted exactly, listed up to a bound."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.core.audit import actor_of
from auditor.core.findings import Cause, Finding, Kind, Severity, severities, subject_text
from auditor.core.judgement import ORDINARY, ActorJudgement, Circumstances, Hole, Replay, judge_actor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.core.audit import AuditState
    from auditor.core.ranges import Ranges

MISPLACED = {
    Kind.LATE_VERSION: "arrived after later versions: replay applies it out of order",
    Kind.DUPLICATE_VERSION: "is stored a second time: replay applies both",
    Kind.VERSION_REGRESSION: "is below the first version stored",
}
SNAPSHOT_KINDS = (Kind.MALFORMED_SNAPSHOT, Kind.FOREIGN_SNAPSHOT)


class Standing:
    """Takes what a pass remembered, room by room; the totals and lists are then complete."""

    def __init__(self, state: AuditState, stream: str, circumstances: Circumstances, *, most_findings: int) -> None:
        self.totals: Counter[tuple[Kind, Severity]] = Counter()
        self.gaps: Counter[tuple[str, Cause]] = Counter()
        """Version gaps by actor type and cause."""
        self.missing: Counter[tuple[str, Cause]] = Counter()
        """Versions inside those gaps."""
        self.replays: Counter[Replay] = Counter()
        self.broken: Counter[str] = Counter()
        """Broken actors by actor type."""
        self._state = state
        self._stream = stream
        self._circumstances = circumstances
        self._most = most_findings
        self._findings = 0
        self._lists: dict[tuple[Kind, Severity], list[Finding]] = {}
        self._take_messages()
        self._take_actors()

    def take_ranges(self, kind: Kind, ranges: Ranges) -> None:
        """One finding for each range, counted by messages."""
        (severity,) = severities(kind)
        for first, last in ranges:
            count = last - first + 1
            self._add(Finding(kind=kind, severity=severity, first_seq=first, last_seq=last, count=count), count)

    @property
    def listed(self) -> tuple[Finding, ...]:
        """At most as many findings as asked for, corruption first, then in stream order."""
        everything = [finding for findings in self._lists.values() for finding in findings]
        everything.sort(key=lambda finding: (finding.severity is Severity.NOTICE, _position(finding)))
        return tuple(everything[: self._most])

    @property
    def cut(self) -> bool:
        """Whether more findings stand than are listed."""
        return self._findings > self._most

    def _add(self, finding: Finding, count: int = 1) -> None:
        key = (finding.kind, finding.severity)
        self.totals[key] += count
        self._findings += 1
        listed = self._lists.setdefault(key, [])
        if len(listed) < self._most:
            listed.append(finding)

    def _take_messages(self) -> None:
        """Findings about single messages: counted and listed while the walk went on; only a snapshot's weight was open."""
        state = self._state
        for kind, count in state.content.items():
            (severity, *_) = severities(kind)
            self.totals[kind, severity] += count
            self._findings += count
            self._lists[kind, severity] = list(state.details.get(kind, ()))
        for kind in SNAPSHOT_KINDS:
            if kind in state.content:
                self._weigh_snapshots(kind)

    def _weigh_snapshots(self, kind: Kind) -> None:
        """Only the last snapshot on a subject is ever read: an earlier bad one is a notice."""
        last = {snapshot.seq for snapshot in self._state.ledger.snapshots.values() if snapshot.finding is kind}
        count = self._state.content[kind]
        self.totals[kind, Severity.CORRUPTION] = len(last)
        self.totals[kind, Severity.NOTICE] = count - len(last)
        listed = self._lists.pop((kind, Severity.CORRUPTION))
        self._lists[kind, Severity.CORRUPTION] = [finding for finding in listed if finding.seq in last]
        self._lists[kind, Severity.NOTICE] = [
            replace(finding, severity=Severity.NOTICE) for finding in listed if finding.seq not in last
        ]

    def _take_actors(self) -> None:
        ledger = self._state.ledger
        for tail in ledger.tails():
            judgement = judge_actor(ledger, tail, self._circumstances)
            self.replays[judgement.replay] += 1
            if judgement is not ORDINARY:
                if judgement.replay is Replay.BROKEN:
                    self.broken[actor_type(tail)] += 1
                self._take_judgement(tail, judgement)
        for tail in ledger.snapshots:
            if tail not in ledger.actors and tail not in ledger.troubles:
                self._take_judgement(tail, judge_actor(ledger, tail, self._circumstances))

    def _take_judgement(self, tail: bytes, judgement: ActorJudgement) -> None:
        subject = subject_text(f"{self._stream}.events.".encode() + tail)
        actor = actor_of(tail)
        for finding in self._findings_of(judgement):
            self._add(replace(finding, subject=subject, actor=actor))
        for gap in judgement.gaps:
            key = (actor_type(tail), gap.cause)
            self.gaps[key] += 1
            self.missing[key] += gap.missing

    def _findings_of(self, judgement: ActorJudgement) -> Iterator[Finding]:
        if judgement.colliding_ids:
            yield Finding(
                kind=Kind.SUBJECT_COLLISION,
                severity=Severity.CORRUPTION,
                ids=tuple(judgement.colliding_ids),
                detail=f"{len(judgement.colliding_ids)} actor ids share this subject and replay each other's events",
            )
        if judgement.head:
            yield self._hole(Kind.MISSING_HEAD, judgement.head)
        for gap in judgement.gaps:
            yield self._hole(Kind.VERSION_GAP, gap)
        for event in judgement.misplaced:
            yield Finding(
                kind=event.kind,
                severity=Severity.CORRUPTION,
                cause=(event.cause or Cause.UNKNOWN) if event.kind is Kind.DUPLICATE_VERSION else None,
                seq=event.seq,
                version=event.version,
                detail=f"version {event.version} {MISPLACED[event.kind]}",
            )
        if judgement.snapshot_ahead_of is not None:
            yield Finding(
                kind=Kind.SNAPSHOT_AHEAD,
                severity=Severity.CORRUPTION,
                version=judgement.snapshot_version,
                detail=f"the last snapshot is of version {judgement.snapshot_version},"
                f" the last event of version {judgement.snapshot_ahead_of}",
            )

    def _hole(self, kind: Kind, hole: Hole) -> Finding:
        expected = hole.cause is Cause.EXPIRED or not self._circumstances.is_damage(hole.cause)
        between = f"between sequences {hole.after_seq} and" if hole.after_seq else "before sequence"
        versions = (
            f"version {hole.first_missing} is"
            if hole.missing == 1
            else f"versions {hole.first_missing} to {hole.last_missing} are"
        )
        return Finding(
            kind=kind,
            severity=Severity.NOTICE if expected else Severity.CORRUPTION,
            cause=hole.cause,
            after_version=hole.first_missing - 1,
            before_version=hole.last_missing + 1,
            missing=hole.missing,
            after_seq=hole.after_seq,
            before_seq=hole.before_seq,
            detail=f"{versions} missing {between} {hole.before_seq}",
        )


def actor_type(tail: bytes) -> str:
    """The actor type as the subject has it."""
    return subject_text(tail.partition(b".")[0])


def _position(finding: Finding) -> int:
    for seq in (finding.seq, finding.before_seq, finding.first_seq):
        if seq is not None:
            return seq
    return 0
