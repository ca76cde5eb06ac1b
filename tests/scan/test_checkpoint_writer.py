"""A pass saves its checkpoint by time or by number of messages, one save at a time."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

import auditor.scan.checkpoint_writer
from auditor.core.history.audit_history import AuditHistory
from auditor.core.state.checkpoint import Checkpoint, CheckpointKind
from auditor.core.state.codec import decode_checkpoint
from auditor.errors import StateConflictError, StateError
from auditor.scan.checkpoint_writer import CHECKPOINT_INTERVAL_NS, CheckpointWriter, SaveResult
from tests.ports.in_memory import InMemoryStateStore

HISTORY = AuditHistory()


def writer_of(state: InMemoryStateStore | None, now: list[int]) -> CheckpointWriter:
    return CheckpointWriter(state, "a", lambda: now[0])


async def test_a_checkpoint_is_due_by_time_or_by_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 10)
    now = [1]
    writer = writer_of(InMemoryStateStore(), now)
    assert [writer.is_due(5), writer.is_due(4), writer.is_due(1)] == [False, False, True]
    writer.postpone()
    assert not writer.is_due(1)
    now[0] += CHECKPOINT_INTERVAL_NS
    assert writer.is_due(1)
    assert await (await writer.start_save(HISTORY, {})) is SaveResult.SAVED
    assert not writer.is_due(1)


async def test_no_checkpoint_is_due_during_a_save_or_without_a_state_store() -> None:
    now = [1]
    assert not writer_of(None, now).is_due(1 << 30)
    state = InMemoryStateStore()
    writer = writer_of(state, now)
    await state.load_history()
    saving = await writer.start_save(HISTORY, {})
    assert not writer.is_due(1 << 30)
    assert await saving is SaveResult.SAVED
    assert writer.is_due(1 << 30)


@pytest.mark.parametrize(
    ("error", "result"),
    [(StateError("full"), SaveResult.FAILED), (StateConflictError("another process"), SaveResult.CONFLICT)],
)
async def test_a_failed_save_is_logged_and_a_conflict_has_a_result_of_its_own(
    error: StateError, result: SaveResult
) -> None:
    writer = writer_of(InMemoryStateStore(refuses=error), [1])
    with capture_logs() as logged:
        assert await (await writer.start_save(HISTORY, {})) is result
    assert [(line["event"], line["audit"], line["reason"]) for line in logged] == [("state not saved", "a", str(error))]


async def test_a_checkpoint_is_saved_as_it_was_when_the_save_was_started() -> None:
    state, checkpoint = InMemoryStateStore(), Checkpoint(stream="S", created_ns=7, subjects=("S.>",), next_seq=5)
    saving = await writer_of(state, [1]).start_save(HISTORY, {CheckpointKind.IN_PROGRESS: checkpoint})
    checkpoint.next_seq = 9
    await saving
    assert decode_checkpoint(state.parts["underway"]).next_seq == 5


async def test_a_save_waits_for_the_one_before_it_and_can_be_cancelled() -> None:
    state = InMemoryStateStore()
    writer = writer_of(state, [1])
    first = await writer.start_save(HISTORY, {})
    second = await writer.start_save(HISTORY, {})
    assert first.done()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert state.saves_made == 1


async def test_without_a_state_store_nothing_is_saved_and_nothing_fails() -> None:
    assert await (await writer_of(None, [1]).start_save(HISTORY, {})) is SaveResult.SAVED
