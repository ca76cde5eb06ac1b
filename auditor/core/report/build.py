"""Builds the report of a pass from its checkpoint: findings, counts and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from auditor.aether.stream_layout import StreamLayout, actor_type_of
from auditor.core.model.finding_identity import identity_set
from auditor.core.model.findings import Kind, Severity
from auditor.core.model.message import NO_LOSS, Loss
from auditor.core.model.passes import Verdict
from auditor.core.model.ranges import merged, size
from auditor.core.replicas.result import NO_REPLICAS, ReplicaResult
from auditor.core.report.actor_assessment import RangeFacts, Replayability
from auditor.core.report.finding_table import FindingTable
from auditor.core.report.identifier import Identifier
from auditor.core.report.pass_report import ActorCounts, EventCounts, MessageCounts, PassReport, SnapshotCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.model.actor_types import ActorTypes
    from auditor.core.model.findings import Incident
    from auditor.core.model.passes import PassFacts
    from auditor.core.model.range_account import RangeAccount
    from auditor.core.state.acceptance import AcceptedFindings
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.core.state.examiner import AuditState

Second = TypeVar("Second")


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The settings of `versions` in the configuration, the maximal number of findings to list, and the layout of subjects."""

    first_version: int = 1
    contiguous: bool = True
    max_findings: int = 1000
    layout: StreamLayout | None = None
    """The layout of the subjects of the stream; None for the layout that has the stream's name."""


def build_report(
    name: str,
    checkpoint: Checkpoint,
    facts: PassFacts,
    account: RangeAccount,
    settings: ReportSettings,
    actor_types: ActorTypes,
    *,
    accepted: AcceptedFindings | None = None,
    incidents: Sequence[Incident] = (),
    lost: Loss = NO_LOSS,
    unexplained_start: str = "",
    copies: ReplicaResult = NO_REPLICAS,
) -> PassReport:
    """Return the report of the pass that ended with `checkpoint`. `account` covers the range that this pass read.

    `lost`: what the server has reported as lost. `unexplained_start`: what left the start of the stream although no limit
    explains it, in one line. `copies`: what is known about the copies of the stream.

    Only a report changes `actor_types`: it decides which types get a label value of their own.
    """
    state = checkpoint.state
    events, snapshots = state.segments.events, state.segments.snapshots
    layout = settings.layout or StreamLayout(checkpoint.stream)
    table = FindingTable(
        state,
        checkpoint.stream,
        RangeFacts(
            first_seq=max(facts.range.first_seq, account.first_seq),
            deleted=merged([*checkpoint.deleted, *checkpoint.deleted_after_read]),
            unreadable=checkpoint.unreadable,
            unreadable_by_actor=_unreadable_by_actor(checkpoint, layout),
            unread=account.unread,
            lost=lost.ranges,
            configured_first_seq=checkpoint.configured_first_seq,
            unexplained_start=unexplained_start,
            first_version=settings.first_version,
            contiguous=settings.contiguous,
        ),
        max_findings=settings.max_findings,
        identifier=Identifier(checkpoint.stream, checkpoint.created_ns, incidents),
        accepted=accepted,
        layout=layout,
    )
    table.add_ranges(Kind.DELETED_MESSAGES, checkpoint.deleted)
    table.add_ranges(Kind.UNREADABLE_MESSAGE, checkpoint.unreadable)
    table.add_unreadable_subjects(checkpoint.unreadable_by_subject)
    table.add_ranges(Kind.LOST_MESSAGES, [*lost.ranges])
    if lost.bytes and not lost.ranges:
        table.add_unlocated_loss(lost.bytes)
    table.add_copy_findings(copies.findings)
    table.add_incidents(incidents)
    _learn_actor_types(actor_types, state, table)
    incomplete = facts.incomplete or _why_incomplete(state, account) or copies.incomplete
    corrupt = any(severity is Severity.CORRUPTION for _, severity in table.totals)
    return PassReport(
        name=name,
        stream=checkpoint.stream,
        mode=facts.mode,
        verdict=Verdict.CORRUPT if corrupt else Verdict.INCONCLUSIVE if incomplete else Verdict.CLEAN,
        range=facts.range,
        read=facts.read,
        started_ns=facts.started_ns,
        finished_ns=facts.finished_ns,
        messages=_messages(checkpoint, facts, account),
        events=EventCounts(events.ok, events.malformed, events.hidden, events.unreachable),
        snapshots=SnapshotCounts(snapshots.ok, snapshots.malformed),
        actors=ActorCounts(
            seen=state.ledger.actor_count(),
            replayable=table.replayability_counts[Replayability.REPLAYABLE],
            replayable_from_snapshot=table.replayability_counts[Replayability.FROM_SNAPSHOT],
            broken=table.replayability_counts[Replayability.BROKEN],
        ),
        totals=dict(table.totals),
        missing_versions=sum(table.missing_versions.values()),
        findings=table.listed,
        findings_cut=table.truncated,
        malformed_events=_by_label(actor_types, state.segments.malformed_events),
        version_gaps=_by_label(actor_types, table.gaps),
        missing_versions_by_type=_by_label(actor_types, table.missing_versions),
        broken_by_type={
            label: count
            for (label, _), count in _by_label(
                actor_types, {(name, ""): count for name, count in table.broken_by_type.items()}
            ).items()
        },
        broken_list=tuple(table.broken_list),
        accepted=dict(table.accepted),
        accepted_findings=table.accepted_listed,
        identities={key: identity_set(each) for key, each in table.identities.items()},
        accepted_identities={key: identity_set(each) for key, each in table.accepted_identities.items()},
        counted_only=frozenset(table.counted_only),
        full_pass_started_ns=checkpoint.full_pass_started_ns,
        incomplete=incomplete,
        quarantine_pending=facts.quarantine_pending,
        notes=(*facts.notes, *copies.notes),
        replicas=copies.replicas,
        read_error=facts.read_error,
    )


