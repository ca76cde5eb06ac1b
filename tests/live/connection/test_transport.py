"""TLS, WebSockets, and aborting a connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from auditor.config import NatsConfig, TlsConfig
from auditor.embedded_server import EmbeddedServer, reserved_port
from auditor.errors import ConnectionFailedError
from auditor.jetstream.connection import connection
from auditor.jetstream.connection.client import connect
from tests.live.connecting import at_once, config, connected
from tests.live.proxy import Proxy

TLS = Path(__file__).parents[1] / "tls"
CA = str(TLS / "ca.pem")
OURS = TlsConfig(ca_file=CA, cert_file=str(TLS / "client.pem"), key_file=str(TLS / "client-key.pem"))
PASSWORD = "authorization {user: a, password: b}"
# For objects that nats-py passes to aiohttp.
WARNS = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")


def tls(*, verify: bool = False) -> str:
    return f"""tls {{cert_file: "{TLS}/server.pem", key_file: "{TLS}/server-key.pem", ca_file: "{TLS}/ca.pem",
        verify: {str(verify).lower()}, timeout: 5}}"""


async def refusal(settings: NatsConfig) -> str:
    with pytest.raises(ConnectionFailedError) as caught:
        await connect(settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_tls_works_with_the_right_ca_and_with_a_client_certificate():
    async with EmbeddedServer(config=tls()) as server, connected(server, tls=TlsConfig(ca_file=CA)) as client:
        assert (await client.request("$JS.API.INFO")).data
    async with EmbeddedServer(config=tls(verify=True)) as server, connected(server, tls=OURS) as client:
        assert (await client.request("$JS.API.INFO")).data
        server.kill()
        await server.start()
        await client.wait_connected()
        assert (await client.request("$JS.API.INFO")).data


async def test_a_certificate_of_an_unknown_ca_is_refused():
    async with EmbeddedServer(config=tls()) as server:
        assert "set nats.tls.ca_file" in await refusal(config(server.url))


async def test_without_a_client_certificate_a_server_that_requires_one_is_an_error():
    async with EmbeddedServer(config=tls(verify=True)) as server:
        with at_once():
            assert await refusal(config(server.url, tls=TlsConfig(ca_file=CA)))


async def test_the_error_names_what_the_tls_of_the_server_expects():
    async with EmbeddedServer(config=tls(verify=True)) as server:
        assert "set nats.tls.cert_file" in await refusal(config(server.url, tls=TlsConfig(ca_file=CA)))
    async with EmbeddedServer(config=tls()) as server:
        other = TlsConfig(ca_file=CA, server_name="nats.example")
        assert "set nats.tls.server_name" in await refusal(config(server.url, tls=other))
        right = TlsConfig(ca_file=CA, server_name="localhost")
        async with connected(server, tls=right) as client:
            assert (await client.request("$JS.API.INFO")).data


async def test_a_server_that_begins_with_tls_needs_the_setting_and_the_error_names_it():
    first = tls().replace("timeout: 5", "timeout: 1, handshake_first: true")
    async with EmbeddedServer(config=f"{first}\n{PASSWORD}") as server:
        login = {"user": "a", "password": "b"}
        assert "set nats.tls.handshake_first" in await refusal(config(server.url, tls=TlsConfig(ca_file=CA), **login))
        async with connected(server, tls=TlsConfig(ca_file=CA, handshake_first=True), **login) as client:
            assert (await client.request("$JS.API.INFO")).data
            server.kill()
            await server.start()
            await client.wait_connected()
            assert (await client.request("$JS.API.INFO")).data


@WARNS
async def test_an_unknown_ca_over_a_websocket_is_named_as_over_tls():
    with reserved_port() as port:
        files = f'cert_file: "{TLS}/server.pem", key_file: "{TLS}/server-key.pem"'
        settings = f"websocket {{ listen: '127.0.0.1:{port}', tls {{ {files} }} }}"
        async with EmbeddedServer(config=settings):
            assert "set nats.tls.ca_file" in await refusal(config(f"wss://127.0.0.1:{port}"))


async def test_a_password_is_never_sent_without_the_required_tls():
    async with EmbeddedServer(config=PASSWORD) as server:
        for settings in (
            config(server.url, user="a", password="b", tls=TlsConfig(ca_file=CA)),
            config(server.url.replace("nats", "tls"), user="a", password="b"),
        ):
            assert "offers no TLS" in await refusal(settings)


async def test_a_dead_tls_connection_is_aborted_without_waiting(monkeypatch):
    monkeypatch.setattr(connection, "PING_INTERVAL", 0.1)
    async with (
        EmbeddedServer(config=tls()) as server,
        Proxy(server) as proxy,
        connected(proxy, tls=TlsConfig(ca_file=CA)) as client,
    ):
        proxy.freeze()
        async with asyncio.timeout(5):
            while client.stats["reconnects"] == 0:
                await asyncio.sleep(0.01)
        assert (await client.request("$JS.API.INFO")).data


@WARNS
async def test_a_connection_works_over_a_websocket():
    with reserved_port() as port:
        settings = f"websocket {{ listen: '127.0.0.1:{port}', no_tls: true }}"
        async with EmbeddedServer(config=settings) as server:
            client = await connect(config(f"ws://127.0.0.1:{port}"))
            assert (await client.request("$JS.API.INFO")).data
            server.kill()
            await server.start()
            await client.wait_connected()
            assert (await client.request("$JS.API.INFO")).data
            await client.close()


@WARNS
async def test_a_server_without_websockets_is_distinguished_from_a_missing_one():
    async with EmbeddedServer() as server:
        url = server.url.replace("nats", "ws")
        assert "no WebSocket server answers there" in await refusal(config(url))
        server.kill()
        assert "WebSocket" not in await refusal(config(url))
