"""The report of a pass, which the command line, /metrics, /api/status and the page render. It is immutable."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.core.replicas.result import ONE_COPY, Replicas
from auditor.units import NANOSECONDS, format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.model.finding_identity import IdentitySet, Key
    from auditor.core.model.findings import Cause, Finding, Kind, Severity
    from auditor.core.model.passes import Mode, SeqRange, Verdict
    from auditor.core.report.reported_finding import ReportedFinding

REPORT_SCHEMA = "aether-auditor/report/1"


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """in_range = examined + removed + unreadable + skipped."""

    in_range: int = 0
    examined: int = 0
    removed: int = 0
    """Deleted from the middle of the stream, or expired or purged from its start during the pass."""
    unreadable: int = 0
    skipped: int = 0
    """On subjects outside the audit."""
    unjudged: int = 0
    """Part of `examined`: messages that were not read, or on which the auditor itself failed."""


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Event messages by outcome; foreign and colliding ones are `ok` here."""

    ok: int = 0
    malformed: int = 0
    hidden: int = 0
    unreachable: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotCounts:
    """Snapshot messages by outcome."""

    ok: int = 0
    malformed: int = 0


@dataclass(frozen=True, slots=True)
class ActorCounts:
    """Actors with at least one message on their event subject, by replayability."""

    seen: int = 0
    replayable: int = 0
    replayable_from_snapshot: int = 0
    broken: int = 0


@dataclass(frozen=True, slots=True, order=True)
class BrokenActor:
    """An actor that replay cannot bring back right, and the snapshot that would make it replayable."""

    actor: str
    """The actor id as the subject gives it; the actor key if no actor id maps to the subject."""
    last_version: int
    """The last version of its good events; 0 if it has none."""
    snapshot_version: int | None
    """The version of the required snapshot, or a later one; None if no snapshot helps, because ids collide."""
    snapshot_after_seq: int
    """The required snapshot must be stored after this sequence; 0 if any sequence will do."""

    @property
    def required_snapshot_text(self) -> str | None:
        """The required snapshot as text; None if no snapshot helps."""
        if self.snapshot_version is None:
            return None
        version = f" of version {self.snapshot_version} or later" if self.snapshot_version else ""
        after = f" stored after sequence {self.snapshot_after_seq}" if self.snapshot_after_seq else ""
        return f"a snapshot{version}{after}"


