"""A pull consumer delivers stored messages unchanged, and notices when one is missing."""

from __future__ import annotations

import asyncio

import pytest

from auditor.aether.gojson.timestamps import from_match, match
from auditor.jetstream.api import consumer_info
from auditor.jetstream.reading import pull_consumer as module
from auditor.jetstream.reading.pull_consumer import ConsumerLostError, pull_consumer
from tests.live.connecting import connected
from tests.live.hostile import hostile_set
from tests.live.lies.proxy import LiarProxy
from tests.live.lies.table import ToDeliveries, status
from tests.live.raw import publish
from tests.live.streams import STREAM, api, create, fill, stored, walked


def new(client, *, start_seq=1, subjects=(), batch=100):
    return pull_consumer(client, STREAM, start_seq=start_seq, subjects=subjects, batch=batch)


async def test_every_hostile_message_is_delivered_once_and_byte_for_byte(server, client):
    source = await create(client)
    sent = hostile_set(b"S.events.")
    assert len(sent) > 36
    await publish(server.port, sent)
    got = await walked(source, await source.info())
    assert [message.seq for message in got] == list(range(1, len(sent) + 1))
    assert [message.subject for message in got] == [publication.subject for publication in sent]
    for message in got:
        assert (message.seq, message.headers, message.data) == await stored(client, message.seq)
    # A server stores everything but a status in the first line.
    for message, publication in zip(got, sent, strict=True):
        assert message.data == publication.data
        if not (publication.headers or b"").startswith(b"NATS/1.0 "):
            assert message.headers == publication.headers


async def test_the_time_of_a_message_is_exact_to_the_nanosecond(server, client):
    source = await create(client)
    await fill(server, 20)
    for message in await walked(source, await source.info()):
        answer = await api(client, "STREAM.MSG.GET.S", seq=message.seq)
        assert message.time_ns == from_match(match(answer["message"]["time"])).unix_ns


async def test_messages_come_in_stream_order_and_the_end_is_recognised(server, client):
    await create(client)
    await fill(server, 1000)
    async with new(client, start_seq=11) as consumer:
        seqs = []
        while messages := await consumer.fetch():
            seqs += [message.seq for message in messages]
        assert consumer.at_end
    assert seqs == list(range(11, 1001))


async def test_an_empty_range_is_recognised_without_a_pull(server, client):
    await create(client)
    await fill(server, 3)
    async with new(client, start_seq=4) as consumer:
        assert consumer.at_end
        assert await consumer.fetch() == []
    async with new(client, subjects=["S.events.nobody.nobody-1"]) as consumer:
        assert consumer.at_end


@pytest.mark.parametrize(("count", "size", "limit"), [(200, 1000, 3500), (20, 60_000, 1000), (3, 1 << 20, 1 << 19)])
async def test_pulls_are_bounded_in_bytes_and_larger_messages_are_still_delivered(
    server, client, monkeypatch, count, size, limit
):
    monkeypatch.setattr(module, "PULL_BYTES", limit)
    source = await create(client)
    await fill(server, count, size=size)
    got = await walked(source, await source.info())
    assert [(message.seq, len(message.data)) for message in got] == [(seq, size) for seq in range(1, count + 1)]


async def test_messages_in_flight_are_bounded_by_two_pulls(server, client):
    await create(client)
    await fill(server, 1000)
    async with new(client, batch=50) as consumer:
        taken = len(await consumer.fetch())
        async with asyncio.timeout(5):
            while (info := await consumer_info(client, STREAM, consumer._name)).num_waiting:
                await asyncio.sleep(0.01)
        assert 2 * 50 <= info.delivered.consumer_seq <= taken + 2 * 50


async def interruption(consumer):
    """Return the text of the ConsumerLostError that ends the messages."""
    try:
        while await consumer.fetch():
            pass
    except ConsumerLostError as error:
        return str(error)


async def test_a_deleted_consumer_is_noticed_at_once(server, client):
    await create(client)
    await fill(server, 1000)
    async with new(client, batch=10) as consumer:
        assert await consumer.fetch()
        await api(client, f"CONSUMER.DELETE.S.{consumer._name}")
        async with asyncio.timeout(2):
            assert await interruption(consumer)


async def test_a_message_that_was_lost_is_noticed(server, client):
    await create(client)
    await fill(server, 100)
    async with new(client, batch=10) as consumer:
        assert await consumer.fetch()
        async with asyncio.timeout(2):
            while len(consumer._inbox.messages) < 2:
                await asyncio.sleep(0.01)
        del consumer._inbox.messages[0]
        assert await interruption(consumer) == "messages were lost on the way"


async def test_the_loss_of_the_last_messages_is_noticed(server, client):
    await create(client)
    await fill(server, 15)
    async with new(client, batch=10) as consumer:
        await consumer._pull()
        async with asyncio.timeout(2):
            while len(consumer._inbox.messages) < 15:
                await asyncio.sleep(0.01)
            del consumer._inbox.messages[10:]
            assert len(await consumer.fetch()) == 10
            assert await interruption(consumer) == "messages were lost on the way"


async def test_the_loss_of_a_pull_is_noticed(server, client):
    await create(client)
    await fill(server, 15)
    async with new(client, batch=10) as consumer:
        consumer._requested = 20
        async with asyncio.timeout(2):
            assert await interruption(consumer) == "the server has dropped a pull"


async def test_a_message_that_is_not_from_the_consumer_is_noticed(server, client):
    await create(client)
    await fill(server, 15)
    async with new(client, batch=10) as consumer:
        await client.publish(consumer._inbox.subject, b"", reply="some.where")
        async with asyncio.timeout(2):
            assert await interruption(consumer) == "a message that is not from the consumer arrived in its inbox"


@pytest.mark.parametrize("pending", [b"2001", b"99999999999999999"])
async def test_a_status_about_more_messages_than_were_requested_ends_the_pulls(server, client, pending):
    await create(client)
    await fill(server, 20)
    change = status(b"409 Batch Completed", b"Nats-Pending-Messages: %b\r\n" % pending)
    lie = ToDeliveries(change, None)
    async with (
        LiarProxy(server, lie) as proxy,
        connected(proxy) as lied_to,
        new(lied_to) as consumer,
        asyncio.timeout(5),
    ):
        assert await interruption(consumer) == "the server answers for more messages than were requested"
        assert consumer._requested < 0


async def test_a_lost_connection_is_noticed_by_the_consumer_at_once(server, client):
    await create(client)
    await fill(server, 1000)
    async with new(client, batch=10) as consumer:
        assert await consumer.fetch()
        server.kill()
        async with asyncio.timeout(2):
            assert await interruption(consumer)
