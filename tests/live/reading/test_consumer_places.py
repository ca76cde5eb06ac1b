"""The auditor's consumers leave places to others, and do not pile up."""

from __future__ import annotations

import asyncio
import json

import pytest

from auditor.embedded_server import EmbeddedServer
from auditor.jetstream.api import ConsumerLimitError
from auditor.jetstream.reading.ordered_walk import ordered_walk
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.connecting import connected
from tests.live.streams import STREAM, api, create, fill, walked

ACCOUNT = """jetstream: {}
accounts: { A: { jetstream: {max_consumers: LIMIT}, users: [{user: a, password: a}] } }
no_auth_user: a
"""


async def consumer_count(client):
    return (await api(client, f"STREAM.INFO.{STREAM}"))["state"]["consumer_count"]


async def application_consumer(client, name):
    await api(
        client, f"CONSUMER.CREATE.{STREAM}.{name}", stream_name=STREAM, config={"name": name, "durable_name": name}
    )


async def read_all(client, source):
    pinned = await source.info()
    walk = ordered_walk(client, pinned, first_seq=1, last_seq=pinned.last_seq)
    return [message.seq async for batch in walk for message in batch]


async def test_a_consumer_is_deleted_after_its_use(server, client):
    source = await create(client)
    await fill(server, 100)
    for _ in range(5):
        assert await read_all(client, source) == list(range(1, 101))
        assert await consumer_count(client) == 0


async def test_a_consumer_is_deleted_also_if_its_walk_is_cancelled(server, client):
    source = await create(client)
    await fill(server, 10_000)
    pinned = await source.info()
    walk = source.read(pinned, first_seq=1, last_seq=10_000)
    await anext(walk)
    assert await consumer_count(client) == 1
    await walk.aclose()
    assert await consumer_count(client) == 0


@pytest.mark.parametrize("of_account", [False, True])
async def test_the_last_two_places_are_left_to_others(of_account):
    config = ACCOUNT.replace("LIMIT", "4") if of_account else ""
    async with EmbeddedServer(config=config) as server, connected(server) as client:
        source = await create(client, **({} if of_account else {"max_consumers": 4}))
        await fill(server, 100)
        await application_consumer(client, "one")
        assert len(await read_all(client, source)) == 100
        await application_consumer(client, "two")
        with pytest.raises(ConsumerLimitError) as raised:
            await read_all(client, source)
        assert str(raised.value) == (
            "stream S has 2 of at most 4 consumers, and the auditor leaves 2 places to others: raise max_consumers of the"
            " stream or the account, or delete consumers that are not used"
        )
        assert await consumer_count(client) == 2


async def test_the_lower_limit_of_stream_and_account_counts():
    async with EmbeddedServer(config=ACCOUNT.replace("LIMIT", "3")) as server, connected(server) as client:
        source = await create(client, max_consumers=3)
        await fill(server, 10)
        await application_consumer(client, "one")
        with pytest.raises(ConsumerLimitError, match="has 1 of at most 3 consumers"):
            await read_all(client, source)


WITHOUT_DELETE = json.dumps(
    {
        "user": "u",
        "password": "p",
        "permissions": {
            "publish": {
                "allow": ["$JS.API.>", "$SYS.REQ.USER.INFO"],
                "deny": ["$JS.API.CONSUMER.DELETE.>", "$JS.API.INFO"],
            },
            "subscribe": ["_INBOX_auditor.>"],
        },
    }
)


async def test_a_user_that_may_not_delete_never_has_more_than_three_consumers_and_waits_for_their_expiry(monkeypatch):
    monkeypatch.setattr("auditor.jetstream.connection.own_consumers.EXPIRY_SECONDS", 6.0)
    users = f"authorization {{ users: [{WITHOUT_DELETE}, {{user: admin, password: a}}] }}"
    async with (
        EmbeddedServer(config=users) as server,
        connected(server, user="admin", password="a") as admin,
        connected(server, user="u", password="p") as client,
    ):
        await create(admin, max_consumers=5)
        await fill_as_admin(admin, 200)
        source, most, done = StreamSource(client, STREAM), 0, asyncio.Event()

        async def watch():
            nonlocal most
            while not done.is_set():
                most = max(most, await consumer_count(admin))
                await asyncio.sleep(0.01)

        watching = asyncio.create_task(watch())
        for _ in range(5):
            assert len(await read_all(client, source)) == 200
        done.set()
        await watching
        assert 2 <= most <= 3
        await application_consumer(admin, "one")
        await application_consumer(admin, "two")


async def fill_as_admin(client, count):
    for number in range(count):
        await client.request(f"S.events.order.order-{number % 10}", b"{}")


async def test_few_messages_on_a_subject_are_read_without_a_consumer(server, client, monkeypatch):
    source = await create(client, max_consumers=2)
    await fill(server, 500)
    got = await walked(source, await source.info(), subjects=["S.events.order.order-3"])
    assert [message.seq for message in got] == list(range(3, 501, 10))
    with pytest.raises(ConsumerLimitError):
        await walked(StreamSource(client, source.name, read_by="consumer"), await source.info())
