"""A real Go program and the Python store read each other's messages on the same stream."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from auditor.aether import (
    ActorSnapshot,
    DuplicateEventError,
    Event,
    MalformedSnapshotError,
    SnapshotNotFoundError,
    Timestamp,
    VersionConflictError,
    encode_event,
    encode_snapshot,
    event_subject,
)
from auditor.jetstream import JetStreamEventStore
from tests.aether.event_store_contract import ODD_IDS, SNAPSHOT, event
from tests.interop.program import GoError
from tests.live.streams import STREAM, api

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client
    from tests.interop.program import GoStore

VALUES = {
    "small": 1e-7,
    "large": 1e21,
    "edge": 123456789.0,
    "minus zero": -0.0,
    "html": "<a href='x'>&</a>\u2028\u2029",
    "control": '\x00\x1f\x7f\b\f\n\r\t"\\/',
    "text": "Grüße, \U0001f600 \ufffd",
    "nested": {"b": [1.0, [2.5, {}], []], "a": {"Z": None, "a": True}},
}
RICH = Event(
    "evt-<1>", "Über", "order-1", "", 1, VALUES, {"z": "\u2028", "a": ""}, Timestamp(1_700_000_000, 120, -3_600)
)


async def test_go_opens_a_stream_that_python_made_and_python_one_that_go_made(client: Client, go: GoStore) -> None:
    await JetStreamEventStore.open(client, STREAM)
    await go.ask("open")
    ours = (await api(client, f"STREAM.INFO.{STREAM}"))["config"]
    await api(client, f"STREAM.DELETE.{STREAM}")
    await go.ask("open")
    theirs = (await api(client, f"STREAM.INFO.{STREAM}"))["config"]
    assert ours == theirs
    await JetStreamEventStore.open(client, STREAM)


async def test_go_refuses_to_start_on_a_stream_with_another_age(client: Client, go: GoStore) -> None:
    await JetStreamEventStore.open(client, STREAM, max_age=timedelta(days=366))
    with pytest.raises(GoError) as raised:
        await go.ask("open")
    assert raised.value.type == "StreamNameInUse"


async def test_events_and_snapshots_go_both_ways_byte_for_byte(client: Client, go: GoStore) -> None:
    store = await JetStreamEventStore.open(client, STREAM)
    await go.ask("open")
    await store.save_event(RICH)
    await go.save_event(replace(RICH, id="evt-2", version=2))
    await store.save_event(replace(RICH, id="evt-3", version=3, data=None, metadata=None))
    bodies = [(await client.jetstream().get_msg(STREAM, seq)).data for seq in (1, 2, 3)]
    assert bodies == await go.get_events("order-1")
    assert [encode_event(each) for each in await store.get_events("order-1")] == bodies
    assert (await client.jetstream().get_msg(STREAM, 2)).headers == {"Nats-Msg-Id": "evt-2"}

    snapshot = ActorSnapshot("order-1", 3, VALUES, Timestamp(1_700_000_000, 5, 3_600))
    await store.save_snapshot(snapshot)
    assert await go.get_latest_snapshot("order-1") == encode_snapshot(snapshot)
    await go.save_snapshot(replace(snapshot, version=4))
    assert await store.get_latest_snapshot("order-1") == replace(snapshot, version=4)


async def test_replay_latest_version_and_conflicts_are_those_of_go_on_a_damaged_stream(
    client: Client, go: GoStore
) -> None:
    store = await JetStreamEventStore.open(client, STREAM)
    await go.ask("open")
    assert (await store.get_latest_version("order-1"), await go.ask("get_latest_version", actor_id="order-1")) == (0, 0)
    bodies = [
        b"{",
        *(encode_event(replace(event(version), id=f"{at}")) for at, version in enumerate((2, 1, 7, 3, 0, -4))),
        b"",
        b'{"version":9}trailing',
        b'{"Version":8,"actorId":"order-2"}',
        b"null",
        b'{"version":"5"}',
    ]
    for at, body in enumerate(bodies):
        await client.request("S.events.order.order-1", body)
        assert await store.get_latest_version("order-1") == await go.ask("get_latest_version", actor_id="order-1"), at
    for from_version in (-9, 0, 2, 100):
        ours = await store.get_events_with_errors("order-1", from_version)
        events, errors = await go.get_events_with_errors("order-1", from_version)
        assert [encode_event(each) for each in ours.events] == events
        assert [(error.sequence_number, error.raw_data) for error in ours.errors] == errors
    for version in (7, 8):
        with pytest.raises(VersionConflictError) as our_conflict:
            await store.save_event(event(version))
        with pytest.raises(GoError) as their_conflict:
            await go.save_event(event(version))
        mine = our_conflict.value
        assert (mine.actor_id, mine.attempted_version, mine.current_version) == their_conflict.value.conflict


async def test_a_missing_and_a_malformed_last_snapshot_are_errors_on_both_sides(client: Client, go: GoStore) -> None:
    store = await JetStreamEventStore.open(client, STREAM)
    await go.ask("open")
    with pytest.raises(SnapshotNotFoundError):
        await store.get_latest_snapshot("order-1")
    with pytest.raises(GoError) as raised:
        await go.get_latest_snapshot("order-1")
    assert raised.value.type == "NoSnapshot"
    await go.save_snapshot(SNAPSHOT)
    await client.request("S.snapshots.order.order-1", b"{")
    with pytest.raises(MalformedSnapshotError):
        await store.get_latest_snapshot("order-1")
    with pytest.raises(GoError) as raised:
        await go.get_latest_snapshot("order-1")
    assert raised.value.type == "Malformed"


@pytest.mark.parametrize("actor_id", ["", "order-\t", "order-\n", "order-\x7f", "order-\f", *ODD_IDS.values()])
async def test_every_id_has_the_same_subject(go: GoStore, actor_id: str) -> None:
    await go.ask("open")
    assert await go.ask("subject", actor_id=actor_id) == event_subject(STREAM, actor_id)


@pytest.mark.parametrize("actor_id", [each for each in ODD_IDS.values() if "\f" not in each])
async def test_an_odd_id_is_read_from_the_other_side(client: Client, go: GoStore, actor_id: str) -> None:
    store = await JetStreamEventStore.open(client, STREAM)
    await go.ask("open")
    await store.save_event(event(1, actor_id))
    await go.save_event(event(2, actor_id))
    await store.save_event(event(3, actor_id))
    assert [json.loads(body)["version"] for body in await go.get_events(actor_id)] == [1, 2, 3]
    assert [each.version for each in await store.get_events(actor_id)] == [1, 2, 3]
    await store.save_snapshot(replace(SNAPSHOT, actor_id=actor_id))
    assert json.loads(await go.get_latest_snapshot(actor_id))["actorId"] == actor_id


async def test_what_go_loses_is_not_lost_here(client: Client, go: GoStore) -> None:
    """Go reports an event as stored whose id is taken, and goes on to the next version: a gap. Here it is an error."""
    store = await JetStreamEventStore.open(client, STREAM)
    await go.ask("open")
    await go.save_event(event(1))
    await go.save_event(replace(event(2), id="order-1/1"))
    await go.save_event(event(3))
    assert [json.loads(body)["version"] for body in await go.get_events("order-1")] == [1, 3]
    with pytest.raises(DuplicateEventError):
        await store.save_event(replace(event(4), id="order-1/3"))
    await store.save_event(event(4))
    await go.save_event(replace(event(4), id="by Go"))  # which knows of versions up to 3 only
    assert [each.version for each in await store.get_events("order-1")] == [1, 3, 4, 4]
    with pytest.raises(VersionConflictError):
        await store.save_event(replace(event(4), id="by Python"))


async def test_an_id_with_a_form_feed_is_read_here_and_not_by_go(client: Client, go: GoStore) -> None:
    store = await JetStreamEventStore.open(client, STREAM)
    await go.ask("open")
    await store.save_event(event(1, "order-\f"))
    await go.ask("subject", actor_id="order-\f")
    with pytest.raises(GoError):
        await go.get_events("order-\f")
    assert len(await store.get_events("order-\f")) == 1
