"""Requests and inboxes, against a real server."""

from __future__ import annotations

import asyncio

import pytest
from nats import errors

from auditor.embedded_server import EmbeddedServer
from auditor.errors import PermissionDeniedError
from auditor.jetstream.connection.client import LineTooLongError
from tests.live.connecting import at_once, connected


async def test_every_request_gets_its_own_reply(client):
    async def echo(message):
        await client.publish(message.reply, message.data)

    await client.subscribe("echo", cb=echo)
    answers = await asyncio.gather(*(client.request("echo", b"%d" % number) for number in range(500)))
    assert [answer.data for answer in answers] == [b"%d" % number for number in range(500)]


async def test_a_request_without_responders_fails_at_once(client):
    with at_once(), pytest.raises(errors.NoRespondersError):
        await client.request("nobody")


async def test_a_request_without_an_answer_times_out(client):
    await client.subscribe("silence")
    with pytest.raises(errors.TimeoutError):
        await client.request("silence", timeout=0.05)


async def test_a_reply_with_a_status_header_is_not_taken_for_no_responders(client):
    async def answer(message):
        await client.publish(message.reply, b"", headers={"Status": "503"})

    await client.subscribe("question", cb=answer)
    assert (await client.request("question")).headers == {"Status": "503"}


async def test_a_denied_request_fails_at_once_and_names_the_subject():
    permissions = 'authorization {users: [{user: a, password: b, permissions: {publish: "Some.*", subscribe: ">"}}]}'
    async with EmbeddedServer(config=permissions) as server, connected(server, user="a", password="b") as client:
        await client.subscribe("Some.thing")
        allowed = asyncio.create_task(client.request("Some.thing", timeout=0.3))
        denied = pytest.raises(PermissionDeniedError, match=r"publish to \$JS\.API\.STREAM\.INFO\.Orders: allow")
        with at_once(), denied:
            await client.request("$JS.API.STREAM.INFO.Orders", timeout=30)
        with pytest.raises(errors.TimeoutError):
            await allowed
        assert client.is_connected


async def test_a_denied_inbox_fails_at_once_and_names_the_prefix():
    permissions = 'authorization {users: [{user: a, password: b, permissions: {publish: ">", subscribe: "_OTHER.>"}}]}'
    async with EmbeddedServer(config=permissions) as server, connected(server, user="a", password="b") as client:
        for _ in range(2):
            with at_once(), pytest.raises(PermissionDeniedError, match=r"subscribe to _INBOX_auditor\.>"):
                await client.request("$JS.API.INFO", timeout=30)
    async with (
        EmbeddedServer(config=permissions) as server,
        connected(server, user="a", password="b", inbox_prefix="_OTHER") as client,
    ):
        assert (await client.request("$JS.API.INFO")).data


async def test_requests_in_flight_fail_at_once_when_the_connection_is_lost(server, client, caplog):
    await client.subscribe("silence")
    waiting = asyncio.create_task(client.request("silence", timeout=30))
    assert (await client.request("$JS.API.INFO")).data
    with at_once():
        server.kill()
        with pytest.raises(errors.ConnectionReconnectingError):
            await waiting
        with pytest.raises(errors.ConnectionReconnectingError):
            await client.request("$JS.API.INFO", timeout=30)
    await server.start()
    await client.wait_connected()
    assert (await client.request("$JS.API.INFO")).data
    assert caplog.records == []


async def test_a_message_that_was_not_sent_before_the_connection_was_lost_is_not_sent_over_the_next(client):
    heard = asyncio.Queue()

    async def note(message):
        await heard.put(message.data)

    await client.subscribe("orders", cb=note)
    await client.publish("orders", b"late")
    await client._process_op_err(ConnectionResetError())
    await client.wait_connected()
    await client.publish("orders", b"new")
    async with asyncio.timeout(5):
        assert await heard.get() == b"new"


async def test_a_message_too_large_with_its_headers_is_refused_and_the_connection_stays():
    async with EmbeddedServer(config="max_payload: 1000") as server, connected(server) as client:
        await client.subscribe("large")
        block = len("NATS/1.0\r\nName: value\r\n\r\n")
        await client.publish("large", b"x" * (1000 - block), headers={"Name": " value "})
        with pytest.raises(errors.MaxPayloadError):
            await client.publish("large", b"x" * (1001 - block), headers={"Name": "value"})
        await client.flush()
        assert client.stats["reconnects"] == 0


async def test_a_subject_for_which_the_server_would_close_the_connection_is_not_sent(client):
    with pytest.raises(LineTooLongError):
        await client.publish("x" * 4_096)
    await client.publish("x" * 4_000)
    await client.flush()
    assert client.is_connected


async def test_the_error_of_an_operation_without_a_connection_gives_the_last_error_or_the_cause(server, client):
    server.kill()
    with at_once(), pytest.raises(errors.ConnectionReconnectingError) as cause:
        await client.request("question")
    assert str(client.not_connected_error(cause.value)) == f"no connection to NATS ({client.last_error_text})"
    client.last_error_text = ""
    assert str(client.not_connected_error(cause.value)) == f"no connection to NATS ({cause.value})"


async def test_a_client_that_was_closed_gives_that_as_the_reason(client):
    await client.close()
    assert str(client.not_connected_error()) == "no connection to NATS (it was closed)"


async def test_messages_that_were_not_requested_end_the_connection_before_they_fill_the_memory(client, monkeypatch):
    monkeypatch.setattr("auditor.jetstream.connection.client.MAX_UNREAD_BYTES", 1_000_000)
    inbox = await client.open_inbox(lambda _: None)
    for _ in range(200):
        await client.publish(inbox.subject, b"x" * 50_000)
        if inbox.failed:
            break
        await client.flush()
    assert isinstance(inbox.failed, errors.Error)
    assert len(inbox.messages) < 60
    await client.wait_connected()
    assert (await client.request("$JS.API.INFO")).data