def _why_incomplete(state: AuditState, account: RangeAccount) -> str | None:
    if account.unread:
        return f"sequence {account.unread[0][0]} is stored but was not delivered; the next pass tries again"
    if state.segments.unjudged:
        return f"{state.segments.unjudged} messages could not be judged by the auditor itself; its log says why"
    return None


def _unreadable_by_actor(checkpoint: Checkpoint, layout: StreamLayout) -> dict[bytes, int]:
    prefix = layout.events_prefix.encode()
    return {
        subject.removeprefix(prefix): count.unreadable for subject, count in checkpoint.unreadable_by_subject.items()
    }


def _messages(checkpoint: Checkpoint, facts: PassFacts, account: RangeAccount) -> MessageCounts:
    segments = checkpoint.state.segments
    in_range = max(0, facts.range.last_seq - facts.range.first_seq + 1)
    removed, unread = size(checkpoint.removed), size(account.unread)
    by_subject = sum(count.unreadable for count in checkpoint.unreadable_by_subject.values())
    unreadable = size(checkpoint.unreadable) + by_subject
    examined = segments.examined + unread
    skipped = in_range - removed - unreadable - examined if facts.filtered else segments.skipped
    return MessageCounts(in_range, examined, removed, unreadable, skipped, segments.unjudged + unread)


def _learn_actor_types(actor_types: ActorTypes, state: AuditState, table: FindingTable) -> None:
    """Count the actors of each type that needs a label value; not of others, because a stream can have a million types."""
    needed = {name for name, _ in [*state.segments.malformed_events, *table.gaps]} | set(table.broken_by_type)
    if needed:
        actor_types.learn(name for key in state.ledger.actor_keys() if (name := actor_type_of(key)) in needed)


def _by_label(actor_types: ActorTypes, counts: Mapping[tuple[str, Second], int]) -> dict[tuple[str, Second], int]:
    labelled: dict[tuple[str, Second], int] = {}
    for (name, second), count in counts.items():
        key = (actor_types.label(name), second)
        labelled[key] = labelled.get(key, 0) + count
    return labelled
