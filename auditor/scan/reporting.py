"""Makes the report of a pass, of the pass that ends now or of the last one that was saved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from auditor.core.model.passes import Mode, PassFacts, SeqRange
from auditor.core.model.range_account import RangeAccount
from auditor.core.report.build import ReportSettings, build_report
from auditor.core.report.known_findings import with_known_findings
from auditor.core.state.acceptance import AcceptedFindings
from auditor.core.state.checkpoint import CheckpointKind
from auditor.errors import AuditorError
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.history.audit_history import AuditHistory
    from auditor.core.model.findings import Kind
    from auditor.core.model.passes import PassTimes
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.scan.ports import PassPorts, StateStore
    from auditor.scan.request import PassRequest

log = structlog.get_logger()

NEXT_FULL_PASS_NS = 600 * NANOSECONDS
"""Time within which a full pass that is due begins."""


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
        ReportSettings(versions.first, versions.contiguous, request.detail_limit, request.audit.layout),
        ports.actor_types,
        accepted=AcceptedFindings(accepted.values(), checkpoint.created_ns, history.reported),
        incidents=history.identity.incidents,
        lost=history.identity.lost,
        unexplained_start=history.identity.unexplained_start,
        copies=history.replicas.result(facts.finished_ns, max_age_of_copies(request, history)),
    )


def max_age_of_copies(request: PassRequest, history: AuditHistory) -> int:
    """How long the reading of a copy counts, in nanoseconds: `full_pass_every`, and the time until the next full pass has ended."""
    last = history.last_passes.get(Mode.FULL)
    took_ns = max(0, last.finished_ns - last.started_ns) if last is not None else 0
    return request.audit.full_pass_every.nanoseconds + 2 * took_ns + NEXT_FULL_PASS_NS


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
    checkpoint = await _completed_checkpoint(request, ports.state)
    if checkpoint is None or not history.last_passes:
        return None
    ports.actor_types.restore(history.actor_types)
    report = await _saved_report(request, ports, checkpoint, accepted, history)
    return report.with_newest_findings(history.baseline.newest_finding_ns)


async def with_findings_of_last_pass(
    report: PassReport,
    request: PassRequest,
    ports: PassPorts,
    accepted: Mapping[Kind, Acceptance],
    history: AuditHistory,
) -> PassReport:
    """The report of a pass that did not reach its end, with the findings of the last completed pass of the same stream.

    If that pass cannot be loaded, this is logged, and the report is returned as it is.
    """
    try:
        checkpoint = await _completed_checkpoint(request, ports.state)
    except AuditorError as error:
        log.warning("findings of the last pass not loaded", audit=report.name, reason=str(error))
        return report
    info = history.identity.last_info
    if checkpoint is None or info is None or not history.last_passes:
        return report
    if (checkpoint.created_ns, checkpoint.generation) != (info.created_ns, history.identity.generation):
        return report
    return with_known_findings(report, await _saved_report(request, ports, checkpoint, accepted, history))


async def _completed_checkpoint(request: PassRequest, state: StateStore | None) -> Checkpoint | None:
    """The checkpoint of the last completed pass; None if none is saved for these subjects."""
    start = await state.check_out(CheckpointKind.COMPLETED) if state is not None else None
    if state is None or start is None:
        return None
    state.put_back(start)
    checkpoint = start.checkpoint
    is_same = (checkpoint.stream, checkpoint.subjects) == (request.audit.stream, request.audit.all_subjects)
    return checkpoint if is_same else None


async def _saved_report(
    request: PassRequest,
    ports: PassPorts,
    checkpoint: Checkpoint,
    accepted: Mapping[Kind, Acceptance],
    history: AuditHistory,
) -> PassReport:
    mode, times = max(history.last_passes.items(), key=lambda each: each[1].finished_ns)
    filtered = bool(request.audit.actors) and ports.source.can_filter(request.audit.all_subjects)
    facts = facts_of(checkpoint, mode, times, filtered=filtered)
    return await report_pass(request, ports, checkpoint, facts, RangeAccount(), accepted, history)


def facts_of(checkpoint: Checkpoint, mode: Mode, times: PassTimes, *, filtered: bool) -> PassFacts:
    """The facts of the completed pass that saved `checkpoint`."""
    return PassFacts(
        mode=mode,
        range=SeqRange(checkpoint.first_seq, checkpoint.next_seq - 1),
        filtered=filtered,
        started_ns=times.started_ns,
        finished_ns=times.finished_ns,
    )
