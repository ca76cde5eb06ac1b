"""What every `StateStore` does: the same sentences for the one in memory and the one over a real state stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from auditor.core.state.checkpoint import Checkpoint, CheckpointKind
from auditor.errors import StateConflictError, StateError, StateNewerError
from tests.core.state.test_examiner import judged
from tests.core.stories import event

if TYPE_CHECKING:
    from auditor.scan.ports import StateStore


class Storage(Protocol):
    """Where the state of one audit is saved."""

    def keeper(self) -> StateStore:
        """One of a new process."""

    async def refuse(self) -> None:
        """Let every save fail, without anybody else having saved."""

    async def admit(self) -> None:
        """Let saves succeed again; what was saved is still there."""

    async def save_newer(self, part: str) -> None:
        """Save that part in the format of a later version."""

    async def remove(self) -> None:
        """Remove everything that was saved."""


def memory(last: int, *, complete: bool = True) -> Checkpoint:
    state = judged([("S.events.order.order-1", event("order-1", version)) for version in range(1, last + 1)])
    return Checkpoint(
        stream="S", created_ns=7, subjects=("S.events.>",), state=state, next_seq=last + 1, is_complete=complete
    )


async def opened(storage: Storage) -> StateStore:
    keeper = storage.keeper()
    await keeper.open()
    return keeper


async def save(keeper: StateStore, *memories: Checkpoint) -> None:
    await keeper.save(await keeper.pack({each.kind: each for each in memories}))


async def found(storage: Storage, part: CheckpointKind = CheckpointKind.COMPLETED) -> Checkpoint | None:
    """What another process recalls."""
    return await (await opened(storage)).check_out(part)


class StateStoreContract:
    """Subclasses give the fixture `storage`, in which nothing is saved yet."""

    async def test_where_nothing_is_saved_nothing_is_recalled(self, storage: Storage) -> None:
        keeper = storage.keeper()
        assert (await keeper.open()).last_passes == {}
        assert [await keeper.check_out(part) for part in CheckpointKind] == [None, None]
        assert (await keeper.accepted(), keeper.problem) == ({}, None)

    async def test_what_was_saved_is_recalled_by_the_next_process_as_a_copy(self, storage: Storage) -> None:
        saved = memory(5)
        await save(await opened(storage), saved, memory(2, complete=False))
        again = await found(storage)
        assert again == saved
        assert again is not saved
        assert await found(storage, CheckpointKind.IN_PROGRESS) == memory(2, complete=False)

    async def test_what_is_packed_is_saved_as_it_was_then(self, storage: Storage) -> None:
        keeper, changing = await opened(storage), memory(5)
        encoded = await keeper.pack({CheckpointKind.COMPLETED: changing})
        changing.next_seq = 100
        assert await found(storage) is None
        await keeper.save(encoded)
        assert await found(storage) == memory(5)

    async def test_a_part_that_is_not_packed_stays_and_none_forgets_one(self, storage: Storage) -> None:
        keeper = await opened(storage)
        await save(keeper, memory(5), memory(2, complete=False))
        await save(keeper, memory(6))
        assert await found(storage, CheckpointKind.IN_PROGRESS) == memory(2, complete=False)
        await keeper.save(await keeper.pack({CheckpointKind.IN_PROGRESS: None}))
        assert [await found(storage, part) for part in CheckpointKind] == [memory(6), None]
        await keeper.open()
        assert await keeper.check_out(CheckpointKind.IN_PROGRESS) is None

    async def test_the_chronicle_is_saved_with_every_part(self, storage: Storage) -> None:
        keeper = storage.keeper()
        (await keeper.open()).actor_types = ("order",)
        await save(keeper)
        assert (await storage.keeper().open()).actor_types == ("order",)
        await save(keeper, memory(5))
        assert (await storage.keeper().open()).actor_types == ("order",)

    async def test_the_chronicle_stays_the_same_while_nobody_else_saves(self, storage: Storage) -> None:
        keeper = storage.keeper()
        chronicle = await keeper.open()
        chronicle.actor_types = ("order",)
        assert await keeper.open() is chronicle
        await save(keeper)
        chronicle.actor_types = ("cart", "order")
        assert await keeper.open() is chronicle

    # What is held

    async def test_what_is_held_is_recalled_once_as_the_same_object(self, storage: Storage) -> None:
        keeper, held = await opened(storage), memory(6)
        await save(keeper, memory(5))
        keeper.put_back(held)
        await keeper.open()
        assert await keeper.check_out(CheckpointKind.COMPLETED) is held
        assert await keeper.check_out(CheckpointKind.COMPLETED) == memory(5)

    async def test_what_is_held_of_a_part_is_forgotten_once_the_part_is_packed(self, storage: Storage) -> None:
        keeper, completed, underway = await opened(storage), memory(6), memory(3, complete=False)
        await save(keeper, memory(5), memory(2, complete=False))
        keeper.put_back(completed)
        keeper.put_back(underway)
        await keeper.save(await keeper.pack({CheckpointKind.IN_PROGRESS: None}))
        await keeper.open()
        assert await keeper.check_out(CheckpointKind.IN_PROGRESS) is None
        assert await keeper.check_out(CheckpointKind.COMPLETED) is completed

    async def test_what_is_held_survives_that_everything_saved_is_removed(self, storage: Storage) -> None:
        keeper, held = storage.keeper(), memory(5)
        (await keeper.open()).actor_types = ("order",)
        await save(keeper, held)
        keeper.put_back(held)
        await storage.remove()
        assert (await keeper.open()).actor_types == ("order",)
        assert await keeper.check_out(CheckpointKind.COMPLETED) is held
        assert not keeper.is_saved(held)
        await save(keeper, held)
        assert await found(storage) == held

    # What is saved

    async def test_a_memory_is_the_saved_one_if_it_was_saved_or_recalled_last(self, storage: Storage) -> None:
        keeper, saved = await opened(storage), memory(5)
        assert not keeper.is_saved(saved)
        await save(keeper, saved)
        assert keeper.is_saved(saved)
        assert not keeper.is_saved(memory(5))
        await keeper.open()
        again = await keeper.check_out(CheckpointKind.COMPLETED)
        assert again is not None
        assert keeper.is_saved(again)
        assert not keeper.is_saved(saved)

    async def test_what_is_held_is_the_saved_one_only_if_it_was_saved(self, storage: Storage) -> None:
        keeper, saved = await opened(storage), memory(5)
        await save(keeper, saved)
        keeper.put_back(saved)
        await keeper.open()
        assert await keeper.check_out(CheckpointKind.COMPLETED) is saved
        assert keeper.is_saved(saved)
        newer = memory(6)
        keeper.put_back(newer)
        await keeper.open()
        assert await keeper.check_out(CheckpointKind.COMPLETED) is newer
        assert not keeper.is_saved(newer)

    async def test_after_a_save_that_failed_what_was_saved_before_is_recalled(self, storage: Storage) -> None:
        keeper, newer = await opened(storage), memory(6)
        await save(keeper, memory(5))
        await storage.refuse()
        with pytest.raises(StateError) as raised:
            await save(keeper, newer)
        assert not isinstance(raised.value, StateConflictError)
        assert not keeper.is_saved(newer)
        assert await found(storage) == memory(5)
        await keeper.open()
        assert await keeper.check_out(CheckpointKind.COMPLETED) == memory(5)
        await storage.admit()
        await save(keeper, newer)
        assert keeper.is_saved(newer)
        assert await found(storage) == newer

    # Somebody else saves

    async def test_who_saves_what_somebody_else_has_replaced_is_outrun(self, storage: Storage) -> None:
        one, other, lost = await opened(storage), await opened(storage), memory(6)
        await save(other, memory(9))
        with pytest.raises(StateConflictError):
            await save(one, lost)
        assert not one.is_saved(lost)
        assert await found(storage) == memory(9)
        await one.open()
        assert await one.check_out(CheckpointKind.COMPLETED) == memory(9)
        await save(one, memory(10))
        assert await found(storage) == memory(10)

    async def test_who_was_outrun_stays_so_until_it_opens_again(self, storage: Storage) -> None:
        one, other = await opened(storage), await opened(storage)
        await save(other, memory(9))
        for last in (6, 7):
            with pytest.raises(StateConflictError):
                await save(one, memory(last))
        assert await found(storage) == memory(9)

    async def test_who_saved_last_may_save_again_without_opening(self, storage: Storage) -> None:
        keeper = await opened(storage)
        for last in (5, 6, 7):
            await save(keeper, memory(last))
        assert await found(storage) == memory(7)

    async def test_who_saves_what_was_removed_since_it_opened_is_outrun(self, storage: Storage) -> None:
        keeper = await opened(storage)
        await save(keeper, memory(5))
        await storage.remove()
        with pytest.raises(StateConflictError):
            await save(keeper, memory(6))

    async def test_what_somebody_else_saved_takes_the_place_of_what_is_held(self, storage: Storage) -> None:
        one, other = storage.keeper(), storage.keeper()
        await one.open()
        await save(one, memory(5))
        one.put_back(memory(6))
        (await other.open()).actor_types = ("cart",)
        await save(other, memory(9))
        assert (await one.open()).actor_types == ("cart",)
        assert await one.check_out(CheckpointKind.COMPLETED) == memory(9)

    # Formats

    @pytest.mark.parametrize("part", ["chronicle", *CheckpointKind])
    async def test_state_of_a_later_version_is_refused_whole_and_stays(self, storage: Storage, part: str) -> None:
        await save(await opened(storage), memory(5))
        await storage.save_newer(part)
        for _ in range(2):
            with pytest.raises(StateNewerError, match=f"{part} has format"):
                await storage.keeper().open()
