"""The walk of a pass returns what it read, what was not delivered, and why it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

import auditor.scan.checkpoint_writer
from auditor.core.history.audit_history import AuditHistory
from auditor.core.model.passes import Mode, SeqRange
from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.state.checkpoint import CheckedOut, Checkpoint, CheckpointKind
from auditor.core.state.examiner import AuditedStream, Examiner
from auditor.jetstream.state.state_store import HISTORY_PART
from auditor.scan.checkpoint_writer import CheckpointWriter
from auditor.scan.plan import Plan, audited_stream
from auditor.scan.walk import WalkResult, examine_batch, flush_quarantine, read_range
from tests.ports.in_memory import FaultySource, GoneError, InMemoryQuarantine, InMemorySource, InMemoryStateStore
from tests.scan.passes import GOOD, ORDER, OnePass, a_pass

if TYPE_CHECKING:
    from auditor.core.model.message import StoredMessage

BAD = (ORDER, b"{")


def new_checkpoint(next_seq: int = 1, *, is_complete: bool = False) -> Checkpoint:
    return Checkpoint(
        stream="S", created_ns=7_000_000_000, subjects=("S.>",), next_seq=next_seq, is_complete=is_complete
    )


def plan_of(checkpoint: Checkpoint, *, unstored: int = 0, filtered: bool = False, is_idle: bool = False) -> Plan:
    return Plan(CheckedOut(checkpoint, is_saved=False, unstored=unstored), Mode.FULL, filtered, is_idle)


async def walk(one: OnePass, plan: Plan) -> WalkResult:
    info, state = await one.ports.source.info(), one.ports.state
    if state is not None:
        await state.load_history()
    examiner = Examiner(
        audited_stream(info, one.ports, one.request),
        SubjectFilter(one.audit.all_subjects),
        detail_limit=1000,
        state=plan.checkpoint.state,
    )
    writer = CheckpointWriter(state, "a", one.ports.clock)
    return await read_range(one.ports, info, plan, examiner, AuditHistory(), writer, one.request)


async def test_the_walk_returns_the_range_that_it_read_and_the_undelivered_sequences() -> None:
    stream, plan = InMemorySource([*GOOD, *GOOD]), plan_of(new_checkpoint(3))
    stream.delete(5, 6, 14)
    plan.checkpoint.undelivered = [(1, 1)]
    result = await walk(a_pass(stream), plan)
    assert (result.read, result.reached, result.incomplete) == (SeqRange(3, 14), 14, None)
    assert result.undelivered == [(1, 1), (5, 6), (14, 14)]
    assert (result.quarantine, result.has_yielded) == (QuarantineResult(), False)
    assert plan.checkpoint.state.segments.examined == 9
    assert [sample.seq for sample in result.samples.digests][-1] == 13


async def test_a_walk_without_new_messages_reads_nothing() -> None:
    stream = InMemorySource(GOOD)
    stream.on_batch = lambda: pytest.fail("it read")
    one, plan = a_pass(stream), plan_of(new_checkpoint(8, is_complete=True), is_idle=True)
    result = await walk(one, plan)
    assert (result.read, result.reached, result.undelivered) == (None, 7, [])
    assert (one.progress.first_seq, one.progress.last_seq, one.progress.ratio) == (8, 7, 1.0)


async def test_a_walk_that_fails_returns_the_last_sequence_that_it_reached_and_the_error() -> None:
    stream = FaultySource(GOOD)
    stream.fails_at[5] = GoneError("the stream is gone")
    result = await walk(a_pass(stream), plan_of(new_checkpoint()))
    assert (result.read, result.reached, result.incomplete) == (SeqRange(1, 4), 4, "the stream is gone")
    assert result.undelivered == [(5, 7)]


async def test_the_history_given_as_an_argument_is_not_changed() -> None:
    history = AuditHistory()
    result = await walk(a_pass(InMemorySource(GOOD)), plan_of(new_checkpoint()))
    assert result.samples.digests
    assert (history, history.identity.samples.digests) == (AuditHistory(), ())


async def test_only_a_filtered_walk_counts_by_subject() -> None:
    for filtered in (False, True):
        plan = plan_of(new_checkpoint(), filtered=filtered)
        await walk(a_pass(InMemorySource([*GOOD, ("S.other", b"")]), actors=("order-1",)), plan)
        counts = {subject: count.stored for subject, count in plan.checkpoint.subject_counts.items()}
        assert counts == ({ORDER.encode(): 7} if filtered else {})


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)


@pytest.mark.usefixtures("often")
async def test_a_walk_that_yields_puts_its_checkpoint_back_as_saved() -> None:
    state = InMemoryStateStore()
    one, plan = a_pass(InMemorySource(GOOD), state=state), plan_of(new_checkpoint())
    one.should_yield = lambda: True
    result = await walk(one, plan)
    assert (result.has_yielded, result.reached) == (True, 3)
    assert await state.check_out(CheckpointKind.IN_PROGRESS) == CheckedOut(plan.checkpoint, is_saved=True)
    assert plan.checkpoint.next_seq == 4


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("earlier", [0, 2])
async def test_a_walk_that_yields_with_refused_records_puts_its_checkpoint_back_unsaved_and_counts_them(
    earlier: int,
) -> None:
    state, quarantine = InMemoryStateStore(), InMemoryQuarantine("it is full")
    one = a_pass(InMemorySource([BAD, BAD, *GOOD]), quarantine, state)
    one.should_yield = lambda: True
    plan = plan_of(new_checkpoint(), unstored=earlier)
    result = await walk(one, plan)
    assert result.quarantine == QuarantineResult(failed=2, reason="it is full")
    again = await state.check_out(CheckpointKind.IN_PROGRESS)
    assert again == CheckedOut(plan.checkpoint, is_saved=False, unstored=2 + earlier)
    assert set(state.parts) == {HISTORY_PART}


@pytest.mark.usefixtures("often")
async def test_a_quarantine_that_has_refused_a_record_is_not_waited_for_at_later_checkpoints() -> None:
    quarantine = InMemoryQuarantine("it is full")
    flushes: list[int] = []
    flush = quarantine.flush

    async def counted() -> QuarantineResult:
        flushes.append(len(flushes))
        return await flush()

    quarantine.flush = counted  # type: ignore[method-assign]
    one = a_pass(InMemorySource([BAD, *GOOD, BAD, *GOOD]), quarantine, InMemoryStateStore())
    result = await walk(one, plan_of(new_checkpoint()))
    assert (len(flushes), result.quarantine.failed) == (1, 1)
    whole = await flush_quarantine(quarantine, result.quarantine, plan_of(new_checkpoint()), "a")
    assert whole.failed == 2


async def test_the_first_refusal_of_a_pass_is_logged_with_all_records_that_are_pending() -> None:
    quarantine, plan = InMemoryQuarantine("it is full"), plan_of(new_checkpoint(), unstored=2)
    (entry,) = examine_batch(examiner(), list(InMemorySource([BAD]).messages.values()), "a")
    result = QuarantineResult()
    with capture_logs() as logged:
        for _ in range(2):
            await quarantine.submit(entry)
            result = await flush_quarantine(quarantine, result, plan, "a")
    assert result.failed == 2
    assert [(line["event"], line["pending"], line["reason"]) for line in logged] == [
        ("quarantine did not take every record", 3, "it is full")
    ]


async def test_without_a_quarantine_nothing_is_flushed() -> None:
    so_far = QuarantineResult(stored=1)
    assert await flush_quarantine(None, so_far, plan_of(new_checkpoint()), "a") is so_far


def examiner() -> Examiner:
    return Examiner(AuditedStream("S", 7, None), SubjectFilter(["S.>"]), detail_limit=10)


def test_a_message_that_the_auditor_fails_on_is_counted_and_the_others_are_examined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    examine = Examiner.examine

    def failing(self: Examiner, message: StoredMessage) -> object:
        if message.seq == 2:
            raise ZeroDivisionError("hunter2")
        return examine(self, message)

    monkeypatch.setattr(Examiner, "examine", failing)
    monkeypatch.setattr(Examiner, "examine_expected", lambda _, __, at=0: at)
    one = examiner()
    stream = InMemorySource([BAD, BAD, BAD])
    with capture_logs() as logged:
        entries = list(examine_batch(one, list(stream.messages.values()), "a"))
    assert [entry.message.seq for entry in entries] == [1, 3]
    assert (one.state.segments.examined, one.state.segments.unjudged) == (3, 1)
    assert [(line["seq"], line["reason"]) for line in logged] == [(2, "ZeroDivisionError")]
