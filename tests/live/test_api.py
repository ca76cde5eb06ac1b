"""Requests to JetStream's API: replies and errors."""

from __future__ import annotations

import msgspec
import pytest

from auditor.embedded_server import EmbeddedServer
from auditor.errors import ConnectionFailedError, PermissionDeniedError, StreamNotFoundError, WrongAnswerError
from auditor.jetstream.api import (
    AccountInfoReply,
    ConsumerLimitError,
    JetStreamError,
    Message,
    MessageReply,
    PubAck,
    Reply,
    StreamInfoReply,
    consumer_info,
    create_consumer,
    decode_ack,
    delete_consumer,
    get_message,
    is_readable,
    request,
    stream_info,
)
from tests.live.connecting import at_once, connected
from tests.live.streams import STREAM, create, fill


async def test_a_consumer_starts_at_the_sequence_and_has_the_filter(server, client):
    await create(client)
    await fill(server, 10)
    created = await create_consumer(client, STREAM, "c", start=4, subjects=["S.events.order.order-5"])
    assert created.num_pending == 1
    info = await consumer_info(client, STREAM, "c")
    assert (info.num_pending, info.num_waiting, info.delivered.consumer_seq) == (1, 0, 0)


async def test_a_missing_stream_consumer_and_message_are_distinguished(client):
    with pytest.raises(StreamNotFoundError):
        await stream_info(client, "NONE")
    with pytest.raises(StreamNotFoundError):
        await create_consumer(client, "NONE", "c", start=1)
    with pytest.raises(StreamNotFoundError):
        await is_readable(client, "NONE", 1)
    await create(client)
    assert await consumer_info(client, STREAM, "none") is None
    assert not await is_readable(client, STREAM, 1)


async def test_a_permanent_error_has_the_description_and_the_code_of_jetstream(client):
    await create(client)
    with pytest.raises(JetStreamError, match=r"stream S: .*overlap.* \(error 10138\)"):
        await create_consumer(client, STREAM, "c", start=1, subjects=["S.a.>", "S.a.b"])


async def test_a_reply_that_is_not_jetstream_s_is_an_error(client):
    async def nonsense(message):
        await client.publish(message.reply, b"\xffnonsense")

    await client.subscribe("$JS.API.NONSENSE", cb=nonsense)
    with pytest.raises(ConnectionFailedError, match="the answer about stream S is not JetStream's"):
        await request(client, STREAM, "NONSENSE", {}, Reply)


async def test_a_request_without_an_answer_fails_after_its_timeout(client):
    await client.subscribe("$JS.API.SILENCE")
    with pytest.raises(ConnectionFailedError, match="no answer about stream S within 0 s"):
        await request(client, STREAM, "SILENCE", {}, Reply, timeout=0.05)


async def test_a_request_without_a_connection_fails_at_once(server, client):
    server.kill()
    with at_once(), pytest.raises(ConnectionFailedError, match="no connection to NATS"):
        await stream_info(client, STREAM)


async def test_a_denied_request_of_the_api_fails_at_once():
    settings = 'authorization {users: [{user: a, password: p, permissions: {publish: "x", subscribe: ">"}}]}'
    async with EmbeddedServer(config=settings) as server, connected(server, user="a", password="p") as client:
        with at_once(), pytest.raises(PermissionDeniedError, match=r"allow \$JS\.API\.STREAM\.MSG\.GET\.S "):
            await is_readable(client, STREAM, 1)


async def answered_with(client, body):
    """Return stream info from a server that answers with `body`."""

    async def answer(message):
        await client.publish(message.reply, body)

    await client.subscribe("$JS.API.LIE", cb=answer)
    return await request(client, STREAM, "LIE", {}, StreamInfoReply)


STATE = '{"created":"2026-01-01T00:00:00Z","config":{},"state":{"messages":1,"first_seq":1,"last_seq":%s}}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 100_000,
        b'{"created":"\xff"}',
        b'{"state":null}',
        *(
            (STATE % number).encode()
            for number in ("-1", "1.0", '"1"', "9223372036854775808", "1" + "0" * 5000, "1e999")
        ),
        b'{"config":{"subjects":5}}',
        b'{"config":{"subjects":[null]}}',
        b'{"config":{"num_replicas":"3"}}',
        b'{"config":{"max_bytes":{}}}',
        b'{"config":{"max_age":"1h"}}',
        b'{"config":{"max_consumers":[]}}',
        b'{"error":{"code":"x"}}',
    ],
    ids=range(16),
)
async def test_stream_info_with_values_that_no_server_gives_is_an_error(client, body):
    with pytest.raises(ConnectionFailedError, match="the answer about stream S is not JetStream's"):
        await answered_with(client, body)


@pytest.mark.parametrize(
    "body", [b'{"a":' * 100_000, b'{"stream":"\xff"}', b'{"seq":-1}', b'{"seq":"1"}', b"[]", b"", b'{"seq":1e99}']
)
def test_an_acknowledgement_that_does_not_decode_is_an_empty_one(body):
    assert decode_ack(body) == PubAck()


@pytest.mark.parametrize(("which", "seq"), [({"seq": 7}, 8), ({"seq": 7, "next_by_subj": ">"}, 6)])
async def test_a_message_at_another_sequence_than_was_requested_is_an_error(client, monkeypatch, which, seq):
    reply = MessageReply(message=Message("S.x", seq, "2026-01-01T00:00:00Z"))

    async def answer(*_, **__):
        return reply

    monkeypatch.setattr("auditor.jetstream.api.request", answer)
    with pytest.raises(WrongAnswerError, match=f"is for sequence {seq}, not 7"):
        await get_message(client, STREAM, **which)


async def test_a_consumer_is_deleted_and_a_missing_one_is_no_error(server, client):
    await create(client)
    await create_consumer(client, STREAM, "c", start=1)
    for _ in range(2):
        await delete_consumer(client, STREAM, "c")
        assert await consumer_info(client, STREAM, "c") is None


async def test_a_stream_without_a_place_for_a_consumer_says_so(client):
    await create(client, max_consumers=1)
    await create_consumer(client, STREAM, "one", start=1)
    with pytest.raises(ConsumerLimitError, match="stream S has as many consumers as max_consumers allows"):
        await create_consumer(client, STREAM, "two", start=1)


def test_the_limit_of_an_account_is_that_of_the_tier_of_the_stream():
    decoded = msgspec.json.decode(
        b'{"limits":{"max_consumers":9},"tiers":{"R1":{"limits":{"max_consumers":5}},"R3":{}}}', type=AccountInfoReply
    )
    assert [decoded.max_consumers(replicas) for replicas in (1, 3, 5)] == [5, -1, 9]
