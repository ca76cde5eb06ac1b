"""The event store on a real stream: its contract, and faults of connection and server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import nats
import pytest

from auditor.aether import DuplicateEventError, NotStoredError, VersionConflictError, encode_event
from auditor.errors import ConnectionFailedError, StreamNotFoundError
from auditor.jetstream.eventstore.store import JetStreamEventStore
from tests.aether.event_store_contract import EVENT, SNAPSHOT, EventStoreContract, event
from tests.live.connecting import connected
from tests.live.proxy import Proxy
from tests.live.raw import Publication, publish
from tests.live.streams import STREAM, api, create

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client
    from tests.aether.event_store_contract import Append

SUBJECT = b"S.events.order.order-1"


@pytest.fixture
async def store(client: Client) -> JetStreamEventStore:
    return await JetStreamEventStore.open(client, STREAM)


class TestJetStreamEventStore(EventStoreContract):
    @pytest.fixture
    def append(self, client: Client, store: JetStreamEventStore) -> Append:
        async def append(suffix: str, data: bytes) -> int:
            return json.loads((await client.request(f"{STREAM}.{suffix}", data)).data)["seq"]

        return append


async def last_seq(client: Client) -> int:
    return (await api(client, f"STREAM.INFO.{STREAM}"))["state"]["last_seq"]


async def test_a_published_message_has_the_bytes_that_go_sends(store: JetStreamEventStore, client: Client) -> None:
    await store.save_event(EVENT)
    stored = (await api(client, f"STREAM.MSG.GET.{STREAM}", seq=1))["message"]
    assert stored["subject"] == "S.events.order.order-1"
    message = await client.jetstream().get_msg(STREAM, 1)
    assert message.data == encode_event(EVENT)
    assert message.headers == {"Nats-Msg-Id": "evt-1", "Nats-Expected-Last-Subject-Sequence": "0"}


async def test_a_connection_of_nats_py_is_enough_and_the_store_closes_its_own_together_with_it(
    server: EmbeddedServer, client: Client
) -> None:
    nc = await nats.connect(server.url)
    store = await JetStreamEventStore.open(nc, STREAM)
    await publish(server.port, [Publication(SUBJECT, b"{", b"\xff\xff\r\n\r\n")])  # nats-py would stop reading
    await store.save_event(event(1))
    result = await store.get_events_with_errors("order-1")
    assert ([each.version for each in result.events], len(result.errors)) == ([1], 1)
    await nc.close()
    with pytest.raises(ConnectionFailedError):
        await store.get_events("order-1")


async def test_without_create_a_missing_stream_is_not_created(client: Client) -> None:
    with pytest.raises(StreamNotFoundError):
        await JetStreamEventStore.open(client, "NONE", create=False)


async def test_an_invalid_stream_name_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="cannot be a stream's name"):
        await JetStreamEventStore.open(client, "S.events")


async def test_two_stores_never_store_a_version_twice_and_a_stale_cache_is_updated(
    server: EmbeddedServer, store: JetStreamEventStore
) -> None:
    async with connected(server) as other_client:
        other = await JetStreamEventStore.open(other_client, STREAM)
        await store.save_event(event(1))
        await other.save_event(event(2))
        with pytest.raises(VersionConflictError) as raised:  # by its own cache, version 2 would be the next
            await store.save_event(replace(event(2), id="mine"))
        assert raised.value.current_version == 2
        await store.save_event(event(3))
        await other.save_event(event(4))
        await store.save_event(event(5))  # its cache is behind, so it tries again
    assert [each.version for each in await store.get_events("order-1")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("keep", [0, 1])
async def test_expired_versions_are_removed_from_the_cache(
    store: JetStreamEventStore, client: Client, keep: int
) -> None:
    for version in (1, 9, 10):
        await store.save_event(event(version))
    await api(client, f"STREAM.PURGE.{STREAM}", filter="S.events.order.order-1", keep=keep)
    assert await store.get_latest_version("order-1") == 10 * keep
    await store.save_event(replace(event(10 * keep + 1), id="again"))
    assert await store.get_latest_version("order-1") == 10 * keep + 1


async def test_the_highest_version_is_removed_from_the_cache_if_its_message_is_deleted_and_later_ones_stay(
    store: JetStreamEventStore, client: Client
) -> None:
    for version in (1, 9):
        await store.save_event(event(version))
    await client.request(SUBJECT.decode(), encode_event(event(5)))
    assert await store.get_latest_version("order-1") == 9
    await api(client, f"STREAM.MSG.DELETE.{STREAM}", seq=2)
    assert await store.get_latest_version("order-1") == 5
    await store.save_event(event(6))
    await client.request(SUBJECT.decode(), b"{")
    await api(client, f"STREAM.MSG.DELETE.{STREAM}", seq=4)
    assert await store.get_latest_version("order-1") == 5


async def test_a_recreated_stream_has_none_of_the_earlier_versions(store: JetStreamEventStore, client: Client) -> None:
    for version in (1, 2, 3):
        await store.save_event(event(version))
    await api(client, f"STREAM.DELETE.{STREAM}")
    await create(client)
    for version in (1, 1, 1):
        await client.request(SUBJECT.decode(), encode_event(replace(event(version), id="new")))
    assert await store.get_latest_version("order-1") == 1
    await store.save_event(event(2))
    assert len(await store.get_events("order-1")) == 4


async def test_only_the_first_request_for_the_latest_version_creates_a_consumer(
    store: JetStreamEventStore, client: Client
) -> None:
    async def consumers() -> int:
        return (await api(client, f"STREAM.INFO.{STREAM}"))["state"]["consumer_count"]

    await client.request(SUBJECT.decode(), encode_event(event(1)))
    assert await store.get_latest_version("order-1") == 1
    made = await consumers()
    asked = client.stats["out_msgs"]
    assert await store.get_latest_version("order-1") == 1
    assert (client.stats["out_msgs"] - asked, await consumers()) == (1, made)


async def stored_unheard(client: Client, proxy: Proxy, saving: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Let `saving` continue until the server has stored its message, and drop the answer."""
    before = await last_seq(client)
    proxy.hold_answers_to(b"HPUB S.")
    task = asyncio.create_task(saving)
    async with asyncio.timeout(5):
        while await last_seq(client) == before:
            await asyncio.sleep(0.01)
    return task


