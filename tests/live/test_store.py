"""Replay of one actor from a real stream, with Go's results in every case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.aether import MalformedSnapshotError, SnapshotNotFoundError
from auditor.demo.publish import RawPublisher
from auditor.demo.sample import STREAM, Outgoing, Story
from auditor.errors import StreamNotFoundError
from auditor.jetstream.store import JetStreamEventStore

if TYPE_CHECKING:
    from auditor.demo.server import EmbeddedServer
    from auditor.jetstream.client import Client


async def store_of(server: EmbeddedServer, client: Client, *messages: Outgoing) -> JetStreamEventStore:
    await client.request(
        f"$JS.API.STREAM.CREATE.{STREAM}", b'{"name":"%b","subjects":["%b.>"]}' % ((STREAM.encode(),) * 2)
    )
    async with RawPublisher(server.port) as publisher:
        await publisher.publish(messages)
    return await JetStreamEventStore.open(client, STREAM)


async def test_replay_gives_what_decodes_and_names_what_does_not(server: EmbeddedServer, client: Client) -> None:
    story = Story("order-1")
    story.events(1, 2, 3, 5, 4)
    broken = Outgoing(story.messages[0].subject, b"{")
    store = await store_of(server, client, *story.messages[:2], broken, *story.messages[2:])
    result = await store.get_events_with_errors("order-1")
    assert [event.version for event in result.events] == [1, 2, 3, 5, 4]
    assert [(error.sequence_number, error.raw_data) for error in result.errors] == [(3, b"{")]
    later = await store.get_events_with_errors("order-1", from_version=3)
    assert ([event.version for event in later.events], len(later.errors)) == ([5, 4], 1)
    assert [event.version for event in await store.get_events("order-1", from_version=4)] == [5]
    assert await store.get_latest_version("order-1") == 5


async def test_an_actor_without_events_or_with_malformed_ones_only_has_version_0(
    server: EmbeddedServer, client: Client
) -> None:
    story = Story("order-1")
    store = await store_of(server, client, Outgoing(story.event(1).subject, b"{"))
    assert (await store.get_events("order-1"), await store.get_latest_version("order-1")) == ([], 0)
    assert (await store.get_events("order-2"), await store.get_latest_version("order-2")) == ([], 0)


async def test_the_last_snapshot_counts_and_a_malformed_one_is_an_error(server: EmbeddedServer, client: Client) -> None:
    story = Story("order-1")
    bad = Outgoing(story.snapshot(3).subject, b"{")
    store = await store_of(server, client, story.snapshot(1), story.snapshot(2))
    assert (await store.get_latest_snapshot("order-1")).version == 2
    with pytest.raises(SnapshotNotFoundError):
        await store.get_latest_snapshot("order-2")
    async with RawPublisher(server.port) as publisher:
        await publisher.publish([bad])
    with pytest.raises(MalformedSnapshotError):
        await store.get_latest_snapshot("order-1")


async def test_a_stream_that_does_not_exist_cannot_be_opened(client: Client) -> None:
    with pytest.raises(StreamNotFoundError):
        await JetStreamEventStore.open(client, "NONE")
