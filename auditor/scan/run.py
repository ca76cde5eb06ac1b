"""Runs one pass of one audit: calls the steps of a pass in their order. Each step returns a value.

A pass finishes even if the quarantine stream refuses records: it counts them as pending and does not save the checkpoint, so
that a later pass submits them again. A slow quarantine stream delays each checkpoint by at most the time for which the
quarantine writer retries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import structlog

from auditor.core.history.audit_history import AuditHistory, LoadedHistory
from auditor.core.history.baseline import read_to_its_end
from auditor.core.model.message import NO_LOSS, Loss
from auditor.core.model.passes import Mode, PassFacts, SeqRange
from auditor.core.model.range_account import RangeAccount
from auditor.core.model.ranges import intersect, intersects_open_interval, merged, subtract
from auditor.core.replicas.record import ReplicaHistory
from auditor.core.replicas.update import PassAge, updated
from auditor.core.state.acceptance import listed_acceptances
from auditor.core.state.checkpoint import CheckedOut, CheckpointKind
from auditor.errors import AuditorError
from auditor.scan.account import classify_undelivered
from auditor.scan.census import info_of_best_copy, take_census
from auditor.scan.checkpoint_writer import CheckpointWriter, SaveResult
from auditor.scan.confirmation import confirm
from auditor.scan.duplicates import resolve_duplicates
from auditor.scan.identity_check import IdentityResult, agreed_samples, check_identity, check_samples
from auditor.scan.judging import judge
from auditor.scan.plan import choose_plan
from auditor.scan.reporting import max_age_of_copies, report_pass, with_findings_of_last_pass
from auditor.scan.selection import check_selection
from auditor.scan.subject_counts import CountResult, count_subjects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.history.stream_identity import SampledDigests
    from auditor.core.model.findings import Kind
    from auditor.core.model.message import StreamInfo
    from auditor.core.model.quarantine_entry import QuarantineResult
    from auditor.core.replicas.census import Census
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.scan.judging import Judged
    from auditor.scan.plan import Plan
    from auditor.scan.ports import PassPorts, StateStore
    from auditor.scan.request import PassRequest
    from auditor.scan.walk import WalkResult

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Yielded:
    """A full pass that ended at a checkpoint, to be continued by another pass."""

    reached: int
    """The last sequence that was read."""
    quarantine: QuarantineResult
    """What became of the records that this pass submitted."""


@dataclass(frozen=True, slots=True)
class _Start:
    """What is known before the walk."""

    started_ns: int
    started_steady_ns: int
    """The same by a clock that is never set."""
    info: StreamInfo
    loaded: LoadedHistory
    accepted: Mapping[Kind, Acceptance]
    plan: Plan
    history: AuditHistory
    """With the identity that this pass has checked."""
    census: Census | None
    """Of the copies of the stream; None if it has one, or if only one is read."""

    @property
    def problems(self) -> tuple[str | None, ...]:
        """Why the pass cannot be clean whatever it reads, each in one line or None."""
        return self.info.contradiction, self.plan.incomplete, self.loaded.problem, self.history.recovered or None


@dataclass(frozen=True, slots=True)
class _Results:
    """What is known after the walk, and entered in the checkpoint."""

    account: RangeAccount
    error: str | None
    """Why the range could not be accounted for, or what was delivered is not what is stored, in one line."""
    has_changed: bool
    """Whether the checkpoint differs from the saved one."""


async def run_pass(request: PassRequest, ports: PassPorts) -> PassReport | Yielded:
    """Run a pass to the stream's last sequence as of now, or to the checkpoint at which it yields.

    Raises an AuditorError if the stream or the saved state cannot be read as the pass begins. Later errors make the pass
    inconclusive, and nothing that was found is lost.
    """
    start = await _start(request, ports)
    # What contradicts itself is not to be compared with later, so that such a pass saves nothing.
    saves = ports.state is not None and ports.state.saves and start.info.contradiction is None
    writer = CheckpointWriter(ports.state if saves else None, request.audit.name, ports.steady_clock)
    try:
        judged = await judge(request, ports, start.info, start.census, start.plan, start.history, writer)
        walk = judged.walk
        if judged.has_yielded:
            return Yielded(walk.reached, judged.quarantine)
        start = replace(start, info=judged.info, plan=judged.plan)
        plan, checkpoint = start.plan, start.plan.checkpoint
        results = await _complete(request, ports, start, judged)
        selection = await check_selection(ports.source, start.info, checkpoint, request, is_filtered=plan.filtered)
        took_ns = ports.steady_clock() - start.started_steady_ns
        finished_ns = ports.clock()
        has_read_copies = judged.copies is not None and walk.incomplete is None
        facts = PassFacts(
            mode=plan.mode,
            range=SeqRange(start.info.first_seq, start.info.last_seq),
            read=walk.read or (SeqRange(start.info.first_seq, start.info.last_seq) if has_read_copies else None),
            filtered=plan.filtered,
            # A clock that was set back during the pass does not make its duration negative.
            started_ns=min(start.started_ns, finished_ns - took_ns),
            finished_ns=finished_ns,
            incomplete=next(
                filter(None, (walk.incomplete, results.error, *start.problems, selection.incomplete)), None
            ),
            notes=selection.notes,
            quarantine_pending=plan.start.unstored + judged.quarantine.failed,
            read_error=walk.incomplete if walk.read is None else None,
        )
        samples = await _samples(ports, start, judged)
        identity = start.history.identity.with_samples(samples).with_loss(_loss(start, judged, results.account))
        history = start.history.with_identity(identity)
        if not request.interrupt.is_set():
            history = history.with_replicas(_replicas(request, start, judged, results.account, facts.finished_ns))
        report = await report_pass(request, ports, checkpoint, facts, results.account, start.accepted, history)
        history = history.with_actor_types(ports.actor_types.learned)
        if not request.interrupt.is_set():
            history = history.after(report)
        await _save(ports, writer, start, walk, results, history, pending=facts.quarantine_pending)
        if not request.interrupt.is_set() and start.info.contradiction is None:
            await _list_accepted(ports.state, start.accepted, report)
            if not read_to_its_end(report):
                report = await with_findings_of_last_pass(report, request, ports, start.accepted, history)
        report = replace(report, quarantine=judged.quarantine).with_newest_findings(history.baseline.newest_finding_ns)
        return report.with_at_most(request.max_findings)
    finally:
        writer.cancel()


async def run_to_end(request: PassRequest, ports: PassPorts) -> PassReport:
    """Run a pass whose request never lets it yield. Raises as `run_pass`."""
    result = await run_pass(request, ports)
    assert not isinstance(result, Yielded)
    return result


async def _start(request: PassRequest, ports: PassPorts) -> _Start:
    """Read the stream info and the saved state, check the stream's identity, and choose where to start."""
    started_ns, started_steady_ns, source, state = ports.clock(), ports.steady_clock(), ports.source, ports.state
    info = await source.info(lost=True)
    census = None
    if info.is_replicated and request.audit.replicas == "all":
        census = await take_census(source, info)
    copies = census.copies.keys() if census is not None else ()
    stream_info = info_of_best_copy(info, census)
    loaded = await state.load_history() if state is not None else LoadedHistory(AuditHistory())
    if not loaded.history.identity.is_of(info):
        log.warning(
            "audit reads another stream: its history begins anew",
            audit=request.audit.name,
            stream=info.address,
            account=info.account,
        )
        loaded = replace(loaded, history=AuditHistory().with_actor_types(loaded.history.actor_types))
    accepted = await state.load_acceptances() if state is not None else {}
    ports.actor_types.restore(loaded.history.actor_types)
    checked = IdentityResult(loaded.history.identity)
    if info.contradiction is None:  # otherwise nothing can be concluded from a comparison with the last check
        checked = await check_identity(
            source, state, stream_info, loaded.history.identity, started_ns, request.audit.layout, copies
        )
    if checked.reason is not None:
        log.warning("stream changed since the last pass", audit=request.audit.name, reason=checked.reason)
    identity = checked.identity
    if census is None:
        identity = identity.with_loss(info.lost)
        info = replace(info, lost=identity.lost)
    plan = await choose_plan(ports, info, loaded.history.with_identity(identity), request, started_ns, census)
    if plan.is_for_deletions:
        identity = msgspec.structs.replace(identity, last_deletion_pass_ns=started_ns)
    if plan.reads_from_start:
        samples = identity.samples.digests
        identity = (await check_samples(source, info, identity, samples, started_ns, copies)).identity
    history = loaded.history.with_identity(identity)
    return _Start(started_ns, started_steady_ns, info, loaded, accepted, plan, history, census)


