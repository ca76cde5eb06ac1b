"""The connection, against a real server and compared with nats-py."""

from __future__ import annotations

import asyncio
import importlib.metadata
import inspect
import json
from contextlib import suppress

import pytest
from nats import errors
from nats.aio.client import Client as NatsClient

from auditor.config import NatsConfig
from auditor.embedded_server import EmbeddedServer
from auditor.errors import ConnectionFailedError
from auditor.jetstream.connection import connection
from auditor.jetstream.connection.client import Client, connect
from tests.live.connecting import at_once, config, connected
from tests.live.lying_proxy import LyingProxy
from tests.live.proxy import Proxy
from tests.live.raw import Publication, publish

PASSWORD = "authorization {user: a, password: b}"

OURS = {name for kind in (Client, connection.Connection) for name in vars(kind)} - set(vars(object))
OVERRIDDEN = sorted(OURS & set(vars(NatsClient)) - {"__module__", "__doc__"})


def test_nats_py_is_the_release_whose_private_methods_are_overridden():
    assert importlib.metadata.version("nats-py") == "2.16.0"


def test_exactly_these_methods_of_nats_py_are_overridden():
    assert OVERRIDDEN == [
        "_attempt_reconnect",
        "_build_message",
        "_close",
        "_connect_command",
        "_connect_to_server",
        "_process_connect_init",
        "_process_err",
        "_process_headers",
        "_process_op_err",
        "_process_pong",
        "_read_loop",
        "_remove_sub",
        "_setup_server_pool",
        "publish",
        "request",
        "ssl_context",
    ]


@pytest.mark.parametrize("name", [name for name in OVERRIDDEN if name != "ssl_context"])
def test_every_overridden_method_has_the_same_signature(name):
    ours, theirs = getattr(Client, name), getattr(NatsClient, name)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


async def test_an_error_that_ends_the_connection_does_not_end_the_client(client):
    for _ in range(2):
        await NatsClient.publish(client, "x" * 5000, b"a subject longer than the server's control line")
        async with asyncio.timeout(10):
            while client.is_connected:
                await asyncio.sleep(0.01)
            await client.wait_connected()
    assert (await client.request("$JS.API.INFO")).data


async def test_a_dead_connection_is_noticed_and_replaced(server, monkeypatch):
    monkeypatch.setattr(connection, "PING_INTERVAL", 0.1)
    async with Proxy(server) as proxy, connected(proxy) as client:
        await client.subscribe("silence")
        proxy.freeze()
        with pytest.raises(errors.ConnectionReconnectingError):
            await client.request("silence", timeout=30)
        await client.wait_connected()
        assert (await client.request("$JS.API.INFO")).data


async def test_an_error_that_nats_py_does_not_expect_does_not_end_its_reconnecting(server, client, monkeypatch):
    asked = 0

    def unexpected():
        nonlocal asked
        asked += 1
        if asked < 3:
            raise ZeroDivisionError
        return connection.Connection._connect_command(client)

    monkeypatch.setattr(client, "_connect_command", unexpected)
    await server.restart()
    async with asyncio.timeout(10):
        while asked < 3:
            await asyncio.sleep(0.01)
        await client.wait_connected()
    assert (await client.request("$JS.API.INFO")).data


async def test_a_flush_that_timed_out_leaves_the_connection_usable(server):
    async with Proxy(server) as proxy, connected(proxy) as client:
        proxy.freeze()
        with pytest.raises(errors.TimeoutError):
            await client.flush(timeout=0.05)
        proxy.thaw()
        await client.flush()
        assert client.stats["reconnects"] == 0


async def test_waiting_for_a_closed_client_raises(server):
    client = await connect(config(server.url))
    server.kill()
    async with asyncio.timeout(10):
        while client.is_connected:
            await asyncio.sleep(0.01)
    waiting = asyncio.create_task(client.wait_connected())
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ConnectionFailedError):
        await waiting
    with pytest.raises(errors.ConnectionClosedError):
        await client.request("$JS.API.INFO")


@pytest.mark.parametrize(
    ("subject", "headers"),
    [
        (b"seen.\xff\xfe", None),
        (b"seen.a\x0bb\x0cc\x00\x1c", None),
        (b"seen.short", b"NATS/1.0"),
        (b"seen.short", b"abc"),
        (b"seen.text", b"NATS/1.0\r\n\xff\xfe: \xff\r\nA: \xff\r\n\r\n"),
    ],
)
async def test_the_connection_stays_usable_after_any_message(server, client, subject, headers):
    heard = asyncio.get_running_loop().create_future()

    async def note(message):
        heard.set_result(message)

    await client.subscribe("seen.>", cb=note)
    await client.request("$JS.API.STREAM.CREATE.SEEN", b'{"name":"SEEN","subjects":["seen.>"]}')
    await publish(server.port, [Publication(subject, b"body", headers)])
    async with asyncio.timeout(5):
        message = await heard
    assert message.subject.encode(errors="surrogateescape") == subject
    assert message.data == b"body"
    assert (await client.request("$JS.API.INFO")).data
    assert client.stats["reconnects"] == 0


