"""When a pass saves, and how."""

from __future__ import annotations

import asyncio

import pytest

import auditor.scan.checkpoint_writer
from auditor.errors import StateConflictError, StateError
from auditor.scan.checkpoint_writer import CHECKPOINT_INTERVAL_NS, CheckpointWriter
from tests.ports.in_memory import InMemoryStateStore


def saves(state: InMemoryStateStore | None, now: list[int]) -> CheckpointWriter:
    return CheckpointWriter(state, "a", lambda: now[0])


async def test_a_checkpoint_is_due_by_time_or_by_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 10)
    now = [1]
    some = saves(InMemoryStateStore(), now)
    assert [some.is_due(5), some.is_due(4), some.is_due(1)] == [False, False, True]
    some.postpone()
    assert not some.is_due(1)
    now[0] += CHECKPOINT_INTERVAL_NS
    assert some.is_due(1)
    assert await (await some.begin({}))
    assert not some.is_due(1)


async def test_none_is_due_while_one_goes_on_or_where_nothing_is_kept() -> None:
    now = [1]
    assert not saves(None, now).is_due(1 << 30)
    state = InMemoryStateStore()
    some = saves(state, now)
    await state.open()
    saving = await some.begin({})
    assert not some.is_due(1 << 30)
    assert await saving
    assert some.is_due(1 << 30)


@pytest.mark.parametrize(("error", "newest"), [(StateError("full"), True), (StateConflictError("lost"), False)])
async def test_what_could_not_be_saved_is_still_the_newest_unless_somebody_else_saved(
    error: StateError, *, newest: bool
) -> None:
    assert await (await saves(InMemoryStateStore(refuses=error), [1]).begin({})) is newest


async def test_saves_go_one_after_the_other_and_end_with_the_pass() -> None:
    state = InMemoryStateStore()
    some = saves(state, [1])
    first = await some.begin({})
    second = await some.begin({})
    assert first.done()
    some.abandon()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert state.saves_made == 1


async def test_without_a_keeper_all_is_well() -> None:
    some = saves(None, [1])
    assert await (await some.begin({}))
    assert not some.is_saved(object())  # type: ignore[arg-type]
