"""Tests of every event store: the one in memory and the one over a real stream."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import pytest

from auditor.aether import (
    ActorSnapshot,
    DuplicateEventError,
    EncodeError,
    Event,
    MalformedSnapshotError,
    SnapshotNotFoundError,
    Timestamp,
    UnstorableActorError,
    VersionConflictError,
    actor_key,
    encode_event,
)

if TYPE_CHECKING:
    from auditor.aether import EventStoreWithErrors

EVENT = Event(
    id="evt-1",
    event_type="OrderPlaced",
    actor_id="order-1",
    command_id="cmd-1",
    version=1,
    data={"amount": 12.5, "note": "<b>&\u2028", "items": [{"sku": "A", "qty": 2.0}, None, True]},
    metadata={"trace": "abc"},
    timestamp=Timestamp(1_700_000_000, 123_456_789, 7_200),
)
SNAPSHOT = ActorSnapshot("order-1", 3, {"total": 1.5}, Timestamp(1_700_000_000))

ODD_IDS = {
    "no dash": "order42",
    "a dash first": "-a-b",
    "nothing but a dash": "-",
    "spaces": "order-4 2",
    "dots": "order.eu-4.2",
    "stars": "order-*",
    "an arrow": "order->",
    "NUL": "order-\x00",
    "escape": "order-\x1b[31m",
    "form feed and vertical tab": "order-\f\v",
    "a next line": "order-\x85\u2028",
    "quotes": "order-\"'`\\",
    "accents": "bücher-é",
    "an emoji": "order-\U0001f600",
    "a long one": "order-" + "x" * 1_900,
}


def event(version: int, actor_id: str = "order-1") -> Event:
    return replace(EVENT, id=f"{actor_id}/{version}", actor_id=actor_id, version=version)


class Append(Protocol):
    async def __call__(self, suffix: str, data: bytes) -> int:
        """Store bytes on the subject `<stream>.<suffix>` without the checks of a store, and return their sequence."""


class EventStoreContract:
    """Subclasses give the fixtures `store` and `append`."""

    async def test_what_was_saved_comes_back_as_it_was(self, store: EventStoreWithErrors) -> None:
        await store.save_event(EVENT)
        assert await store.get_events("order-1") == [EVENT]

    async def test_an_actor_without_events_has_none_and_version_0(self, store: EventStoreWithErrors) -> None:
        assert await store.get_events("order-1") == []
        assert (await store.get_events_with_errors("order-1")).errors == []
        assert await store.get_latest_version("order-1") == 0

    async def test_events_come_in_the_order_of_the_stream_from_above_a_version(
        self, store: EventStoreWithErrors, append: Append
    ) -> None:
        for version in (1, 2, 5):
            await store.save_event(event(version))
        await append("events.order.order-1", encode_event(event(3)))
        assert [each.version for each in await store.get_events("order-1")] == [1, 2, 5, 3]
        assert [each.version for each in await store.get_events("order-1", from_version=2)] == [5, 3]
        assert [each.version for each in await store.get_events("order-1", 5)] == []
        assert await store.get_latest_version("order-1") == 5

    async def test_what_does_not_decode_is_left_out_and_named(
        self, store: EventStoreWithErrors, append: Append
    ) -> None:
        await store.save_event(event(1))
        first = await append("events.order.order-1", b'{"version":"2"}')
        await store.save_event(event(2))
        second = await append("events.order.order-1", b"")
        result = await store.get_events_with_errors("order-1", from_version=1)
        assert [each.version for each in result.events] == [2]
        assert [(error.sequence_number, error.raw_data) for error in result.errors] == [
            (first, b'{"version":"2"}'),
            (second, b""),
        ]
        assert [error.error.reason for error in result.errors] == ["type", "empty"]

    async def test_an_actor_with_malformed_events_only_starts_at_any_version(
        self, store: EventStoreWithErrors, append: Append
    ) -> None:
        await append("events.order.order-1", b"{")
        assert await store.get_latest_version("order-1") == 0
        await store.save_event(event(7))
        assert await store.get_latest_version("order-1") == 7

    async def test_hidden_and_malformed_messages_at_the_end_do_not_change_the_latest_version(
        self, store: EventStoreWithErrors, append: Append
    ) -> None:
        await store.save_event(event(3))
        for body in (b"{", b"{}", b'{"version":-1}', b'{"version":2}'):
            await append("events.order.order-1", body)
            assert await store.get_latest_version("order-1") == 3
        await store.save_event(event(4))
        assert await store.get_latest_version("order-1") == 4

    async def test_a_foreign_event_on_the_subject_counts_like_any_other(
        self, store: EventStoreWithErrors, append: Append
    ) -> None:
        await append("events.order.order-1", encode_event(event(9, "order-2")))
        assert await store.get_latest_version("order-1") == 9
        with pytest.raises(VersionConflictError):
            await store.save_event(event(9))

    @pytest.mark.parametrize("version", [-1, 0, 1, 2])
    async def test_a_version_that_is_not_above_the_latest_is_a_conflict(
        self, store: EventStoreWithErrors, version: int
    ) -> None:
        await store.save_event(event(2))
        with pytest.raises(VersionConflictError) as raised:
            await store.save_event(replace(event(version), id="another"))
        conflict = raised.value
        assert (conflict.actor_id, conflict.attempted_version, conflict.current_version) == ("order-1", version, 2)
        assert len(await store.get_events("order-1")) == 1

    @pytest.mark.parametrize("version", [-1, 0])
    async def test_the_first_version_is_1_or_above(self, store: EventStoreWithErrors, version: int) -> None:
        with pytest.raises(VersionConflictError):
            await store.save_event(event(version))

    async def test_an_id_that_another_event_has_is_refused_with_the_sequence_that_holds_it(
        self, store: EventStoreWithErrors
    ) -> None:
        await store.save_event(event(1))
        with pytest.raises(DuplicateEventError) as raised:
            await store.save_event(replace(event(1, "order-2"), id="order-1/1"))
        assert (raised.value.event_id, raised.value.sequence_number) == ("order-1/1", 1)
        with pytest.raises(DuplicateEventError):
            await store.save_event(replace(event(2), id="order-1/1"))
        assert await store.get_events("order-2") == []
        assert await store.get_latest_version("order-1") == 1

    async def test_events_without_an_id_are_never_duplicates(self, store: EventStoreWithErrors) -> None:
        await store.save_event(replace(event(1), id=""))
        await store.save_event(replace(event(2), id=""))
        assert await store.get_latest_version("order-1") == 2

    async def test_tasks_that_save_together_store_every_version_once(self, store: EventStoreWithErrors) -> None:
        await asyncio.gather(*(store.save_event(event(version)) for version in range(1, 11)))
        assert [each.version for each in await store.get_events("order-1")] == [*range(1, 11)]

    @pytest.mark.parametrize("actor_id", ODD_IDS.values(), ids=ODD_IDS.keys())
    async def test_odd_ids_have_their_events_and_snapshots_like_others(
        self, store: EventStoreWithErrors, actor_id: str
    ) -> None:
        await store.save_event(event(1, actor_id))
        await store.save_event(event(2, actor_id))
        await store.save_snapshot(replace(SNAPSHOT, actor_id=actor_id))
        assert [each.actor_id for each in await store.get_events(actor_id)] == [actor_id] * 2
        assert await store.get_latest_version(actor_id) == 2
        assert await store.get_latest_snapshot(actor_id) == replace(SNAPSHOT, actor_id=actor_id)

    async def test_ids_that_sanitizing_maps_onto_each_other_share_their_events(
        self, store: EventStoreWithErrors
    ) -> None:
        assert actor_key("order-a.b") == actor_key("order-a_b")
        await store.save_event(event(1, "order-a.b"))
        with pytest.raises(VersionConflictError):
            await store.save_event(event(1, "order-a_b"))
        await store.save_event(event(2, "order-a_b"))
        assert [each.actor_id for each in await store.get_events("order-a.b")] == ["order-a.b", "order-a_b"]

    @pytest.mark.parametrize("actor_id", ["", "order-\t", "order-\n", "order-\r", "order-\ud800"])
    async def test_an_id_that_no_server_could_hold_is_refused_by_every_method(
        self, store: EventStoreWithErrors, actor_id: str
    ) -> None:
        for call in (
            store.save_event(event(1, actor_id)),
            store.get_events(actor_id),
            store.get_events_with_errors(actor_id),
            store.get_latest_version(actor_id),
            store.save_snapshot(replace(SNAPSHOT, actor_id=actor_id)),
            store.get_latest_snapshot(actor_id),
        ):
            with pytest.raises(UnstorableActorError):
                await call

    async def test_an_id_that_no_server_would_find_again_is_never_stored(self, store: EventStoreWithErrors) -> None:
        with pytest.raises(UnstorableActorError, match="DEL"):
            await store.save_event(event(1, "order-\x7f"))
        with pytest.raises(UnstorableActorError, match="DEL"):
            await store.save_snapshot(replace(SNAPSHOT, actor_id="order-\x7f"))
        assert await store.get_events("order-\x7f") == []

    async def test_what_go_could_not_write_is_refused_before_anything_is_stored(
        self, store: EventStoreWithErrors
    ) -> None:
        for bad in (replace(event(1), data={"x": float("nan")}), replace(event(1), version=2**63)):
            with pytest.raises(EncodeError):
                await store.save_event(bad)
        assert await store.get_events("order-1") == []

    async def test_the_last_snapshot_is_the_one_that_was_saved_last(self, store: EventStoreWithErrors) -> None:
        await store.save_snapshot(SNAPSHOT)
        await store.save_snapshot(replace(SNAPSHOT, version=2))
        assert await store.get_latest_snapshot("order-1") == replace(SNAPSHOT, version=2)

    async def test_an_actor_without_snapshot_says_so(self, store: EventStoreWithErrors) -> None:
        for strict in (True, False):
            with pytest.raises(SnapshotNotFoundError):
                await store.get_latest_snapshot("order-1", strict=strict)

    async def test_a_malformed_last_snapshot_is_an_error_unless_an_earlier_one_will_do(
        self, store: EventStoreWithErrors, append: Append
    ) -> None:
        await store.save_snapshot(SNAPSHOT)
        await append("snapshots.order.order-1", b'{"version":true}')
        last = await append("snapshots.order.order-1", b"{")
        with pytest.raises(MalformedSnapshotError) as raised:
            await store.get_latest_snapshot("order-1")
        assert (raised.value.replay_error.sequence_number, raised.value.replay_error.raw_data) == (last, b"{")
        assert await store.get_latest_snapshot("order-1", strict=False) == SNAPSHOT

    async def test_where_no_snapshot_decodes_the_last_one_is_the_error(
        self, store: EventStoreWithErrors, append: Append
    ) -> None:
        await append("snapshots.order.order-1", b"[")
        last = await append("snapshots.order.order-1", b"{")
        for strict in (True, False):
            with pytest.raises(MalformedSnapshotError) as raised:
                await store.get_latest_snapshot("order-1", strict=strict)
            assert raised.value.replay_error.sequence_number == last
