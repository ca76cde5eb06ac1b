"""Makes the report of a pass, of the pass that ends now or of the last one that was saved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.core.model.passes import Mode, PassFacts, SeqRange
from auditor.core.model.range_account import RangeAccount
from auditor.core.report.build import ReportSettings, build_report
from auditor.core.state.acceptance import AcceptedFindings
from auditor.core.state.checkpoint import CheckpointKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.history.audit_history import AuditHistory
    from auditor.core.model.findings import Kind
    from auditor.core.model.passes import PassTimes
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.scan.ports import PassPorts
    from auditor.scan.request import PassRequest


async def report_pass(
    request: PassRequest,
    ports: PassPorts,
    checkpoint: Checkpoint,
    facts: PassFacts,
    account: RangeAccount,
    accepted: Mapping[Kind, Acceptance],
    history: AuditHistory,
) -> PassReport:
    """The report of the pass that left `checkpoint`, made in a thread. `history`: with the findings that earlier passes reported."""
    versions = request.audit.versions
    return await asyncio.to_thread(
        build_report,
        request.audit.name,
        checkpoint,
        facts,
        account,
        ReportSettings(versions.first, versions.contiguous, request.detail_limit),
        ports.actor_types,
        accepted=AcceptedFindings(accepted.values(), checkpoint.created_ns, history.reported),
        incidents=history.identity.incidents,
        lost=history.identity.lost,
        unexplained_start=history.identity.unexplained_start,
    )


async def last_report(
    request: PassRequest, ports: PassPorts, accepted: Mapping[Kind, Acceptance] | None = None
) -> PassReport | None:
    """The report of the last completed pass, made from what is saved; None if none is saved for these subjects.

    `accepted`: used instead of the saved acceptances. Raises the AuditorErrors of a state store.
    """
    if ports.state is None:
        return None
    loaded = await ports.state.load_history()
    history = loaded.history
    if accepted is None:
        accepted = await ports.state.load_acceptances()
    start = await ports.state.check_out(CheckpointKind.COMPLETED)
    if start is None or not history.last_passes:
        return None
    ports.state.put_back(start)
    checkpoint = start.checkpoint
    if (checkpoint.stream, checkpoint.subjects) != (request.audit.stream, request.audit.all_subjects):
        return None
    ports.actor_types.restore(history.actor_types)
    mode, times = max(history.last_passes.items(), key=lambda each: each[1].finished_ns)
    filtered = bool(request.audit.actors) and ports.source.can_filter(request.audit.all_subjects)
    facts = facts_of(checkpoint, mode, times, filtered=filtered)
    report = await report_pass(request, ports, checkpoint, facts, RangeAccount(), accepted, history)
    return report.with_newest_findings(history.baseline.newest_finding_ns)


def facts_of(checkpoint: Checkpoint, mode: Mode, times: PassTimes, *, filtered: bool) -> PassFacts:
    """The facts of the completed pass that saved `checkpoint`."""
    return PassFacts(
        mode=mode,
        range=SeqRange(checkpoint.first_seq, checkpoint.next_seq - 1),
        filtered=filtered,
        started_ns=times.started_ns,
        finished_ns=times.finished_ns,
    )