async def _samples(ports: PassPorts, start: _Start, judged: Judged) -> SampledDigests:
    """The sampled messages after the pass. A full pass has compared the copy that they are from with the others."""
    samples = judged.walk.samples
    if start.census is None or judged.copies is not None:
        return samples
    before, copies = start.history.identity.samples, start.census.copies
    return await agreed_samples(ports.source, start.info, before, samples, judged.judged_copy, copies)


def _loss(start: _Start, judged: Judged, account: RangeAccount) -> Loss:
    """What the stream has lost. The leader reports what its own copy has lost: what another copy delivers is not lost."""
    if start.census is None:
        return account.lost
    if judged.copies is None:
        return NO_LOSS
    reported = start.info.lost.merged_with(account.lost)
    lost = intersect(reported.ranges, judged.walk_to_classify.undelivered)
    return Loss(tuple(lost), reported.bytes if lost else 0)


def _replicas(
    request: PassRequest, start: _Start, judged: Judged, account: RangeAccount, now_ns: int
) -> ReplicaHistory:
    """What is known about the copies of the stream after the pass."""
    if start.census is None:
        info = start.info
        return ReplicaHistory(info.created_ns, info.replicas, info.leader) if info.is_replicated else ReplicaHistory()
    age = PassAge(now_ns, max_age_of_copies(request, start.history))
    return updated(start.history.replicas, start.info, start.census, judged.copies_read(account), age)


