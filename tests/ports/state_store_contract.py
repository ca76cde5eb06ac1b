"""The contract of `StateStore`: the same tests for the one in memory and the one over a real state stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from auditor.core.history.audit_history import AuditHistory
from auditor.core.history.saved_state import encode_state
from auditor.core.model.findings import Kind
from auditor.core.state.checkpoint import CheckedOut, Checkpoint, CheckpointKind
from auditor.errors import StateConflictError, StateError, StateNewerError
from auditor.jetstream.state.state_store import HISTORY_PART
from tests.core.findings import acceptance_by_rule
from tests.core.state.test_examiner import judged
from tests.core.stories import event

if TYPE_CHECKING:
    from auditor.scan.ports import StateStore


class Storage(Protocol):
    """Where the state of one audit is saved."""

    def store(self) -> StateStore:
        """Return the store of a new process."""

    async def refuse(self) -> None:
        """Let every save fail, although no other process saved."""

    async def admit(self) -> None:
        """Let saves succeed again. The saved state is kept."""

    async def save_newer(self, part: str) -> None:
        """Save that part in the format of a later version."""

    async def remove(self) -> None:
        """Remove everything that was saved."""


NO_HISTORY = AuditHistory()
ORDER_TYPE = NO_HISTORY.with_actor_types(["order"])
CART_TYPE = NO_HISTORY.with_actor_types(["cart"])


def checkpoint(last: int, *, complete: bool = True) -> Checkpoint:
    state = judged([("S.events.order.order-1", event("order-1", version)) for version in range(1, last + 1)])
    return Checkpoint(
        stream="S", created_ns=7, subjects=("S.events.>",), state=state, next_seq=last + 1, is_complete=complete
    )


async def loaded(storage: Storage) -> StateStore:
    store = storage.store()
    await store.load_history()
    return store


async def save(store: StateStore, *checkpoints: Checkpoint, history: AuditHistory = NO_HISTORY) -> None:
    await store.save(encode_state(history, {each.kind: each for each in checkpoints}))


async def checked_out(store: StateStore, kind: CheckpointKind = CheckpointKind.COMPLETED) -> Checkpoint | None:
    found = await store.check_out(kind)
    return None if found is None else found.checkpoint


async def found(storage: Storage, kind: CheckpointKind = CheckpointKind.COMPLETED) -> Checkpoint | None:
    """Return what another process checks out."""
    return await checked_out(await loaded(storage), kind)


class StateStoreContract:
    """Subclasses give the fixture `storage`, in which nothing is saved yet."""

    async def test_if_nothing_is_saved_nothing_is_checked_out(self, storage: Storage) -> None:
        store = storage.store()
        result = await store.load_history()
        assert (result.history.last_passes, result.problem) == ({}, None)
        assert [await store.check_out(kind) for kind in CheckpointKind] == [None, None]
        assert (await store.load_acceptances(), store.saves) == ({}, True)

    async def test_replaced_acceptances_are_loaded(self, storage: Storage) -> None:
        store = await loaded(storage)
        await save(store, checkpoint(5))
        accepted = {Kind.VERSION_GAP: acceptance_by_rule(Kind.VERSION_GAP, 7)}
        assert await store.load_acceptances() == {}
        await store.replace_acceptances(accepted)
        assert await store.load_acceptances() == accepted
        await store.replace_acceptances({})
        assert await store.load_acceptances() == {}

    async def test_the_next_process_checks_out_a_copy_of_what_was_saved(self, storage: Storage) -> None:
        saved = checkpoint(5)
        await save(await loaded(storage), saved, checkpoint(2, complete=False))
        again = await found(storage)
        assert again == saved
        assert again is not saved
        assert await found(storage, CheckpointKind.IN_PROGRESS) == checkpoint(2, complete=False)

    async def test_a_checkpoint_is_saved_as_it_was_when_it_was_encoded(self, storage: Storage) -> None:
        store, changing = await loaded(storage), checkpoint(5)
        encoded = encode_state(NO_HISTORY, {CheckpointKind.COMPLETED: changing})
        changing.next_seq = 100
        assert await found(storage) is None
        await store.save(encoded)
        assert await found(storage) == checkpoint(5)

    async def test_a_save_keeps_the_other_checkpoint_and_deletes_one_that_is_none(self, storage: Storage) -> None:
        store = await loaded(storage)
        await save(store, checkpoint(5), checkpoint(2, complete=False))
        await save(store, checkpoint(6))
        assert await found(storage, CheckpointKind.IN_PROGRESS) == checkpoint(2, complete=False)
        await store.save(encode_state(NO_HISTORY, {CheckpointKind.IN_PROGRESS: None}))
        assert [await found(storage, kind) for kind in CheckpointKind] == [checkpoint(6), None]
        await store.load_history()
        assert await store.check_out(CheckpointKind.IN_PROGRESS) is None

    async def test_the_history_is_saved_with_every_checkpoint(self, storage: Storage) -> None:
        store = await loaded(storage)
        await save(store, history=ORDER_TYPE)
        assert (await storage.store().load_history()).history == ORDER_TYPE
        await save(store, checkpoint(5), history=CART_TYPE)
        assert (await storage.store().load_history()).history == CART_TYPE

    async def test_the_history_that_was_saved_last_is_loaded_by_the_same_process(self, storage: Storage) -> None:
        store = await loaded(storage)
        await save(store, history=ORDER_TYPE)
        assert (await store.load_history()).history is ORDER_TYPE

    async def test_after_a_failed_save_the_process_loads_the_history_that_it_could_not_save(
        self, storage: Storage
    ) -> None:
        store = await loaded(storage)
        await save(store, history=ORDER_TYPE)
        await storage.refuse()
        with pytest.raises(StateError):
            await save(store, history=CART_TYPE)
        assert (await store.load_history()).history is CART_TYPE
        assert (await storage.store().load_history()).history == ORDER_TYPE

    # Checkpoints that are put back

    async def test_a_checkpoint_that_is_put_back_is_checked_out_once_as_the_same_object(self, storage: Storage) -> None:
        store, kept = await loaded(storage), CheckedOut(checkpoint(6), is_saved=False, unstored=3)
        await save(store, checkpoint(5))
        store.put_back(kept)
        await store.load_history()
        assert await store.check_out(CheckpointKind.COMPLETED) is kept
        assert await checked_out(store) == checkpoint(5)

    async def test_a_save_drops_the_checkpoint_of_the_same_kind_that_was_put_back(self, storage: Storage) -> None:
        store = await loaded(storage)
        completed = CheckedOut(checkpoint(6), is_saved=False)
        in_progress = CheckedOut(checkpoint(3, complete=False), is_saved=False)
        await save(store, checkpoint(5), checkpoint(2, complete=False))
        store.put_back(completed)
        store.put_back(in_progress)
        await store.save(encode_state(NO_HISTORY, {CheckpointKind.IN_PROGRESS: None}))
        await store.load_history()
        assert await store.check_out(CheckpointKind.IN_PROGRESS) is None
        assert await store.check_out(CheckpointKind.COMPLETED) is completed

    async def test_after_the_saved_state_is_removed_a_checkpoint_that_was_put_back_is_not_saved(
        self, storage: Storage
    ) -> None:
        store, kept = await loaded(storage), checkpoint(5)
        await save(store, kept, history=ORDER_TYPE)
        store.put_back(CheckedOut(kept, is_saved=True))
        await storage.remove()
        assert (await store.load_history()).history == ORDER_TYPE
        again = await store.check_out(CheckpointKind.COMPLETED)
        assert again == CheckedOut(kept, is_saved=False)
        await save(store, kept)
        assert await found(storage) == kept

    # Saved checkpoints

    async def test_a_checkpoint_that_is_loaded_counts_as_saved(self, storage: Storage) -> None:
        store = await loaded(storage)
        await save(store, checkpoint(5))
        await store.load_history()
        assert await store.check_out(CheckpointKind.COMPLETED) == CheckedOut(checkpoint(5), is_saved=True)

    @pytest.mark.parametrize("is_saved", [False, True])
    async def test_a_checkpoint_that_is_put_back_counts_as_saved_if_the_caller_says_so(
        self, storage: Storage, *, is_saved: bool
    ) -> None:
        store = await loaded(storage)
        await save(store, checkpoint(5))
        store.put_back(CheckedOut(checkpoint(5), is_saved))
        await store.load_history()
        again = await store.check_out(CheckpointKind.COMPLETED)
        assert again is not None
        assert again.is_saved is is_saved

    async def test_after_a_failed_save_the_checkpoint_saved_before_is_checked_out(self, storage: Storage) -> None:
        store, newer = await loaded(storage), checkpoint(6)
        await save(store, checkpoint(5))
        await storage.refuse()
        with pytest.raises(StateError) as raised:
            await save(store, newer)
        assert not isinstance(raised.value, StateConflictError)
        assert await found(storage) == checkpoint(5)
        await store.load_history()
        assert await checked_out(store) == checkpoint(5)
        await storage.admit()
        await save(store, newer)
        assert await found(storage) == newer

    # Another process saves

    async def test_a_save_fails_with_a_conflict_if_another_process_has_saved(self, storage: Storage) -> None:
        one, other = await loaded(storage), await loaded(storage)
        await save(other, checkpoint(9))
        with pytest.raises(StateConflictError):
            await save(one, checkpoint(6))
        assert await found(storage) == checkpoint(9)
        await one.load_history()
        assert await checked_out(one) == checkpoint(9)
        await save(one, checkpoint(10))
        assert await found(storage) == checkpoint(10)

    async def test_every_save_after_a_conflict_fails_until_the_history_is_loaded_again(self, storage: Storage) -> None:
        one, other = await loaded(storage), await loaded(storage)
        await save(other, checkpoint(9))
        for last in (6, 7):
            with pytest.raises(StateConflictError):
                await save(one, checkpoint(last))
        assert await found(storage) == checkpoint(9)

    async def test_the_process_that_saved_last_may_save_again_without_loading(self, storage: Storage) -> None:
        store = await loaded(storage)
        for last in (5, 6, 7):
            await save(store, checkpoint(last))
        assert await found(storage) == checkpoint(7)

    async def test_a_save_fails_with_a_conflict_if_the_saved_state_was_removed(self, storage: Storage) -> None:
        store = await loaded(storage)
        await save(store, checkpoint(5))
        await storage.remove()
        with pytest.raises(StateConflictError):
            await save(store, checkpoint(6))

    async def test_a_checkpoint_of_another_process_replaces_one_that_was_put_back(self, storage: Storage) -> None:
        one, other = storage.store(), storage.store()
        await one.load_history()
        await save(one, checkpoint(5))
        one.put_back(CheckedOut(checkpoint(6), is_saved=False))
        await other.load_history()
        await save(other, checkpoint(9), history=CART_TYPE)
        assert (await one.load_history()).history == CART_TYPE
        assert await checked_out(one) == checkpoint(9)

    # Formats

    @pytest.mark.parametrize("part", [HISTORY_PART, *CheckpointKind])
    async def test_state_of_a_later_version_is_refused_whole_and_stays(self, storage: Storage, part: str) -> None:
        await save(await loaded(storage), checkpoint(5))
        await storage.save_newer(part)
        for _ in range(2):
            with pytest.raises(StateNewerError, match=f"{part} has format"):
                await storage.store().load_history()