@dataclass(frozen=True, slots=True)
class PassReport:
    """The result of one completed pass of one audit."""

    name: str
    stream: str
    mode: Mode
    verdict: Verdict
    range: SeqRange
    """The sequences that the verdict covers."""
    read: SeqRange | None
    """The sequences that this pass read; None if it read none."""
    started_ns: int
    finished_ns: int
    messages: MessageCounts
    events: EventCounts
    snapshots: SnapshotCounts
    actors: ActorCounts
    totals: Mapping[tuple[Kind, Severity], int]
    """Exact counts of open findings (messages for the range kinds)."""
    missing_versions: int
    """Number of versions missing inside version gaps."""
    findings: tuple[ReportedFinding, ...]
    """Open findings, up to the limit of the report."""
    findings_cut: bool
    """Whether more findings are open than `findings` has."""
    malformed_events: Mapping[tuple[str, str], int]
    """Malformed events by actor_type label and reason."""
    version_gaps: Mapping[tuple[str, Cause], int]
    """Version gaps by actor_type label and cause."""
    missing_versions_by_type: Mapping[tuple[str, Cause], int]
    """Versions missing inside those gaps, by actor_type label and cause."""
    broken_by_type: Mapping[str, int]
    """Broken actors by actor_type label."""
    broken_list: tuple[BrokenActor, ...] = ()
    """Broken actors sorted by id, up to the limit of the report."""
    accepted: Mapping[tuple[Kind, Severity], int] = field(default_factory=dict)
    """Counts of findings that a user accepted: they are in no total and not in `findings`."""
    accepted_findings: tuple[ReportedFinding, ...] = ()
    """Accepted findings, up to the limit of the report."""
    newest_finding_ns: Mapping[tuple[Kind, Severity], int] = field(default_factory=dict)
    """When the newest finding outside the baseline was first reported, nanoseconds since 1970."""
    identities: Mapping[Key, IdentitySet] = field(default_factory=dict)
    """Open and accepted findings, by kind and severity."""
    accepted_identities: Mapping[Key, IdentitySet] = field(default_factory=dict)
    """Accepted findings, by kind and severity."""
    counted_only: frozenset[Key] = frozenset()
    """Kinds and severities with more findings than `identities` has."""
    full_pass_started_ns: int = 0
    """When the full pass began whose checkpoint this pass continued, nanoseconds since 1970."""
    incomplete: str | None = None
    """Why something in the range was not judged, in one line; None if everything was."""
    read_error: str | None = None
    """Why nothing could be read, in one line; None if something was, or if there was nothing to read."""
    quarantine_pending: int = 0
    """Quarantine records that are not stored yet."""
    notes: tuple[str, ...] = ()
    """What an operator should know about messages that were not selected, one line each."""
    replicas: Replicas = ONE_COPY
    """The copies of the stream."""
    quarantine: QuarantineResult = field(default_factory=QuarantineResult)
    """How many of the submitted records were stored, already stored or refused."""

    @property
    def coverage(self) -> float:
        """Messages judged, divided by messages stored in the range; 1.0 for an empty range."""
        stored = self.messages.in_range - self.messages.removed - self.messages.skipped
        judged = self.messages.examined - self.messages.unjudged + self.messages.unreadable
        return judged / stored if stored else 1.0

    @property
    def findings_total(self) -> dict[Kind, int]:
        """Open findings by kind; kinds without a finding are omitted."""
        return _by_kind(self.totals)

    @property
    def accepted_total(self) -> dict[Kind, int]:
        """Accepted findings by kind; kinds without a finding are omitted."""
        return _by_kind(self.accepted)

    def with_newest_findings(self, newest_ns: Mapping[tuple[Kind, Severity], int]) -> PassReport:
        """Return the report with these times of the newest findings, nanoseconds since 1970."""
        return replace(self, newest_finding_ns=dict(newest_ns))

    def with_at_most(self, most: int) -> PassReport:
        """Return the report with at most `most` open findings, accepted findings and broken actors."""
        cut = self.findings_cut or len(self.findings) > most
        return replace(
            self,
            findings=self.findings[:most],
            findings_cut=cut,
            accepted_findings=self.accepted_findings[:most],
            broken_list=self.broken_list[:most],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the entry for `audits` in `auditor scan --json` and /api/status."""
        return {
            "name": self.name,
            "stream": self.stream,
            "mode": self.mode,
            "verdict": self.verdict,
            "range": _range_json(self.range),
            "read": _range_json(self.read) if self.read else None,
            "full_pass_at": format_rfc3339(self.full_pass_started_ns),
            "duration_seconds": (self.finished_ns - self.started_ns) / NANOSECONDS,
            "coverage": self.coverage,
            "messages": {
                "in_range": self.messages.in_range,
                "examined": self.messages.examined,
                "deleted": self.messages.removed,
                "unreadable": self.messages.unreadable,
                "skipped": self.messages.skipped,
                "unjudged": self.messages.unjudged,
            },
            "events": {
                "ok": self.events.ok,
                "malformed": self.events.malformed,
                "hidden": self.events.hidden,
                "unreachable": self.events.unreachable,
            },
            "snapshots": {"ok": self.snapshots.ok, "malformed": self.snapshots.malformed},
            "actors": {
                "seen": self.actors.seen,
                "replayable": self.actors.replayable,
                "replayable_from_snapshot": self.actors.replayable_from_snapshot,
                "broken": self.actors.broken,
            },
            "broken_actors": [
                {
                    "actor": actor.actor,
                    "last_version": actor.last_version,
                    "snapshot_version": actor.snapshot_version,
                    "snapshot_after_seq": actor.snapshot_after_seq,
                }
                for actor in self.broken_list
            ],
            "findings_total": {str(kind): count for kind, count in self.findings_total.items()},
            "accepted_total": {str(kind): count for kind, count in self.accepted_total.items()},
            "missing_versions": self.missing_versions,
            "incomplete": self.incomplete,
            "notes": list(self.notes),
            "replicas": _replicas_json(self.replicas),
            "quarantine_pending": self.quarantine_pending,
            "findings_cut": self.findings_cut,
            "findings": [reported_json(finding) for finding in self.findings],
        }


def _by_kind(counts: Mapping[tuple[Kind, Severity], int]) -> dict[Kind, int]:
    totals: dict[Kind, int] = {}
    for (kind, _), count in counts.items():
        totals[kind] = totals.get(kind, 0) + count
    return totals


def reported_json(finding: ReportedFinding) -> dict[str, Any]:
    """Return the id and the fields of the finding that have a value."""
    return {"id": finding.id, **finding_json(finding)}


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return the fields of the finding that have a value."""
    fields = {
        "kind": finding.kind,
        "severity": finding.severity,
        "reason": finding.reason,
        "cause": finding.cause,
        "seq": finding.seq,
        "subject": finding.subject,
        "actor": finding.actor,
        "detail": finding.detail,
        "ids": None if finding.ids is None else list(finding.ids),
        "version": finding.version,
        "after_version": finding.after_version,
        "before_version": finding.before_version,
        "missing": finding.missing,
        "after_seq": finding.after_seq,
        "before_seq": finding.before_seq,
        "first_seq": finding.first_seq,
        "last_seq": finding.last_seq,
        "count": finding.count,
        "noticed_at": finding.noticed_at,
        "quarantine": finding.quarantine,
        "replica": finding.replica,
        "leader": finding.leader,
        "undecided": finding.undecided,
        "ranges": None if finding.ranges is None else [list(pair) for pair in finding.ranges],
    }
    return {key: value for key, value in fields.items() if value is not None}


def _replicas_json(replicas: Replicas) -> dict[str, Any]:
    return {
        "expected": replicas.expected,
        "read": replicas.read,
        "leader": replicas.leader,
        "peers": [
            {
                "name": each.name,
                "first_seq": each.first_seq,
                "last_seq": each.last_seq,
                "count": each.count,
                "read_at": format_rfc3339(each.read_ns) if each.read_ns else None,
                "verdict": each.verdict,
            }
            for each in replicas.copies
        ],
    }


def _range_json(seqs: SeqRange) -> dict[str, int]:
    return {"first_seq": seqs.first_seq, "last_seq": seqs.last_seq}