async def _complete(request: PassRequest, ports: PassPorts, start: _Start, judged: Judged) -> _Results:
    """Find the causes of duplicates, account for every sequence, and enter the results in the checkpoint."""
    source, info, plan, checkpoint = ports.source, start.info, start.plan, start.plan.checkpoint
    walk = judged.walk_to_classify
    causes = await resolve_duplicates(source, info, checkpoint.state.ledger, request)
    checkpoint.state.ledger.set_causes(causes)
    account = RangeAccount()
    if walk.read is not None or walk.undelivered:
        account = await classify_undelivered(
            source, info, walk.undelivered, walk.reached, ports.steady_clock, filtered=plan.filtered
        )
        elsewhere = subtract(judged.walk.undelivered, walk.undelivered)
        account = replace(account, unread=merged([*account.unread, *elsewhere]))
    counted = CountResult(checkpoint.subject_counts)
    is_unchanged = plan.is_idle and checkpoint.deletions_unchanged(info)
    if plan.filtered and not is_unchanged and walk.incomplete is None and account.error is None:
        counted = await count_subjects(source, info, checkpoint.subject_counts, request)
    has_new_results = checkpoint.complete(
        account, info=info, mode=plan.mode, reached=walk.reached, subject_counts=counted.counts
    )
    has_changed = not plan.start.is_saved or walk.read is not None or bool(causes) or has_new_results
    # The leader answers requests for one message. Copies that differ from it are findings of their own.
    is_from_leader = judged.judged_copy in ("", info.leader)
    unconfirmed = await confirm(source, info, walk.delivered) if is_from_leader and not walk.incomplete else None
    return _Results(account, account.error or counted.error or unconfirmed, has_changed)


async def _list_accepted(state: StateStore | None, accepted: Mapping[Kind, Acceptance], report: PassReport) -> None:
    """Replace rules in the acceptances, which earlier versions saved, by the findings that they cover in this report."""
    listed = listed_acceptances(accepted, report.accepted_identities)
    if state is None or not state.saves or listed is None or not read_to_its_end(report):
        return
    try:
        await state.replace_acceptances(listed)
    except AuditorError as error:
        log.warning("acceptances not saved", audit=report.name, reason=str(error))


async def _save(
    ports: PassPorts,
    writer: CheckpointWriter,
    start: _Start,
    walk: WalkResult,
    results: _Results,
    history: AuditHistory,
    *,
    pending: int,
) -> None:
    """Save the history, and the checkpoint if everything that it covers is certain and every record is stored."""
    plan, checkpoint = start.plan, start.plan.checkpoint
    has_doubt = walk.read is not None and intersects_open_interval(results.account.unread, 0, walk.read.last_seq + 1)
    is_certain = not (results.error or start.info.contradiction or has_doubt or pending)
    changed: dict[CheckpointKind, Checkpoint | None] = {}
    if is_certain and results.has_changed:
        changed[checkpoint.kind] = checkpoint
        if plan.mode is Mode.FULL and checkpoint.is_complete:
            changed[CheckpointKind.IN_PROGRESS] = None
    result = await (await writer.start_save(history, changed))
    if ports.state is not None and is_certain and result is not SaveResult.CONFLICT:
        ports.state.put_back(CheckedOut(checkpoint, is_saved=result is SaveResult.SAVED))
