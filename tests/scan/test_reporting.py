"""A report is made from a checkpoint, after a pass or from saved state."""

from __future__ import annotations

from auditor.core.history.audit_history import AuditHistory
from auditor.core.model.findings import Kind
from auditor.core.model.passes import Mode, PassTimes, SeqRange, Verdict
from auditor.core.model.range_account import RangeAccount
from auditor.core.state.checkpoint import Checkpoint, CheckpointKind
from auditor.core.state.codec import encode_checkpoint
from auditor.scan.reporting import facts_of, last_report, report_pass
from tests.core.findings import acceptance_by_rule
from tests.ports.in_memory import InMemorySource, InMemoryStateStore
from tests.scan.passes import GOOD, ORDER, a_pass

CHECKPOINT = Checkpoint(
    stream="S",
    created_ns=7,
    subjects=("S.>",),
    first_seq=2,
    next_seq=11,
    removed=[(3, 4)],
    full_pass_started_ns=5,
    is_complete=True,
)


def test_the_facts_of_a_saved_pass_are_those_of_its_checkpoint_and_its_times() -> None:
    facts = facts_of(CHECKPOINT, Mode.INCREMENTAL, PassTimes(8, 9), filtered=True)
    assert (facts.mode, facts.range, facts.read, facts.filtered) == (Mode.INCREMENTAL, SeqRange(2, 10), None, True)
    assert (facts.started_ns, facts.finished_ns) == (8, 9)
    assert facts.incomplete is None


async def test_making_a_report_does_not_change_the_checkpoint() -> None:
    one, before = a_pass(InMemorySource()), encode_checkpoint(CHECKPOINT)
    facts = facts_of(CHECKPOINT, Mode.FULL, PassTimes(8, 9), filtered=False)
    report = await report_pass(
        one.request, one.ports, CHECKPOINT, facts, RangeAccount(unread=[(5, 6)]), {}, AuditHistory()
    )
    assert (report.messages.removed, report.messages.unjudged, report.full_pass_started_ns) == (2, 2, 5)
    assert encode_checkpoint(CHECKPOINT) == before


async def test_without_saved_state_there_is_no_last_report() -> None:
    assert await a_pass(InMemorySource(GOOD)).last() is None
    assert await a_pass(InMemorySource(GOOD), state=InMemoryStateStore()).last() is None


async def test_saved_state_of_other_subjects_gives_no_last_report() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    assert await a_pass(stream, state=state).last() is not None
    assert await a_pass(stream, state=state, subjects=("S.events.order.*",)).last() is None


async def test_making_the_last_report_puts_the_checkpoint_back_for_the_next_pass() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    before = await state.check_out(CheckpointKind.COMPLETED)
    assert before is not None
    state.put_back(before)
    await a_pass(stream, state=state).last()
    assert await state.check_out(CheckpointKind.COMPLETED) is before


async def test_the_last_report_can_be_made_with_other_acceptances_than_the_saved_ones() -> None:
    stream, state = InMemorySource([(ORDER, b"{"), *GOOD]), InMemoryStateStore()
    one = a_pass(stream, state=state)
    assert (await one.run()).verdict is Verdict.CORRUPT
    accepted = acceptance_by_rule(Kind.MALFORMED_EVENT, 1, created_ns=stream.created_ns)
    report = await last_report(one.request, one.ports, {accepted.kind: accepted})
    assert report is not None
    assert (report.verdict, report.accepted_total) == (Verdict.CLEAN, {Kind.MALFORMED_EVENT: 1})