async def refusal(settings: NatsConfig) -> str:
    with pytest.raises(ConnectionFailedError) as caught:
        await connect(settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_the_error_of_an_unreachable_server_is_one_line_with_what_to_do(unused_url, caplog):
    with at_once():
        said = await refusal(config(unused_url.replace("//", "//me:secret@")))
    assert (
        said
        == f"cannot connect to NATS at {unused_url}: connection refused: check that the server runs, and nats.servers"
    )
    assert caplog.records == []


async def test_each_server_is_tried_once_before_connecting_fails():
    tries = 0

    async def refuse(reader, writer):
        nonlocal tries
        tries += 1
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener:
        await refusal(config(f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}"))
    assert tries == 1


async def test_one_server_of_several_is_enough(server, unused_url):
    client = await connect(NatsConfig(servers=(unused_url, server.url)))
    assert client.is_connected
    await client.close()


@pytest.mark.parametrize("settings", [{}, {"user": "a", "password": "x"}, {"token": "x"}])
async def test_wrong_credentials_are_an_error_that_names_them(settings):
    async with EmbeddedServer(config=PASSWORD) as server:
        said = await refusal(config(server.url, **settings))
    assert "refuses the credentials" in said
    assert "check credentials_file, user, token" in said


async def test_user_and_password_or_a_token_are_accepted():
    async with EmbeddedServer(config=PASSWORD) as server, connected(server, user="a", password="b") as client:
        assert client.is_connected
    async with EmbeddedServer(config="authorization {token: t}") as server, connected(server, token="t") as client:
        assert client.is_connected


async def test_a_program_that_is_not_a_nats_server_is_named_as_such():
    async def answer(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        said = await refusal(config(f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}"))
    assert "no NATS server" in said


@pytest.mark.parametrize(
    "line",
    [
        b"INFO []",
        b"INFO {garbage",
        b'INFO {"max_payload":"x"}',
        b'INFO {"max_payload":0}',
        b'INFO {"max_payload":-1}',
        b'INFO {"max_payload":true}',
        b'INFO {"connect_urls":[5,null]}',
        b"INFO " + b'{"a":' * 100_000,
        b"MSG a 99999 99999999999",
        b"MSG a " + b"9" * 5000 + b" 1",
        b"-ERR '\x1b[31m\xff\x00'",
        b"HELLO",
    ],
)
async def test_after_a_line_that_no_server_sends_the_client_is_usable(server, line):
    async with LyingProxy(server, lambda delivery: delivery.frame()) as proxy, connected(proxy) as client:
        proxy.say(line + b"\r\n")
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.request("$JS.API.INFO")
                    break
                except errors.Error:
                    await asyncio.sleep(0.05)
        assert client.max_payload == 1 << 20


async def test_messages_without_a_subscription_and_without_an_end_end_the_connection(server, client):
    async with LyingProxy(server, lambda delivery: delivery.frame()) as proxy, connected(proxy) as connection:
        lost = asyncio.Event()
        inbox = await connection.open_inbox(lambda inbox: lost.set() if inbox.failed else None)
        proxy.say(b"MSG a 99999 3\r\nabc\r\n" * 10_000)
        assert (await connection.request("$JS.API.INFO")).data
        assert not lost.is_set()
        proxy.say(b"MSG a 99999 3\r\nabc\r\n" * 30_000)
        await asyncio.wait_for(lost.wait(), 10)
        assert inbox.failed
        await connection.wait_connected()
        assert (await connection.request("$JS.API.INFO")).data


GOOD_INFO = {"server_id": "x", "version": "2.15.1", "max_payload": 1 << 20, "headers": True}


@pytest.mark.parametrize(
    "info",
    [
        b"[]",
        b'{"a":' * 100_000,
        *(
            json.dumps({**GOOD_INFO, name: value}).encode()
            for name, value in [
                ("max_payload", "x"),
                ("max_payload", 0),
                ("max_payload", (64 << 20) + 1),
                ("max_payload", 1.5),
                ("server_id", None),
                ("version", 2),
                ("headers", False),
                ("headers", None),
            ]
        ),
        *(json.dumps({k: v for k, v in GOOD_INFO.items() if k != name}).encode() for name in GOOD_INFO),
    ],
    ids=range(14),
)
async def test_a_server_whose_first_line_is_not_server_information_is_refused(info):
    async def serve(reader, writer):
        writer.write(b"INFO " + info + b"\r\nPONG\r\n")
        with suppress(OSError):
            await reader.read()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    with pytest.raises(ConnectionFailedError):
        await asyncio.wait_for(connect(config(f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}")), 15)
    listener.close()
