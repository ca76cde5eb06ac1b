"""Decides what a pass starts from: a saved checkpoint, or a new one at the start of the stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from auditor.core.history.stream_start import configured_first_seq
from auditor.core.model.passes import Mode
from auditor.core.state.checkpoint import CheckedOut, Checkpoint, CheckpointKind
from auditor.core.state.examiner import AuditedStream
from auditor.scan.catch_up import CatchUp, catch_up
from auditor.scan.census import info_of_copy, judged_copy
from auditor.scan.request import StartFrom
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from auditor.core.history.audit_history import AuditHistory
    from auditor.core.model.message import StreamInfo
    from auditor.core.replicas.census import Census
    from auditor.scan.ports import PassPorts
    from auditor.scan.request import PassRequest

log = structlog.get_logger()

CANDIDATES = {
    StartFrom.AUTO: (CheckpointKind.IN_PROGRESS, CheckpointKind.COMPLETED),
    StartFrom.INCREMENTAL: (CheckpointKind.COMPLETED, CheckpointKind.IN_PROGRESS),
    StartFrom.BEGINNING: (),
}
"""The checkpoints that a pass may resume from, the preferred one first."""

MAX_INTERVAL_OF_DELETION_PASSES_NS = 3_600 * NANOSECONDS
"""After this time at the latest, deletions cause another full pass."""
SHARE_OF_DELETION_PASSES = 10
"""Deletions cause another full pass after so many times the duration of the last one: on a stream with steady deletions,
full passes take a tenth of the time. Until then passes are inconclusive."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass starts from."""

    start: CheckedOut
    """The checkpoint; the pass owns it until it is put back."""
    mode: Mode
    filtered: bool
    """Whether only the audit's subjects are read. If not, the whole stream is, and messages on others are skipped."""
    is_idle: bool
    """Whether the stream holds nothing that the checkpoint does not cover."""
    is_for_deletions: bool = False
    """Whether the pass reads the whole stream because messages were deleted from its middle."""
    incomplete: str | None = None
    """What the pass knows to have changed and does not read again, in one line; None if nothing has."""
    compares_copies: bool = False
    """Whether the pass reads all copies of the stream and compares them."""
    first_seq_of_copies: int = 1
    """The first sequence that is compared."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that the pass starts from."""
        return self.start.checkpoint

    @property
    def reads_from_start(self) -> bool:
        """Whether a full pass begins, rather than one that is continued."""
        return not self.checkpoint.is_complete and self.checkpoint.next_seq == self.checkpoint.first_seq


@dataclass(frozen=True, slots=True)
class _Rejected:
    """A checkpoint that the pass does not resume from."""

    reason: str
    is_for_deletions: bool = False


@dataclass(frozen=True, slots=True)
class _Resumed:
    """A checkpoint that was brought up to date with the stream."""

    start: CheckedOut
    incomplete: str | None


async def choose_plan(
    ports: PassPorts,
    info: StreamInfo,
    history: AuditHistory,
    request: PassRequest,
    now_ns: int,
    census: Census | None = None,
) -> Plan:
    """Check out the first checkpoint that the pass can resume from, and bring it up to date; else make a new one.

    `census`: of the copies of the stream, if the pass reads all of them. Raises the AuditorErrors of a source and of a state store.
    """
    rejections: list[_Rejected] = []
    for kind in CANDIDATES[request.start_from]:
        start = await ports.state.check_out(kind) if ports.state is not None else None
        if start is None:
            continue
        result = await _resume(ports, info, start, history, request, now_ns, census)
        if isinstance(result, _Resumed):
            return _plan(result.start, ports, info, request, census, incomplete=result.incomplete)
        rejections.append(result)
    if rejections:
        log.info("reading everything", audit=request.audit.name, reason=rejections[-1].reason)
    judged = judged_copy(info, census, history.replicas) if census is not None else ""
    is_for_deletions = any(each.is_for_deletions for each in rejections)
    return begin(ports, info, history, request, now_ns, census, judged, is_for_deletions=is_for_deletions)


def begin(
    ports: PassPorts,
    info: StreamInfo,
    history: AuditHistory,
    request: PassRequest,
    now_ns: int,
    census: Census | None,
    judged: str,
    *,
    is_for_deletions: bool = False,
) -> Plan:
    """A full pass that begins now. `judged`: the server whose copy is judged; empty for any."""
    info = info_of_copy(info, census, judged)
    new = Checkpoint(
        stream=info.name,
        created_ns=info.created_ns,
        subjects=request.audit.all_subjects,
        first_seq=info.first_seq,
        next_seq=info.first_seq,
        full_pass_started_ns=now_ns,
        configured_first_seq=configured_first_seq(info),
        generation=history.identity.generation,
        judged_copy=judged,
    )
    return _plan(CheckedOut(new, is_saved=False), ports, info, request, census, is_for_deletions=is_for_deletions)


