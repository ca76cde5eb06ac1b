"""A pass starts from a checkpoint or from the first sequence."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from auditor.config import Duration
from auditor.core.history.audit_history import AuditHistory
from auditor.core.history.stream_identity import StreamIdentity
from auditor.core.model.passes import Mode, PassTimes
from auditor.core.state.checkpoint import CheckedOut, Checkpoint, CheckpointKind
from auditor.scan.plan import CANDIDATES, Plan, choose_plan
from auditor.scan.request import StartFrom
from tests.ports.in_memory import InMemorySource, InMemoryStateStore
from tests.scan.passes import GOOD, OnePass, a_pass

NOW = 1_800_000_000_000_000_000
SECOND = 10**9


def checkpoint(next_seq: int, *, is_complete: bool = True, **fields: object) -> Checkpoint:
    known = {"full_pass_started_ns": NOW - SECOND, **fields}
    return Checkpoint(
        stream="S",
        created_ns=7_000_000_000,
        subjects=("S.events.>", "S.snapshots.>"),
        next_seq=next_seq,
        is_complete=is_complete,
        **known,  # type: ignore[arg-type]
    )


def store_with(*checkpoints: Checkpoint) -> InMemoryStateStore:
    store = InMemoryStateStore()
    for each in checkpoints:
        store.put_back(CheckedOut(each, is_saved=True))
    return store


async def plan_for(one: OnePass, history: AuditHistory = AuditHistory()) -> Plan:  # noqa: B008 - immutable
    return await choose_plan(one.ports, await one.ports.source.info(lost=True), history, one.request, NOW)


def test_only_a_pass_from_the_beginning_reads_no_saved_state() -> None:
    assert set(CANDIDATES) == set(StartFrom)
    assert [start_from for start_from, kinds in CANDIDATES.items() if not kinds] == [StartFrom.BEGINNING]


def test_a_pass_that_is_due_prefers_a_full_pass_in_progress_to_the_last_completed_one() -> None:
    assert CANDIDATES[StartFrom.AUTO] == (CheckpointKind.IN_PROGRESS, CheckpointKind.COMPLETED)
    assert CANDIDATES[StartFrom.INCREMENTAL] == (CheckpointKind.COMPLETED, CheckpointKind.IN_PROGRESS)


async def test_without_saved_state_a_pass_reads_everything() -> None:
    stream = InMemorySource(GOOD)
    stream.purge(2)
    for state in (None, InMemoryStateStore()):
        plan = await plan_for(a_pass(stream, state=state))
        assert (plan.mode, plan.checkpoint.first_seq, plan.checkpoint.next_seq) == (Mode.FULL, 3, 3)
        assert (plan.checkpoint.full_pass_started_ns, plan.start.is_saved) == (NOW, False)
        assert plan.reads_from_start


@pytest.mark.parametrize(
    ("start_from", "next_seq", "mode"),
    [(StartFrom.AUTO, 3, Mode.FULL), (StartFrom.INCREMENTAL, 6, Mode.INCREMENTAL), (StartFrom.BEGINNING, 1, Mode.FULL)],
)
async def test_a_pass_resumes_from_the_checkpoint_that_it_prefers(
    start_from: StartFrom, next_seq: int, mode: Mode
) -> None:
    state = store_with(checkpoint(6), checkpoint(3, is_complete=False))
    one = a_pass(InMemorySource(GOOD), state=state)
    one.start_from = start_from
    plan = await plan_for(one)
    assert (plan.checkpoint.next_seq, plan.mode) == (next_seq, mode)
    assert plan.start.is_saved is (start_from is not StartFrom.BEGINNING)


@pytest.mark.parametrize("unstored", [0, 3])
async def test_a_plan_has_the_number_of_pending_records_of_its_checkpoint(unstored: int) -> None:
    state = InMemoryStateStore()
    state.put_back(CheckedOut(checkpoint(3, is_complete=False), is_saved=False, unstored=unstored))
    assert (await plan_for(a_pass(InMemorySource(GOOD), state=state))).start.unstored == unstored


async def test_a_plan_is_idle_if_the_stream_has_no_new_message() -> None:
    stream = InMemorySource(GOOD)
    assert (await plan_for(a_pass(stream, state=store_with(checkpoint(8))))).is_idle
    assert not (await plan_for(a_pass(stream, state=store_with(checkpoint(7))))).is_idle


async def test_only_an_audit_of_actors_that_the_server_can_filter_is_filtered() -> None:
    stream = InMemorySource(GOOD)
    assert not (await plan_for(a_pass(stream))).filtered
    assert (await plan_for(a_pass(stream, actors=("order-1",)))).filtered
    assert not (await plan_for(a_pass(stream, actors=("order-1", "a\x7fb")))).filtered


@pytest.mark.parametrize(
    ("fields", "identity", "reason"),
    [
        ({"full_pass_started_ns": NOW - 10 * SECOND}, StreamIdentity(), "a full pass is due"),
        ({}, StreamIdentity(generation=1), "the stream changed since it was read"),
        ({"created_ns": 8}, StreamIdentity(), "the stream was deleted and created again"),
    ],
)
async def test_a_checkpoint_that_is_not_used_is_logged_with_the_reason(
    fields: dict[str, object], identity: StreamIdentity, reason: str
) -> None:
    known = checkpoint(6)
    for name, value in fields.items():
        setattr(known, name, value)
    one = a_pass(InMemorySource(GOOD), state=store_with(known), full_pass_every=Duration(5 * SECOND))
    with capture_logs() as logged:
        plan = await plan_for(one, AuditHistory().with_identity(identity))
    assert [(line["event"], line["reason"]) for line in logged] == [("reading everything", reason)]
    assert (plan.mode, plan.checkpoint.next_seq, plan.is_for_deletions) == (Mode.FULL, 1, False)


def after_a_full_pass(seconds: int, *, deletions_ns: int) -> AuditHistory:
    """The history after a full pass that took so many seconds; deletions made the last one begin at `deletions_ns`."""
    times = PassTimes(deletions_ns, deletions_ns + seconds * SECOND)
    history = AuditHistory(last_passes={Mode.FULL: times})
    return history.with_identity(StreamIdentity(last_deletion_pass_ns=deletions_ns))


@pytest.mark.parametrize("ago", [99, 0])
async def test_deletions_lead_to_no_full_pass_while_the_last_one_took_a_tenth_of_the_time_and_the_pass_is_incomplete(
    ago: int,
) -> None:
    stream = InMemorySource(GOOD)
    stream.delete(3)
    history = after_a_full_pass(10, deletions_ns=NOW - ago * SECOND)
    plan = await plan_for(a_pass(stream, state=store_with(checkpoint(8))), history)
    assert (plan.mode, plan.is_for_deletions) == (Mode.INCREMENTAL, False)
    assert "were deleted since" in str(plan.incomplete)


@pytest.mark.parametrize("ago", [100, -1, 3_600])
async def test_deletions_lead_to_a_full_pass_after_ten_times_the_duration_of_the_last_or_an_hour_or_a_set_clock(
    ago: int,
) -> None:
    stream = InMemorySource(GOOD)
    stream.delete(3)
    took = 1_000 if ago == 3_600 else 10
    history = after_a_full_pass(took, deletions_ns=NOW - ago * SECOND)
    plan = await plan_for(a_pass(stream, state=store_with(checkpoint(8))), history)
    assert (plan.mode, plan.is_for_deletions, plan.incomplete) == (Mode.FULL, True, None)


async def test_a_pass_that_is_to_read_only_what_is_new_is_incomplete_after_deletions() -> None:
    stream = InMemorySource(GOOD)
    stream.delete(3)
    one = a_pass(stream, state=store_with(checkpoint(8)))
    one.start_from = StartFrom.INCREMENTAL
    plan = await plan_for(one)
    assert (plan.mode, plan.incomplete is None) == (Mode.INCREMENTAL, False)


async def test_a_checkpoint_that_was_saved_while_the_clock_was_ahead_leads_to_a_full_pass() -> None:
    state = store_with(checkpoint(8, full_pass_started_ns=NOW + SECOND))
    assert (await plan_for(a_pass(InMemorySource(GOOD), state=state))).mode is Mode.FULL


async def test_deletions_after_both_checkpoints_lead_to_a_new_full_pass() -> None:
    stream = InMemorySource(GOOD)
    stream.delete(2)
    state = store_with(checkpoint(8), checkpoint(4, is_complete=False))
    plan = await plan_for(a_pass(stream, state=state))
    assert (plan.mode, plan.reads_from_start, plan.is_for_deletions) == (Mode.FULL, True, True)


async def test_a_checkpoint_that_catch_up_changed_does_not_count_as_saved() -> None:
    stream = InMemorySource(GOOD)
    await a_pass(stream, state=(state := InMemoryStateStore())).run()
    stream.purge(2)
    plan = await plan_for(a_pass(stream, state=state, full_pass_every=Duration(10**18)))
    assert (plan.mode, plan.checkpoint.first_seq, plan.start.is_saved) == (Mode.INCREMENTAL, 3, False)
