"""One pass of one audit. The order of effects lives here, and nowhere else.

pin -> recall -> walk -> judge -> quarantine confirmed -> account for every sequence -> report -> state saved.

Detection never waits for the quarantine: what the side stream does not take is counted as pending, the state stays
behind, and the next pass tries again. A full pass also yields while records are pending: the pass that continues it counts
them as pending, and the next one sends them again.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from auditor.core.history.audit_history import AuditHistory
from auditor.core.model.findings import AcceptedBy, Kind, spec
from auditor.core.model.passes import Mode, Outcome, PassTimes, Progress, SeqRange
from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.core.model.range_account import Walked
from auditor.core.model.ranges import Ranges, merged
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.report.build import ReportSettings, build_report
from auditor.core.state.acceptance import Acceptance
from auditor.core.state.checkpoint import Checkpoint, CheckpointKind
from auditor.core.state.examiner import AuditedStream, Examiner
from auditor.errors import AuditorError
from auditor.scan.account import account, holes
from auditor.scan.catch_up import Resumption
from auditor.scan.checkpoint_writer import CheckpointWriter
from auditor.scan.duplicates import resolve_duplicates
from auditor.scan.identity_check import check_samples, check_stream_info
from auditor.scan.interrupt import until
from auditor.scan.plan import CANDIDATES, MIN_INTERVAL_OF_DELETION_PASSES_NS, StartFrom
from auditor.scan.subject_counts import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from auditor.config import AuditConfig
    from auditor.core.history.stream_identity import SampledDigests, StreamIdentity
    from auditor.core.model.actor_types import ActorTypes
    from auditor.core.model.message import StoredMessage, StreamState
    from auditor.core.model.quarantine_entry import QuarantineEntry
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.checkpoint import Position
    from auditor.scan.ports import Quarantine, Source, StateStore

log = structlog.get_logger()


MAX_FAILURES_LOGGED = 10
"""Messages that the auditor failed on and names in its log, in one pass; all are counted."""

MIN_FINDINGS_LISTED = 1000
"""Findings of each kind that are remembered one by one, at least; beyond it they are counted."""


@dataclass(slots=True)
class Pass:
    """One run of one audit over its stream, to the end pinned before it begins.

    It speaks of everything from the stream's first sequence on, and reads only what is not remembered.
    """

    config: AuditConfig
    source: Source
    quarantine: Quarantine | None
    """None for a pass that writes nothing."""
    quarantine_prefix: str | None
    actor_types: ActorTypes
    clock: Callable[[], int]
    """Nanoseconds since 1970."""
    keeper: StateStore | None = None
    """None for a pass that remembers nothing."""
    reading: StartFrom = StartFrom.AUTO
    yields: Callable[[], bool] = lambda: False
    """Whether a full pass should stop at its next checkpoint, for another one to go on with it later."""
    max_findings: int = MIN_FINDINGS_LISTED
    """Listed in the report."""
    progress: Progress = field(default_factory=Progress)
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to end the walk early: the pass is then inconclusive, unless it is corrupt already."""
    settled: QuarantineResult = field(default_factory=QuarantineResult)
    """What became so far of the evidence that this pass itself has sent."""
    _saves: CheckpointWriter = field(init=False)

    def __post_init__(self) -> None:
        self._saves = CheckpointWriter(self.keeper, self.config.name, self.clock)

    async def run(self) -> PassReport:
        """The report of a pass that nobody asks to yield. Raises as `advance`."""
        report = await self.advance()
        assert report is not None
        return report

    async def advance(self) -> PassReport | None:
        """The report of the pass; None if it has yielded, and another one is to go on.

        Raises an AuditorError if the stream or the saved state cannot be looked at at all. Whatever happens after that
        makes the pass inconclusive instead, and loses nothing that was found.
        """
        started_ns = self.clock()
        self._saves.postpone()
        pinned = await self.source.info()
        chronicle, accepted = AuditHistory(), dict[Kind, Acceptance]()
        if self.keeper is not None:
            chronicle, accepted = await self.keeper.open(), await self.keeper.accepted()
        self.actor_types.restore(chronicle.actor_types)
        history = chronicle.identity
        await self._look_back(history, pinned, started_ns)
        memory, position = await self._recall(pinned, started_ns, history)
        if not memory.is_complete and memory.next_seq == pinned.first_seq:
            await check_samples(self.source, history, history.samples.digests, pinned, started_ns)
        walked = Walked(
            pinned=pinned,
            started_ns=started_ns,
            mode=Mode.INCREMENTAL if memory.is_complete else Mode.FULL,
            filtered=self._filtered,
            full_ns=memory.full_pass_started_ns,
        )
        progress, idle = self.progress, memory.next_seq > pinned.last_seq
        progress.first_seq, progress.last_seq, progress.mode = memory.next_seq, pinned.last_seq, walked.mode
        try:
            audit = Examiner(
                self._where(pinned),
                SubjectFilter(self.config.all_subjects),
                detail_limit=self._limit,
                state=memory.state,
            )
            absent = await self._walk(walked, audit, memory, history.samples)
            if absent is None:
                return None
            await self._settle(memory)
            await self._compare(pinned, audit)
            try:
                await account(self.source, walked, absent, memory.next_seq - 1)
                if walked.filtered and not walked.incomplete and not (idle and memory.deletions_unchanged(pinned)):
                    await self._reconcile(walked, memory)
            except AuditorError as error:
                walked.accounted, walked.incomplete = False, walked.incomplete or str(error)
            walked.incomplete = walked.incomplete or (self.keeper.problem if self.keeper else None)
            walked.quarantine_pending = memory.unstored + self.settled.failed
            memory.take(walked)
            walked.finished_ns = self.clock()
            report = await asyncio.to_thread(self._report, memory, walked, accepted, history)
            await self._keep(chronicle, memory, report, unchanged=memory.position == position)
        finally:
            self._saves.abandon()
        newest_ns = dict(chronicle.baseline.newest_finding_ns)
        return replace(report, newest_ns=newest_ns, finished_ns=self.clock()).listing(self.max_findings)

    async def last(self, accepted: Mapping[Kind, Acceptance] | None = None) -> PassReport | None:
        """What the last pass said, made once more of what it saved; None if nothing is there. Raises as `advance`.

        `accepted`: instead of what operators accepted.
        """
        if self.keeper is None:
            return None
        chronicle = await self.keeper.open()
        if accepted is None:
            accepted = await self.keeper.accepted()
        memory = await self.keeper.check_out(CheckpointKind.COMPLETED)
        if memory is None or not chronicle.last_passes:
            return None
        self.keeper.put_back(memory)
        if (memory.stream, memory.subjects) != (self.config.stream, self.config.all_subjects):
            return None
        self.actor_types.restore(chronicle.actor_types)
        mode, times = max(chronicle.last_passes.items(), key=lambda each: each[1].finished_ns)
        walked = memory.recalled(mode, times, filtered=self._filtered)
        report = await asyncio.to_thread(self._report, memory, walked, accepted, chronicle.identity)
        return replace(report, newest_ns=dict(chronicle.baseline.newest_finding_ns))

    async def _look_back(self, history: StreamIdentity, pinned: StreamState, now_ns: int) -> None:
        """See whether the stream is what it was; if not, what is remembered of its messages is worth nothing."""
        memory = None
        if self.keeper is not None and history.last_info is not None and history.last_info.last_seq > pinned.last_seq:
            memory = await self.keeper.check_out(CheckpointKind.COMPLETED)
            if memory is not None:
                self.keeper.put_back(memory)
        why = await check_stream_info(self.source, history, pinned, memory, now_ns)
        some = history.samples.sample(now_ns // 1_000)
        why = why or await check_samples(self.source, history, some, pinned, now_ns)
        if why is not None:
            history.invalid_before_ns = now_ns
            log.warning("the stream is not what it was", audit=self.config.name, why=why)

    async def _recall(
        self, pinned: StreamState, started_ns: int, history: StreamIdentity
    ) -> tuple[Checkpoint, Position | None]:
        """What this pass goes on from, and where that was saved last; a new memory if it has to read everything."""
        why = None
        for part in CANDIDATES[self.reading]:
            if self.keeper is None:
                break
            memory = await self.keeper.check_out(part)
            if memory is None:
                continue
            position = memory.position
            objection: str | None = "the stream is not what it was"
            if memory.full_pass_started_ns >= history.invalid_before_ns:
                objection = await self._objection(memory, pinned, history)
            if objection is None:
                return memory, position
            why = objection
        if why is not None:
            log.info("reading everything", audit=self.config.name, why=why)
        memory = Checkpoint(
            stream=pinned.name,
            created_ns=pinned.created_ns,
            subjects=self.config.all_subjects,
            first_seq=pinned.first_seq,
            next_seq=pinned.first_seq,
            full_pass_started_ns=started_ns,
        )
        return memory, None

    async def _objection(self, memory: Checkpoint, pinned: StreamState, history: StreamIdentity) -> str | None:
        """Why this pass does not go on from `memory`; None once it can."""
        objection = memory.objection(pinned, self.config.all_subjects)
        if objection is not None:
            return objection
        if self.reading is StartFrom.AUTO:
            age_ns = self.clock() - memory.full_pass_started_ns
            if memory.is_complete and age_ns >= self.config.full_pass_every.nanoseconds:
                return "it is time"
            since_ns = self.clock() - history.last_deletion_pass_ns
            if since_ns >= MIN_INTERVAL_OF_DELETION_PASSES_NS and not memory.deletions_unchanged(pinned):
                _, listed = await self.source.deleted(pinned)
                if memory.has_new_deletions(pinned, listed):
                    history.last_deletion_pass_ns = self.clock()
                    return "messages that were read are gone from the middle of the stream"
        where, scope = self._where(pinned), SubjectFilter(self.config.all_subjects)
        resumption = Resumption(self.source, pinned, memory, where, scope, self._limit, self.config.max_rate)
        return None if await resumption.catch_up() else "much of what was read has left the stream"

    @property
    def _filtered(self) -> bool:
        """Whether only the audit's subjects are read; else all of the stream is, and what is on others is skipped."""
        return bool(self.config.actors) and self.source.can_filter(self.config.all_subjects)

    @property
    def _limit(self) -> int:
        return max(MIN_FINDINGS_LISTED, self.max_findings)

    def _where(self, pinned: StreamState) -> AuditedStream:
        return AuditedStream(pinned.name, pinned.created_ns, self.quarantine_prefix)

    async def _walk(
        self, walked: Walked, audit: Examiner, memory: Checkpoint, anchors: SampledDigests
    ) -> Ranges | None:
        """Judge every message that is new; what did not come, because of an early end too. None if the pass yields."""
        pinned, first_seq = walked.pinned, memory.next_seq
        last: StoredMessage | None = None
        absent = list(memory.undelivered)
        following = first_seq
        if first_seq > pinned.last_seq:
            return absent
        batches = self.source.walk(
            pinned,
            first_seq=first_seq,
            last_seq=pinned.last_seq,
            subjects=self.config.all_subjects if walked.filtered else (),
            max_rate=self.config.max_rate,
        )
        try:
            async with aclosing(until(self.interrupted, batches)) as coming:
                async for batch in coming:
                    absent += holes(batch, following)
                    last = batch[-1]
                    following = last.seq + 1
                    anchors.take(batch)
                    if walked.filtered:
                        memory.count_by_subject(batch)
                    for evidence in self._judge(audit, batch):
                        if self.quarantine is not None:
                            await self.quarantine.submit(evidence)
                    self._show(audit, batch)
                    if self._saves.is_due(len(batch)):
                        memory.advance(following, merged(absent))
                        if await self._checkpoint(memory):
                            return None
        except AuditorError as error:
            walked.incomplete = str(error)
        if last is not None:
            anchors.end(last)
        if self.interrupted.is_set() and following <= pinned.last_seq:
            walked.incomplete = f"interrupted at sequence {following} of {pinned.last_seq}"
        reached = following - 1 if walked.incomplete else pinned.last_seq
        if first_seq <= reached:
            walked.read = SeqRange(first_seq, reached)
            self.progress.seq = reached
        memory.next_seq = reached + 1
        return merged([*absent, (following, pinned.last_seq)])

    def _judge(self, audit: Examiner, batch: Sequence[StoredMessage]) -> Iterator[QuarantineEntry]:
        """Judge every message; the evidence to keep. A message that the auditor fails on never ends the pass."""
        at = audit.examine_expected(batch)
        while at < len(batch):
            try:
                evidence = audit.examine(batch[at])
            except Exception as error:  # noqa: BLE001 - any failure of ours is counted, and the pass goes on
                if audit.state.segments.unjudged < MAX_FAILURES_LOGGED:
                    name = type(error).__name__  # an exception's text or traceback may hold payload values
                    seq = batch[at].seq
                    log.error("message not judged", audit=self.config.name, seq=seq, error=name)  # noqa: TRY400
                audit.record_failure(batch[at])
            else:
                if evidence is not None:
                    yield evidence
            at = audit.examine_expected(batch, at + 1)

    def _show(self, audit: Examiner, batch: Sequence[StoredMessage]) -> None:
        progress = self.progress
        progress.seq = batch[-1].seq
        progress.bytes += sum(len(message.data) for message in batch)
        progress.outcomes = dict.fromkeys(Outcome, 0) | audit.outcomes

    async def _checkpoint(self, memory: Checkpoint) -> bool:
        """Save how far the walk has come, beside the walk as it goes on. True if the pass is to end here and go on later."""
        if not await self._settle(memory):
            self._saves.postpone()  # the state stays behind; no later checkpoint of this pass can help that
            if memory.is_complete or not self.yields():
                return False
            memory.unstored += self.settled.failed
            self._saves.put_back(memory)
            return True
        saving = await self._saves.begin({memory.kind: memory})
        if memory.is_complete or not self.yields():
            return False
        if await saving:
            self._saves.put_back(memory)
        return True

    async def _settle(self, memory: Checkpoint) -> bool:
        """Have every record confirmed that was sent; whether all were taken, those of passes that left `memory` too."""
        if self.quarantine is not None and not self.settled.failed:
            self.settled += await self.quarantine.flush()
            if self.settled.failed:
                log.error(
                    "quarantine did not take every record",
                    audit=self.config.name,
                    pending=memory.unstored + self.settled.failed,
                    why=self.settled.why,
                )
        return not (self.settled.failed or memory.unstored)

    async def _compare(self, pinned: StreamState, audit: Examiner) -> None:
        ledger, interrupted = audit.state.ledger, self.interrupted
        try:
            await resolve_duplicates(self.source, pinned, ledger, interrupted, self.config.max_rate)
        except Exception as error:  # noqa: BLE001 - a failure of ours here costs a cause, and never what was found
            name = type(error).__name__  # the text may hold payload values
            log.warning("duplicates not compared", audit=self.config.name, error=name)

    async def _reconcile(self, walked: Walked, memory: Checkpoint) -> None:
        subjects, rate = self.config.all_subjects, self.config.max_rate
        await reconcile(self.source, walked.pinned, subjects, memory.subject_counts, self.interrupted, rate)

    def _report(
        self, memory: Checkpoint, walked: Walked, accepted: Mapping[Kind, Acceptance], history: StreamIdentity
    ) -> PassReport:
        versions = self.config.versions
        expectations = ReportSettings(versions.first, versions.contiguous, self._limit)
        valid = {
            kind: one
            for kind, one in accepted.items()
            if spec(kind).accepted_by is AcceptedBy.TIME or one.created_ns == memory.created_ns
        }
        name, state, types = self.config.name, memory.state, self.actor_types
        return build_report(name, state, walked, expectations, types, valid, history.incidents)

    async def _keep(self, chronicle: AuditHistory, memory: Checkpoint, report: PassReport, *, unchanged: bool) -> None:
        """Save what this pass leaves, but for what is not certain: a record not stored, a message that did not come."""
        if not self.interrupted.is_set():
            chronicle.baseline.take(report, report.finished_ns)
            chronicle.last_passes[report.mode] = PassTimes(report.started_ns, report.finished_ns)
        chronicle.actor_types = tuple(sorted(self.actor_types.learned))
        certain = memory.certain and not report.quarantine_pending
        changed: dict[CheckpointKind, Checkpoint | None] = {}
        if certain and not (unchanged and self._saves.is_saved(memory)):
            changed[memory.kind] = memory
            if report.mode is Mode.FULL and memory.is_complete:
                changed[CheckpointKind.IN_PROGRESS] = None
        saved = await (await self._saves.begin(changed))
        if certain and saved:
            self._saves.put_back(memory)
