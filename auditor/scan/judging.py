"""Judges a stream: walks over it and, in a full pass of a replicated stream, compares its copies.

If the copy that was judged turns out to be damaged, or cannot be read any more, another one is judged from the start.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.core.model.ranges import merged, subtract
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.replicas.findings import damage_findings
from auditor.core.replicas.update import CopiesRead
from auditor.core.state.examiner import Examiner
from auditor.scan.census import info_of_copy
from auditor.scan.copies import CopiesResult, compare_copies
from auditor.scan.plan import audited_stream, begin
from auditor.scan.walk import flush_quarantine, read_range, save_on_the_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.core.history.audit_history import AuditHistory
    from auditor.core.model.message import StreamInfo
    from auditor.core.model.range_account import RangeAccount
    from auditor.core.replicas.census import Census
    from auditor.scan.checkpoint_writer import CheckpointWriter
    from auditor.scan.plan import Plan
    from auditor.scan.ports import PassPorts
    from auditor.scan.request import PassRequest
    from auditor.scan.walk import WalkResult

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Judged:
    """What was read, and what the copies of the stream hold."""

    info: StreamInfo
    """Of the copy that was judged."""
    plan: Plan
    walk: WalkResult
    quarantine: QuarantineResult
    """What became of all records of the pass."""
    copies: CopiesResult | None = None
    """None if the copies were not compared."""
    has_yielded: bool = False

    @property
    def judged_copy(self) -> str:
        """The server whose copy was judged; empty for any."""
        return self.plan.checkpoint.judged_copy

    @property
    def walk_to_classify(self) -> WalkResult:
        """The walk without the sequences that the judged copy does not deliver and another one does."""
        elsewhere = merged(
            (each.first, each.last)
            for each in (self.copies.accusations if self.copies else ())
            if each.replica == self.judged_copy and each.count is None
        )
        return replace(self.walk, undelivered=subtract(self.walk.undelivered, elsewhere))

    def copies_read(self, account: RangeAccount) -> CopiesRead | None:
        """What a full pass has read of the copies; None if they were not compared. `account`: of the judged copy."""
        if self.copies is None:
            return None
        unreadable = sum(last - first + 1 for first, last in account.unreadable)
        accusations = self.copies.with_undelivered(unreadable, self.info.first_seq, self.info.last_seq)
        problems = [self.copies.error] if self.copies.error else []
        if self.copies.changing:
            first, last = self.copies.changing[0][0], self.copies.changing[-1][1]
            problems.append(f"messages from sequence {first} to {last} differ between copies and keep changing")
        return CopiesRead(
            whole=self.copies.whole,
            failed=self.copies.failed,
            damage=damage_findings(accusations, self.info.leader),
            unconfirmed="; ".join(problems),
        )


async def judge(
    request: PassRequest,
    ports: PassPorts,
    info: StreamInfo,
    census: Census | None,
    plan: Plan,
    history: AuditHistory,
    writer: CheckpointWriter,
) -> Judged:
    """Read what the plan's checkpoint does not cover, and compare the copies if the plan says so.

    `census`: of the copies of the stream; None if it has one, or if only one is read.
    """
    progress = _Judging(request, ports, info, census, history, writer)
    judged = await progress.walk(plan)
    if judged.has_yielded or census is None or not plan.compares_copies:
        return judged
    failed: dict[str, str] = {}
    while True:
        if request.interrupt.is_set():
            return judged
        if judged.walk.incomplete is not None:
            failed[judged.judged_copy] = judged.walk.incomplete
            following = next((name for name in sorted(census.copies) if name not in failed), None)
        else:
            judged = await progress.compare(judged, failed)
            if judged.has_yielded:
                return judged
            following = _whole_copy(judged)
        if following is None:
            return replace(judged, copies=judged.copies or CopiesResult(failed=failed))
        log.warning("another copy is judged", audit=request.audit.name, copy=following, instead_of=judged.judged_copy)
        again = await progress.walk(progress.plan_for(following, judged))
        judged = replace(again, copies=judged.copies)
        if judged.has_yielded or judged.copies is not None:
            return judged


def _whole_copy(judged: Judged) -> str | None:
    """The copy to judge instead, if the judged one is damaged and another is not."""
    assert judged.copies is not None
    if judged.judged_copy not in judged.copies.damaged:
        return None
    return next(iter(sorted(judged.copies.whole - judged.copies.damaged)), None)


@dataclass(slots=True)
class _Judging:
    request: PassRequest
    ports: PassPorts
    info: StreamInfo
    census: Census | None
    history: AuditHistory
    writer: CheckpointWriter
    quarantine: QuarantineResult = field(default_factory=QuarantineResult)
    """What became of the records of earlier walks of this pass."""

    async def walk(self, plan: Plan) -> Judged:
        """Walk over the copy that the plan's checkpoint names."""
        checkpoint = plan.checkpoint
        info = info_of_copy(self.info, self.census, checkpoint.judged_copy)
        examiner = Examiner(
            audited_stream(info, self.ports, self.request),
            SubjectFilter(self.request.audit.all_subjects),
            detail_limit=self.request.detail_limit,
            state=checkpoint.state,
        )
        ports = self.ports
        if self.census is not None and checkpoint.judged_copy:
            ports = replace(ports, source=ports.source.of_copy(checkpoint.judged_copy))
        walk = await read_range(ports, info, plan, examiner, self.history, self.writer, self.request)
        quarantine = walk.quarantine
        if not walk.has_yielded:
            quarantine = await flush_quarantine(ports.quarantine, quarantine, plan, self.request.audit.name)
        self.quarantine = self.quarantine + quarantine
        return Judged(info, plan, walk, self.quarantine, has_yielded=walk.has_yielded)

    async def compare(self, judged: Judged, failed: dict[str, str]) -> Judged:
        """Read the other copies, and compare all of them. `failed`: those that cannot be read."""
        assert self.census is not None
        plan, history = judged.plan, self.history
        history = history.with_identity(history.identity.with_samples(judged.walk.samples))
        quarantine = judged.quarantine

        async def save(messages: int, keep: Callable[[], bool]) -> bool:
            nonlocal quarantine
            if not self.writer.is_due(messages):
                return False
            may_yield = keep()
            quarantine, yields = await save_on_the_way(
                self.ports, plan, history, quarantine, self.writer, self.request, may_yield=may_yield
            )
            return yields

        subjects = self.request.audit.all_subjects if plan.filtered else ()
        copies = await compare_copies(
            self.request, self.ports, judged.info, self.census, plan.checkpoint, save, failed, subjects=subjects
        )
        return replace(judged, copies=copies, quarantine=quarantine, has_yielded=copies.has_yielded)

    def plan_for(self, copy: str, judged: Judged) -> Plan:
        """The plan of a walk over another copy, from its start."""
        before = judged.plan.checkpoint
        plan = begin(
            self.ports,
            self.info,
            self.history,
            self.request,
            before.full_pass_started_ns,
            self.census,
            copy,
            is_for_deletions=judged.plan.is_for_deletions,
        )
        plan.checkpoint.copies = before.copies
        return replace(plan, compares_copies=judged.copies is None)