async def test_an_event_stored_by_a_publish_whose_answer_was_lost_is_stored_once(
    server: EmbeddedServer, client: Client, store: JetStreamEventStore
) -> None:
    async with Proxy(server) as proxy, connected(proxy) as unlucky:
        other = await JetStreamEventStore.open(unlucky, STREAM)
        saving = await stored_unheard(client, proxy, other.save_event(event(1)))
        proxy.cut()
        await saving
        await other.save_event(event(2))
    assert [each.version for each in await store.get_events("order-1")] == [1, 2]


async def test_an_event_with_a_lost_answer_is_found_after_events_of_another_writer(
    server: EmbeddedServer, client: Client, store: JetStreamEventStore
) -> None:
    async with Proxy(server) as proxy, connected(proxy) as unlucky:
        other = await JetStreamEventStore.open(unlucky, STREAM)
        saving = await stored_unheard(client, proxy, other.save_event(event(1)))
        await store.save_event(event(2))
        proxy.cut()
        await saving
    assert [each.version for each in await store.get_events("order-1")] == [1, 2]


async def test_a_snapshot_whose_answer_was_lost_is_stored_once(
    server: EmbeddedServer, client: Client, store: JetStreamEventStore
) -> None:
    async with Proxy(server) as proxy, connected(proxy) as unlucky:
        other = await JetStreamEventStore.open(unlucky, STREAM)
        saving = await stored_unheard(client, proxy, other.save_snapshot(SNAPSHOT))
        proxy.cut()
        await saving
    assert await last_seq(client) == 1


async def test_an_event_whose_publish_was_lost_conflicts_with_the_event_of_another_writer(
    server: EmbeddedServer, store: JetStreamEventStore
) -> None:
    async with Proxy(server) as proxy, connected(proxy) as unlucky:
        other = await JetStreamEventStore.open(unlucky, STREAM)
        await other.save_event(event(1))
        proxy.freeze()
        saving = asyncio.create_task(other.save_event(replace(event(2), id="too late")))
        await store.save_event(event(2))
        proxy.cut()
        with pytest.raises(VersionConflictError):
            await saving
    assert [each.id for each in await store.get_events("order-1")] == ["order-1/1", "order-1/2"]


async def test_without_a_connection_nothing_is_stored_and_an_error_is_raised_at_once(
    server: EmbeddedServer, client: Client, store: JetStreamEventStore
) -> None:
    await store.save_event(event(1))
    server.kill()
    async with asyncio.timeout(5):
        while client.is_connected:
            await asyncio.sleep(0.01)
    with pytest.raises(NotStoredError, match="no connection to NATS"):
        await store.save_event(event(2))
    await server.start()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"max_msgs": 1, "discard": "new"}, "maximum messages exceeded"), ({"max_msg_size": 400}, "message size exceeds")],
)
async def test_the_error_of_a_refused_event_has_the_description_of_the_server(
    client: Client, settings: dict, reason: str
) -> None:
    await create(client, **settings)
    store = await JetStreamEventStore.open(client, STREAM)
    await store.save_event(replace(event(1), data=None, metadata=None))
    with pytest.raises(NotStoredError, match=reason):
        await store.save_event(replace(event(2), data={"x": "y" * 400}))


async def test_an_event_that_is_too_large_for_the_server_is_refused_and_the_connection_stays(
    store: JetStreamEventStore,
) -> None:
    with pytest.raises(NotStoredError, match="max_payload"):
        await store.save_event(replace(event(1), data={"x": "y" * (1 << 20)}))
    await store.save_event(event(1))


async def test_an_id_that_is_too_long_for_the_protocol_cannot_be_stored_but_can_be_read(
    store: JetStreamEventStore,
) -> None:
    long = "order-" + "x" * 4_096
    with pytest.raises(NotStoredError, match="too long for the protocol"):
        await store.save_event(event(1, long))
    with pytest.raises(NotStoredError, match="too long for the protocol"):
        await store.save_snapshot(replace(SNAPSHOT, actor_id=long))
    assert await store.get_events(long) == []
    await store.save_event(event(1))


async def test_the_id_of_a_deleted_event_is_still_a_duplicate(store: JetStreamEventStore, client: Client) -> None:
    await store.save_event(event(1))
    await api(client, f"STREAM.MSG.DELETE.{STREAM}", seq=1)
    with pytest.raises(DuplicateEventError):
        await store.save_event(event(1))