def audited_stream(info: StreamInfo, ports: PassPorts, request: PassRequest) -> AuditedStream:
    """The stream as the examiner needs it."""
    return AuditedStream(info.name, info.created_ns, ports.quarantine_prefix, request.audit.layout)


def _plan(
    start: CheckedOut,
    ports: PassPorts,
    info: StreamInfo,
    request: PassRequest,
    census: Census | None,
    *,
    is_for_deletions: bool = False,
    incomplete: str | None = None,
) -> Plan:
    mode = Mode.INCREMENTAL if start.checkpoint.is_complete else Mode.FULL
    return Plan(
        start=start,
        mode=mode,
        compares_copies=census is not None and mode is Mode.FULL,
        first_seq_of_copies=min(info.first_seq, census.first_seq) if census is not None else info.first_seq,
        filtered=bool(request.audit.actors) and ports.source.can_filter(request.audit.all_subjects),
        is_idle=start.checkpoint.next_seq > info.last_seq,
        is_for_deletions=is_for_deletions,
        incomplete=incomplete,
    )


async def _resume(
    ports: PassPorts,
    info: StreamInfo,
    start: CheckedOut,
    history: AuditHistory,
    request: PassRequest,
    now_ns: int,
    census: Census | None,
) -> _Resumed | _Rejected:
    """The checkpoint, brought up to date with the stream; or why the pass does not resume from it."""
    checkpoint = start.checkpoint
    if census is not None:
        if checkpoint.is_complete or not checkpoint.judged_copy:
            checkpoint.judged_copy = judged_copy(info, census, history.replicas)
        elif checkpoint.judged_copy not in census.copies:
            return _Rejected(f"the copy on {checkpoint.judged_copy}, which was read, cannot be read now")
        info = info_of_copy(info, census, checkpoint.judged_copy)
    if checkpoint.generation != history.identity.generation:
        is_older = bool(history.recovered)
        return _Rejected("the saved history is an older one" if is_older else "the stream changed since it was read")
    reason = checkpoint.why_not_resume(info, request.audit.all_subjects)
    if reason is not None:
        return _Rejected(reason)
    is_auto = request.start_from is StartFrom.AUTO
    # A time in the future was saved while the clock was ahead: it is not known how long ago that was.
    age_ns = now_ns - checkpoint.full_pass_started_ns
    if is_auto and checkpoint.is_complete and not 0 <= age_ns < request.audit.full_pass_every.nanoseconds:
        return _Rejected("a full pass is due")
    incomplete = None
    if not checkpoint.deletions_unchanged(info):
        if info.contradiction is not None:
            return _Rejected(info.contradiction)
        _, listed = await ports.source.deleted(info)
        if checkpoint.has_new_deletions(info, listed):
            if is_auto and is_deletion_pass_due(history, now_ns):
                return _Rejected("messages that were read were deleted from the middle", is_for_deletions=True)
            incomplete = (
                "messages that an earlier pass read were deleted since; the next full pass reads the stream again"
            )
    if census is not None and checkpoint.is_complete:
        changed = history.replicas.changed_counts(census)
        reason = changed or history.replicas.unread_copy(census, checkpoint.full_pass_started_ns)
        if reason is not None and is_auto and is_deletion_pass_due(history, now_ns):
            return _Rejected(reason, is_for_deletions=True)
        if changed is not None:
            incomplete = incomplete or f"{changed}; the next full pass reads the copies again"
    outcome = await catch_up(ports.source, info, checkpoint, audited_stream(info, ports, request), request)
    if outcome is CatchUp.TOO_MUCH:
        return _Rejected("much of what was read has left the stream")
    is_saved = start.is_saved and outcome is CatchUp.UNCHANGED
    return _Resumed(CheckedOut(checkpoint, is_saved, start.unstored), incomplete)


def is_deletion_pass_due(history: AuditHistory, now_ns: int) -> bool:
    """Whether deletions may cause another full pass now."""
    since_ns = now_ns - history.identity.last_deletion_pass_ns
    last = history.last_passes.get(Mode.FULL)
    took_ns = max(0, last.finished_ns - last.started_ns) if last is not None else 0
    interval_ns = min(SHARE_OF_DELETION_PASSES * took_ns, MAX_INTERVAL_OF_DELETION_PASSES_NS)
    return not 0 <= since_ns < interval_ns
