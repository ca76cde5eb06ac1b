"""Requests to JetStream's API: replies and errors."""

from __future__ import annotations

import pytest

from auditor.embedded_server import EmbeddedServer
from auditor.errors import ConnectionFailedError, PermissionDeniedError, StreamNotFoundError
from auditor.jetstream.api import (
    JetStreamError,
    Reply,
    consumer_info,
    create_consumer,
    is_readable,
    request,
    stream_info,
)
from tests.live.connecting import at_once, connected
from tests.live.streams import STREAM, create, fill


async def test_a_consumer_starts_at_the_sequence_and_has_the_filter(server, client):
    await create(client)
    await fill(server, 10)
    created = await create_consumer(client, STREAM, "c", start_seq=4, subjects=["S.events.order.order-5"])
    assert created.num_pending == 1
    info = await consumer_info(client, STREAM, "c")
    assert (info.num_pending, info.num_waiting, info.delivered.consumer_seq) == (1, 0, 0)


async def test_a_missing_stream_consumer_and_message_are_distinguished(client):
    with pytest.raises(StreamNotFoundError):
        await stream_info(client, "NONE")
    with pytest.raises(StreamNotFoundError):
        await create_consumer(client, "NONE", "c", start_seq=1)
    with pytest.raises(StreamNotFoundError):
        await is_readable(client, "NONE", 1)
    await create(client)
    assert await consumer_info(client, STREAM, "none") is None
    assert not await is_readable(client, STREAM, 1)


async def test_a_permanent_error_has_the_description_and_the_code_of_jetstream(client):
    await create(client)
    with pytest.raises(JetStreamError, match=r"stream S: .*overlap.* \(error 10138\)"):
        await create_consumer(client, STREAM, "c", start_seq=1, subjects=["S.a.>", "S.a.b"])


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
