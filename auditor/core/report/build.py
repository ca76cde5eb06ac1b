"""The end of a pass: what was remembered becomes findings, counts and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from auditor.aether.stream_layout import StreamLayout, actor_type_of
from auditor.core.model.findings import Kind, Severity
from auditor.core.model.passes import SeqRange, Verdict
from auditor.core.model.ranges import merged, size
from auditor.core.report.actor_assessment import RangeFacts, Replayability
from auditor.core.report.finding_table import FindingTable
from auditor.core.report.pass_report import ActorCounts, EventCounts, MessageCounts, PassReport, SnapshotCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.model.actor_types import ActorTypes
    from auditor.core.model.findings import Incident
    from auditor.core.model.range_account import Walked
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.examiner import AuditState

Second = TypeVar("Second")


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What the operator said of versions, and how much is to be listed."""

    first_version: int = 1
    contiguous: bool = True
    max_findings: int = 1000


def build_report(
    name: str,
    state: AuditState,
    walked: Walked,
    expectations: ReportSettings,
    actor_types: ActorTypes,
    accepted: Mapping[Kind, Acceptance] | None = None,
    incidents: Sequence[Incident] = (),
) -> PassReport:
    """The report of a pass. `actor_types` learns from it which types get a label value of their own."""
    pinned, events, snapshots = walked.pinned, state.segments.events, state.segments.snapshots
    circumstances = RangeFacts(
        first_seq=max(pinned.first_seq, walked.first_seq),
        deleted=merged([*walked.deleted, *walked.gone]),
        unreadable=walked.unreadable,
        unreadable_by_actor=_short(pinned.name, walked),
        unread=walked.unread,
        first_version=expectations.first_version,
        contiguous=expectations.contiguous,
    )
    standing = FindingTable(
        state, pinned.name, circumstances, max_findings=expectations.max_findings, accepted=accepted
    )
    standing.add_ranges(Kind.DELETED_MESSAGES, walked.deleted)
    standing.add_ranges(Kind.UNREADABLE_MESSAGE, walked.unreadable)
    standing.add_unreadable_subjects(walked.short)
    standing.add_ranges(Kind.LOST_MESSAGES, merged((seq, seq) for seq in pinned.lost))
    if pinned.lost_bytes and not pinned.lost:
        standing.add_unlocated_loss(pinned.lost_bytes)
    standing.add_incidents(incidents)
    _learn(actor_types, state, standing)
    incomplete = walked.incomplete
    if incomplete is None and walked.unread:
        incomplete = f"sequence {walked.unread[0][0]} is stored but was not delivered; the next pass tries again"
    if incomplete is None and state.segments.unjudged:
        incomplete = f"{state.segments.unjudged} messages could not be judged by the auditor itself; its log says why"
    corrupt = any(severity is Severity.CORRUPTION for _, severity in standing.totals)
    return PassReport(
        name=name,
        stream=pinned.name,
        mode=walked.mode,
        verdict=Verdict.CORRUPT if corrupt else Verdict.INCONCLUSIVE if incomplete else Verdict.CLEAN,
        range=SeqRange(pinned.first_seq, pinned.last_seq),
        read=walked.read,
        started_ns=walked.started_ns,
        finished_ns=walked.finished_ns,
        messages=_messages(state, walked),
        events=EventCounts(events.ok, events.malformed, events.hidden, events.unreachable),
        snapshots=SnapshotCounts(snapshots.ok, snapshots.malformed),
        actors=ActorCounts(
            seen=state.ledger.actor_count(),
            replayable=standing.replayability_counts[Replayability.REPLAYABLE],
            replayable_from_snapshot=standing.replayability_counts[Replayability.FROM_SNAPSHOT],
            broken=standing.replayability_counts[Replayability.BROKEN],
        ),
        totals=dict(standing.totals),
        missing_versions=sum(standing.missing_versions.values()),
        findings=standing.listed,
        findings_cut=standing.truncated,
        malformed_events=_by_label(actor_types, state.segments.malformed_events),
        version_gaps=_by_label(actor_types, standing.gaps),
        missing_versions_by_type=_by_label(actor_types, standing.missing_versions),
        broken_actors={
            label: count
            for (label, _), count in _by_label(
                actor_types, {(name, ""): count for name, count in standing.broken_by_type.items()}
            ).items()
        },
        broken=tuple(standing.broken_list),
        accepted=dict(standing.accepted),
        full_ns=walked.full_ns,
        incomplete=incomplete,
        quarantine_pending=walked.quarantine_pending,
    )


def _short(stream: str, walked: Walked) -> dict[bytes, int]:
    prefix = StreamLayout(stream).events_prefix.encode()
    return {subject.removeprefix(prefix): count.unreadable for subject, count in walked.short.items()}


def _messages(state: AuditState, walked: Walked) -> MessageCounts:
    pinned = walked.pinned
    in_range = max(0, pinned.last_seq - pinned.first_seq + 1)
    removed, unread = size(walked.removed), size(walked.unread)
    unreadable = size(walked.unreadable) + sum(count.unreadable for count in walked.short.values())
    examined = state.segments.examined + unread
    skipped = in_range - removed - unreadable - examined if walked.filtered else state.segments.skipped
    return MessageCounts(in_range, examined, removed, unreadable, skipped, state.segments.unjudged + unread)


def _learn(actor_types: ActorTypes, state: AuditState, standing: FindingTable) -> None:
    """Only types that a label is needed for are counted: a million actors may have a million types."""
    needed = {name for name, _ in [*state.segments.malformed_events, *standing.gaps]} | set(standing.broken_by_type)
    if needed:
        actor_types.learn(name for tail in state.ledger.actor_keys() if (name := actor_type_of(tail)) in needed)


def _by_label(actor_types: ActorTypes, counts: Mapping[tuple[str, Second], int]) -> dict[tuple[str, Second], int]:
    labelled: dict[tuple[str, Second], int] = {}
    for (name, second), count in counts.items():
        key = (actor_types.label(name), second)
        labelled[key] = labelled.get(key, 0) + count
    return labelled
