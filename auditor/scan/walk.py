"""Reads the range of a pass: examines each message, submits quarantine records, and saves checkpoints on the way."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from auditor.core.model.batch import data_bytes, missing_from
from auditor.core.model.passes import Outcome, SeqRange
from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.core.model.ranges import merged
from auditor.core.replicas.digests import ChunkDigester, CopyDigests
from auditor.core.state.checkpoint import CheckedOut
from auditor.errors import AuditorError
from auditor.scan.checkpoint_writer import SaveResult
from auditor.scan.confirmation import DeliveredSample
from auditor.scan.interrupt import take_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.core.history.audit_history import AuditHistory
    from auditor.core.history.stream_identity import SampledDigests
    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.model.passes import Progress
    from auditor.core.model.quarantine_entry import QuarantineEntry
    from auditor.core.model.ranges import Ranges
    from auditor.core.state.examiner import Examiner
    from auditor.scan.checkpoint_writer import CheckpointWriter
    from auditor.scan.plan import Plan
    from auditor.scan.ports import PassPorts, Quarantine
    from auditor.scan.request import PassRequest

log = structlog.get_logger()

MAX_FAILURES_LOGGED = 10
"""Messages that the auditor failed on and names in its log, in one pass; all are counted."""


@dataclass(frozen=True, slots=True)
class WalkResult:
    """What the walk read."""

    read: SeqRange | None
    """None if it read nothing."""
    reached: int
    """The last sequence that was read by this pass or by those that it continues."""
    undelivered: Ranges
    """Sequences up to the end of the range that were not delivered, because of an early end too."""
    incomplete: str | None
    """Why it did not reach the end of the range, in one line; None if it did."""
    samples: SampledDigests
    quarantine: QuarantineResult
    """What became of the records submitted up to the last checkpoint."""
    delivered: tuple[StoredMessage, ...] = ()
    """Some of the messages that were delivered."""
    has_yielded: bool = False
    """Whether the walk ended at a checkpoint because another pass is due."""


async def read_range(
    ports: PassPorts,
    info: StreamInfo,
    plan: Plan,
    examiner: Examiner,
    history: AuditHistory,
    writer: CheckpointWriter,
    request: PassRequest,
) -> WalkResult:
    """Read what the plan's checkpoint does not cover, up to the last sequence of `info`.

    Changes the checkpoint and `request.progress`. `history` is saved with each checkpoint. An AuditorError of the source or an
    interrupt ends the walk early.
    """
    checkpoint, progress = plan.checkpoint, request.progress
    first_seq = next_seq = checkpoint.next_seq
    digests = _JudgedCopy(plan)
    progress.mode, progress.first_seq, progress.last_seq = plan.mode, first_seq, info.last_seq
    undelivered, samples, quarantine = list(checkpoint.undelivered), history.identity.samples, QuarantineResult()
    if plan.is_idle:
        return WalkResult(None, first_seq - 1, undelivered, None, samples, quarantine)
    batches = ports.source.read(
        info,
        first_seq=digests.next_seq,
        last_seq=info.last_seq,
        subjects=request.audit.all_subjects if plan.filtered else (),
        max_rate=request.audit.max_rate,
    )
    last: StoredMessage | None = None
    sample = DeliveredSample()
    incomplete: str | None = None
    try:
        async with aclosing(take_until(request.interrupt, batches)) as coming:
            async for delivered in coming:
                digests.add(delivered)
                batch = delivered
                if delivered[0].seq < next_seq:
                    batch = [each for each in delivered if each.seq >= next_seq]
                if not batch:
                    continue
                undelivered += missing_from(batch, next_seq)
                last = batch[-1]
                next_seq = last.seq + 1
                samples = samples.observe(batch)
                sample.observe(batch)
                if plan.filtered:
                    checkpoint.count_by_subject(batch)
                for entry in examine_batch(examiner, batch, request.audit.name):
                    if ports.quarantine is not None:
                        await ports.quarantine.submit(entry)
                _show(progress, examiner, batch)
                if writer.is_due(len(batch)):
                    checkpoint.advance(next_seq, merged(undelivered))
                    digests.keep()
                    current = history.with_identity(history.identity.with_samples(samples))
                    quarantine, yields = await save_on_the_way(ports, plan, current, quarantine, writer, request)
                    if yields:
                        return WalkResult(
                            SeqRange(first_seq, last.seq), last.seq, [], None, samples, quarantine, has_yielded=True
                        )
    except AuditorError as error:
        incomplete = str(error)
    if last is not None:
        samples = samples.observe_last(last)
    if request.interrupt.is_set() and next_seq <= info.last_seq:
        incomplete = f"interrupted at sequence {next_seq} of {info.last_seq}"
    reached = next_seq - 1 if incomplete else info.last_seq
    digests.finish(None if incomplete else info.last_seq)
    if first_seq <= reached:
        progress.seq = reached
    return WalkResult(
        read=SeqRange(first_seq, reached) if first_seq <= reached else None,
        reached=reached,
        undelivered=merged([*undelivered, (next_seq, info.last_seq)]),
        incomplete=incomplete,
        samples=samples,
        quarantine=quarantine,
        delivered=sample.messages,
    )


class _JudgedCopy:
    """Computes the digests of the copy that a full pass judges; it does nothing if the copies are not compared."""

    def __init__(self, plan: Plan) -> None:
        self._checkpoint = plan.checkpoint
        self.next_seq = plan.checkpoint.next_seq
        """Where reading begins: at the latest with the chunk that was not complete when the checkpoint was saved."""
        self._digester: ChunkDigester | None = None
        if plan.compares_copies:
            first_seq = plan.first_seq_of_copies
            before = plan.checkpoint.copies.get(plan.checkpoint.judged_copy, CopyDigests(first_seq, first_seq))
            self._first_seq = before.whole_chunks().next_seq
            self._digester = ChunkDigester(before.whole_chunks())
            self.next_seq = min(self.next_seq, self._first_seq)

    def add(self, messages: Sequence[StoredMessage]) -> None:
        if self._digester is None:
            return
        if messages[0].seq < self._first_seq:
            messages = [each for each in messages if each.seq >= self._first_seq]
        self._digester.add(messages)

    def keep(self) -> None:
        """Enter the digests of whole chunks in the checkpoint."""
        if self._digester is not None:
            self._checkpoint.copies[self._checkpoint.judged_copy] = self._digester.whole_chunks

    def finish(self, last_seq: int | None) -> None:
        """Enter the digests in the checkpoint. `last_seq`: the last sequence that was read, if the end was reached."""
        if self._digester is not None and last_seq is not None:
            self._checkpoint.copies[self._checkpoint.judged_copy] = self._digester.finish(last_seq)
        else:
            self.keep()


def examine_batch(examiner: Examiner, batch: Sequence[StoredMessage], audit: str) -> Iterator[QuarantineEntry]:
    """Examine every message; the entries to quarantine. A message that the auditor itself fails on is logged and counted."""
    at = examiner.examine_expected(batch)
    while at < len(batch):
        try:
            entry = examiner.examine(batch[at])
        except Exception as error:  # noqa: BLE001 - whatever fails, the other messages are examined
            if examiner.state.segments.unjudged < MAX_FAILURES_LOGGED:
                name = type(error).__name__  # the text of an exception may hold payload values
                log.error("message not judged", audit=audit, seq=batch[at].seq, reason=name)  # noqa: TRY400
            examiner.record_failure(batch[at])
        else:
            if entry is not None:
                yield entry
        at = examiner.examine_expected(batch, at + 1)


async def flush_quarantine(
    quarantine: Quarantine | None, so_far: QuarantineResult, plan: Plan, audit: str
) -> QuarantineResult:
    """Wait for the records in flight; the result of all records of this pass. The first refusal of a pass is logged."""
    if quarantine is None:
        return so_far
    total = so_far + await quarantine.flush()
    if total.failed and not so_far.failed:
        log.error(
            "quarantine did not take every record",
            audit=audit,
            pending=plan.start.unstored + total.failed,
            reason=total.reason,
        )
    return total


async def save_on_the_way(
    ports: PassPorts,
    plan: Plan,
    history: AuditHistory,
    quarantine: QuarantineResult,
    writer: CheckpointWriter,
    request: PassRequest,
    *,
    may_yield: bool = True,
) -> tuple[QuarantineResult, bool]:
    """Save the checkpoint while the walk continues: the result of all records so far, and whether the walk ends here.

    If records are not stored, the checkpoint is not saved, and the quarantine is not waited for again in this pass.
    """
    checkpoint = plan.checkpoint
    yields = may_yield and not checkpoint.is_complete and request.should_yield()
    if yields or not quarantine.failed:
        quarantine = await flush_quarantine(ports.quarantine, quarantine, plan, request.audit.name)
    unstored = plan.start.unstored + quarantine.failed
    if unstored and not yields:
        writer.postpone()
        return quarantine, False
    saving = await writer.start_save(history, {} if unstored else {checkpoint.kind: checkpoint})
    if yields:
        result = await saving
        if ports.state is not None and result is not SaveResult.CONFLICT:
            ports.state.put_back(CheckedOut(checkpoint, not unstored and result is SaveResult.SAVED, unstored))
    return quarantine, yields


def _show(progress: Progress, examiner: Examiner, batch: Sequence[StoredMessage]) -> None:
    progress.seq = batch[-1].seq
    progress.bytes += data_bytes(batch)
    progress.outcomes = dict.fromkeys(Outcome, 0) | examiner.outcomes
